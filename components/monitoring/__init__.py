"""Metrics: DCGM exporter and Prometheus."""
