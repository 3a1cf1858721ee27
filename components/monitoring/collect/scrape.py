"""Who collects metrics, and the object through which a component asks to be read.

A component adds its own scrape object where the collector reads such objects (Google's managed Prometheus, the
Prometheus operator). The standalone server is told about every target at once, in its configuration file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from ...catalog.charts import chart
from ...core.config import Bytes, Config, Count, Cpu, DnsLabel, DnsName, Image, LabelKey, LabelValue, Seconds
from ...core.facts import TrackFacts
from ...core.manifest import metadata, object_item
from ...core.names import physical_name
from ...core.plan import Item

MANAGED_NAMESPACE = "gke-gmp-system"
"""Where GKE runs the collectors of Google's managed Prometheus, on Standard and Autopilot."""
PROMETHEUS_PORT = 9090
STANDALONE_NAME = "prometheus-server"
"""Never `prometheus`: Kubernetes would give every pod of the namespace PROMETHEUS_PORT=tcp://…, which TGI reads as its
own setting and refuses (huggingface/text-generation-inference@v3.3.5 launcher/src/main.rs)."""
INTERVAL_SECONDS = 15
"""Often enough for an autoscaler that looks every 15 s, as HorizontalPodAutoscalers do."""

Interval = Annotated[Seconds, Field(ge=5)]
"""Seconds between two readings, at least 5."""


class ManagedPrometheus(Config):
    """Google Cloud Managed Service for Prometheus, which GKE runs: nothing to install.

    It reads PodMonitoring objects, and neither annotations nor the Prometheus operator's objects.
    """

    kind: Literal["managed"]
    """Who runs it: Google."""
    interval_seconds: Interval = INTERVAL_SECONDS
    """Seconds between two readings; each sample is billed. Omitted: 15."""


class OperatorPrometheus(Config):
    """A Prometheus that the Prometheus operator runs, installed by this stack's addons or present in the cluster."""

    kind: Literal["operator"]
    """Who runs it: the Prometheus operator."""
    interval_seconds: Interval = INTERVAL_SECONDS
    """Seconds between two readings. Omitted: 15."""
    namespace: DnsLabel | None = None
    """Where its server pods run, which network policies let in. Omitted: where our pinned chart puts them."""
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Labels on each PodMonitor. An installation of kube-prometheus-stack that was not made by this stack ignores
    every PodMonitor without `release: <name of its Helm release>`, unless it was told otherwise. Omitted: none,
    which is right for the chart this stack installs."""


class EphemeralStorage(Config):
    """Samples in the pod's own temporary folder: gone with the pod."""

    kind: Literal["ephemeral"]
    """The storage's kind."""
    size: Bytes = "4Gi"
    """Most bytes it may take; the pod is evicted above. Omitted: 4Gi."""


class PersistentStorage(Config):
    """Samples on a volume that outlives the pod."""

    kind: Literal["persistent"]
    """The storage's kind."""
    size: Bytes = "20Gi"
    """Size of the volume. Omitted: 20Gi."""
    storage_class: DnsName | None = None
    """Storage class of the claim. Omitted: the cluster's default."""


class StandalonePrometheus(Config):
    """One small Prometheus server of our own, for clusters that have none.

    It finds pods through the Kubernetes API, and may read the namespaces of its targets only.
    """

    kind: Literal["standalone"]
    """Who runs it: this stack."""
    interval_seconds: Interval = INTERVAL_SECONDS
    """Seconds between two readings. Omitted: 15."""
    namespace: DnsLabel = "monitoring"
    """Namespace it runs in, which must exist. Omitted: monitoring."""
    retention_days: Count = 7
    """Days a sample is kept; when the storage is nine tenths full, the oldest go earlier. Omitted: 7."""
    storage: Annotated[EphemeralStorage | PersistentStorage, Field(discriminator="kind")] = EphemeralStorage(
        kind="ephemeral"
    )
    """Where samples are kept. Omitted: in the pod, so they are lost when it moves."""
    cpu: Cpu = "250m"
    """CPU request. Omitted: 250m."""
    memory: Bytes = "1Gi"
    """Memory request and limit. Omitted: 1Gi."""
    image: Image | None = None
    """Server image. Omitted: the pinned one of our catalog."""


class NoPrometheus(Config):
    """Nothing collects metrics; autoscalers on engine metrics are refused."""

    kind: Literal["none"]
    """Who runs it: nobody."""


PrometheusConfig = Annotated[
    ManagedPrometheus | OperatorPrometheus | StandalonePrometheus | NoPrometheus, Field(discriminator="kind")
]
"""Which Prometheus reads this stack's metrics, by `kind`."""


@dataclass(frozen=True, slots=True)
class ScrapeTarget:
    """Pods whose metrics are read.

    Attributes:
        job: what they are to Prometheus, such as the engine's name: `tgi`.
        namespace: where they run.
        selector: labels they all carry.
        port: name of the container port that serves metrics.
        path: HTTP path of the metrics.
    """

    job: str
    namespace: str
    selector: Mapping[str, str]
    port: str
    path: str = "/metrics"


def scrape_targets(tracks: Sequence[TrackFacts]) -> Iterator[ScrapeTarget]:
    """One model's pods for a Prometheus that is told its targets: a job an engine, as the source document has it."""
    groups: dict[tuple[str, str, str, str], list[TrackFacts]] = {}
    for track in tracks:
        if track.metrics_path:
            key = (track.container, track.namespace, track.metrics_port, track.metrics_path)
            groups.setdefault(key, []).append(track)
    for (container, namespace, port, path), group in groups.items():
        shared = set.intersection(*(set(track.labels.items()) for track in group))
        yield ScrapeTarget(container, namespace, dict(sorted(shared)), port, path)


def scrape_item(
    config: PrometheusConfig,
    *,
    component: str,
    name: str,
    namespace: str,
    selector: Mapping[str, str],
    port: str,
    path: str = "/metrics",
    after: tuple[str, ...] = (),
) -> Item | None:
    """The object that makes Prometheus read a component's pods; None where objects do not decide that.

    Pods are read one by one, never through a Service: a Service's address answers for one of its pods at a time.

    Args:
        config: who collects.
        component: name of the component the object belongs to; begins its Pulumi name.
        name: physical name of the object.
        namespace: of the pods and the object.
        selector: labels of the pods.
        port: name of the container port.
        path: HTTP path of the metrics.
        after: roles of the same part that come first.
    """
    if not isinstance(config, ManagedPrometheus | OperatorPrometheus):
        return None
    endpoint: dict[str, Any] = {"port": port, "path": path, "interval": f"{config.interval_seconds}s"}
    spec: dict[str, Any] = {"selector": {"matchLabels": dict(selector)}}
    if isinstance(config, ManagedPrometheus):
        manifest = {
            "apiVersion": "monitoring.googleapis.com/v1",
            "kind": "PodMonitoring",
            "metadata": metadata(physical_name(name), namespace),
            "spec": {**spec, "endpoints": [endpoint]},
        }
    else:
        manifest = {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PodMonitor",
            "metadata": metadata(physical_name(name), namespace, labels=config.labels),
            "spec": {**spec, "podMetricsEndpoints": [endpoint]},
        }
    return object_item("scrape", component, manifest, after=after)


def scraper_namespace(config: PrometheusConfig) -> str | None:
    """The namespace that readings come from, for network policies; None when nothing reads."""
    match config:
        case ManagedPrometheus():
            return MANAGED_NAMESPACE
        case OperatorPrometheus():
            return config.namespace or chart("kube-prometheus-stack").namespace
        case StandalonePrometheus():
            return config.namespace
        case _:
            return None


def prometheus_url(config: PrometheusConfig) -> str | None:
    """Where PromQL is answered inside the cluster; None where no such address exists.

    Google's managed Prometheus answers only with Google credentials, through its own front end.
    """
    match config:
        case OperatorPrometheus():
            # The operator gives every Prometheus this Service, whatever its chart or release is called.
            return f"http://prometheus-operated.{scraper_namespace(config)}.svc:{PROMETHEUS_PORT}"
        case StandalonePrometheus():
            return f"http://{STANDALONE_NAME}.{config.namespace}.svc:{PROMETHEUS_PORT}"
        case _:
            return None
