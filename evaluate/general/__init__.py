"""The general detector that the project ships: what it is trained on, and how."""
