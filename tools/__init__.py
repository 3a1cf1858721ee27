"""For developers: benchmarks and what generates the documentation. Not shipped."""
