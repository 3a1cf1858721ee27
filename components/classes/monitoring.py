"""Pulumi components for the DCGM exporter and the standalone Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

import pulumi

from ..monitoring.collect.dcgm_exporter import DcgmExporterConfig, dcgm_exporter
from ..monitoring.collect.prometheus import standalone
from ..monitoring.collect.scrape import PrometheusConfig, ScrapeTarget, StandalonePrometheus
from .component import Component


class DcgmExporter(Component):
    """NVIDIA's GPU exporter on every GPU node, for clusters without GKE's managed one.

    Args:
        name: name of the component; its objects are always called dcgm-exporter.
        config: its settings. Omitted: the defaults.
        namespace: where it runs; must admit privileged pods.
        prometheus: who reads it. Omitted: nobody.
        opts: Pulumi options.
    """

    def __init__(
        self,
        name: str,
        config: DcgmExporterConfig | None = None,
        *,
        namespace: str,
        prometheus: PrometheusConfig | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        settings = config or DcgmExporterConfig()
        super().__init__(dcgm_exporter(settings, namespace=namespace, prometheus=prometheus, name=name), opts=opts)

    @property
    def namespace(self) -> pulumi.Output[str]:
        """Where it runs."""
        return self.output("namespace")


class Prometheus(Component):
    """A small Prometheus server, for clusters without one.

    Args:
        name: name of the component; its objects are always called prometheus-server.
        config: its settings.
        targets: every group of pods it reads.
        opts: Pulumi options.
    """

    def __init__(
        self,
        name: str,
        config: StandalonePrometheus,
        *,
        targets: Iterable[ScrapeTarget],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(standalone(config, targets=targets, name=name), opts=opts)

    @property
    def url(self) -> pulumi.Output[str]:
        """Where it answers PromQL inside the cluster."""
        return self.output("url")
