"""One script a figure; each prints a ratio or a rate."""
