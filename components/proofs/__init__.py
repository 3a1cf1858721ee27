"""Proofs: what a real cluster would reject, deadlock on, or quietly get wrong, found in the plan."""
