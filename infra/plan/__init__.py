"""From a stack to its plan."""
