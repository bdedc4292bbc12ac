"""The marks that every synthetic output carries, and the records that allow it to be made."""
