"""The pages of the dashboard: they draw, the services do."""
