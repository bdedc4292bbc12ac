"""The factory of labelled data sets: a recipe in, small repeatable units of work, a built and labelled set out."""
