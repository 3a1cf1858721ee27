"""The proofs as a Pulumi policy pack: what any program registers, judged by the same rules."""
