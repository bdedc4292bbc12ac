"""Detectors: train one, score a video, explain the score."""
