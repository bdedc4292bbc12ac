"""What the dashboard's server runs as a script."""
