"""Sorting, cleaning and showing a face set, without ever deleting a face."""
