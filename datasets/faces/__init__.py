"""Finding, tracking and aligning faces."""
