"""What an environment costs: a band from its fewest to its most replicas, line by line, with dates and sources."""
