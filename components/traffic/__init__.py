"""Services and routes."""
