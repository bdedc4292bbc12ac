"""The audit of a labelled data set: what could tell its classes apart besides the swap."""
