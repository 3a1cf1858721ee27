"""Any other server in a container."""
