"""What the proofs say of an environment."""
