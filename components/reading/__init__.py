"""A plan looked up: its pods, what selects and scales them, and where they can run."""
