"""Who collects the metrics of an environment: settings that its collectors share."""

from __future__ import annotations

from ..core.config import Config, defaults
from .collect.dcgm_exporter import DcgmExporterConfig, DcgmSource
from .collect.scrape import PrometheusConfig


class ObservabilityConfig(Config):
    """Who collects metrics."""

    prometheus: PrometheusConfig | None = None
    """Which Prometheus reads the models. Omitted: Google's managed one on GKE, none elsewhere."""
    dcgm: DcgmSource | None = None
    """Whose DCGM exporter reports GPUs: GKE's own, a DaemonSet of ours, or none. Two at once report twice. Omitted:
    GKE's own on clusters this stack makes, none elsewhere."""
    dcgm_exporter: DcgmExporterConfig = defaults(DcgmExporterConfig)
    """Settings of our DaemonSet. Omitted: its defaults."""
