"""Swap models: train one, render with it, put the face back into the frame."""
