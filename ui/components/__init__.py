"""Small parts of the dashboard of our own."""
