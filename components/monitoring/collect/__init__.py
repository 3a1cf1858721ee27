"""Who collects metrics: what scrapes, Prometheus of our own, and the exporter of GPU metrics."""
