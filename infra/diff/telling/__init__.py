"""What a change means, in words."""
