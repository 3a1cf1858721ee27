"""What a change does: two snapshots of an environment compared, classed, and told."""
