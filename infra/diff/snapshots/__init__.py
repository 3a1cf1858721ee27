"""What an environment was, from a plan, a rendered folder or a cluster."""
