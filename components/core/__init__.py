"""What everything else is said in: the plan, settings, errors, names, quantities."""
