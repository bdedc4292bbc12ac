"""Cues of a single frame; each file registers what it defines."""
