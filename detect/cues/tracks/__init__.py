"""Cues of one face over time; each file registers what it defines."""
