"""The Helm releases of the add-ons that a stack installs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from ..catalog.charts import ChartVersion, all_charts
from ..core.errors import ConfigError, Path, Problem
from ..core.manifest import without_none
from ..core.plan import Item, Part
from ..core.providers import HELM_RELEASE
from .adapter import PodMetric, adapter_rules
from .addons import AddonsConfig

KIND = "Chart"
"""The component that one Helm release is."""
_FOUNDATIONS = {"istio_ingress": "istio", "keda_http": "keda", "metrics_adapter": "prometheus_operator"}
"""Which add-on another one is built on, and waits for where the stack installs both."""


def charts(
    config: AddonsConfig,
    *,
    prometheus_url: str | None = None,
    pod_metrics: Iterable[PodMetric] = (),
    after: tuple[str, ...] = (),
    path: Path = ("addons",),
) -> list[Part]:
    """A part for each chart that the stack installs, in an order that works.

    Args:
        config: the environment's add-ons.
        prometheus_url: where prometheus-adapter asks; needed when the stack installs it.
        pod_metrics: metrics that autoscalers read, for prometheus-adapter.
        after: parts that come before any chart, such as the cluster's.
        path: where the add-ons' configuration stands.

    Raises:
        ConfigError: when prometheus-adapter is to be installed without a Prometheus it can ask.
    """
    metrics = tuple(pod_metrics)
    keys: dict[str, tuple[str, ...]] = {}
    parts: list[Part] = []
    for entry in all_charts():
        if config.state(entry.addon) != "install":
            continue
        below = (*path, entry.addon)
        before = (*after, *keys.get(_FOUNDATIONS.get(entry.addon, ""), ()), *keys.get(entry.addon, ()))
        part = chart_part(entry, _values(entry, prometheus_url, metrics, below), after=before, path=below)
        keys[entry.addon] = (*keys.get(entry.addon, ()), part.key)
        parts.append(part)
    return parts


def chart_keys(config: AddonsConfig) -> dict[str, str]:
    """The key of the part that makes each add-on which the stack installs whole: that of its last chart."""
    return {entry.addon: f"{KIND}/{entry.release}" for entry in all_charts() if config.state(entry.addon) == "install"}


def chart_part(entry: ChartVersion, values: dict[str, Any], *, after: tuple[str, ...] = (), path: Path = ()) -> Part:
    """One Helm release.

    Atomic: a chart that fails is taken out again, so that the next `pulumi up` starts clean instead of on
    "cannot re-use a name that is still in use". Helm installs a chart's CRDs, and never upgrades those of a
    `crds/` folder: a new chart version's notes say what to apply.
    """
    properties = without_none(
        name=entry.release,
        chart=entry.chart,
        version=entry.version,
        namespace=entry.namespace,
        createNamespace=entry.namespace != "kube-system",
        repositoryOpts={"repo": entry.repository} if entry.repository else None,
        values=values,
        atomic=True,
        skipAwait=False,
        timeout=entry.timeout_seconds,
    )
    item = Item("release", HELM_RELEASE, f"{entry.release}-release", properties, timeout_seconds=entry.timeout_seconds)
    outputs = {"release": entry.release, "namespace": entry.namespace, "version": entry.version}
    return Part(KIND, entry.release, (item,), outputs, after=after, path=path)


def _values(
    entry: ChartVersion, prometheus_url: str | None, metrics: tuple[PodMetric, ...], path: Path
) -> dict[str, Any]:
    match entry.release:
        case "kube-prometheus-stack":
            return _PROMETHEUS_VALUES
        case "prometheus-adapter":
            return _adapter_values(prometheus_url, metrics, path)
        case _:
            return {}


_PROMETHEUS_VALUES: dict[str, Any] = {
    "prometheus": {
        "prometheusSpec": {
            # true, the chart's default, reads only objects labelled with the name of its own release.
            f"{kind}SelectorNilUsesHelmValues": False
            for kind in ("serviceMonitor", "podMonitor", "rule", "probe", "scrapeConfig")
        }
    },
    # GKE runs these where nobody can read them, and kind binds them to the node's loopback: their "Down" alerts would
    # fire for ever (prometheus-community/helm-charts#1554, #3368).
    **{part: {"enabled": False} for part in ("kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler")},
}


def _adapter_values(prometheus_url: str | None, metrics: tuple[PodMetric, ...], path: Path) -> dict[str, Any]:
    if prometheus_url is None:
        message = (
            "prometheus-adapter has no Prometheus to ask; set observability.prometheus to kind: operator or "
            "standalone, or use metrics_adapter: {kind: stackdriver} with Google's managed Prometheus"
        )
        raise ConfigError([Problem(path, message)])
    address = urlsplit(prometheus_url)
    server = {"url": f"{address.scheme}://{address.hostname}", "port": address.port or 9090, "path": address.path}
    return {"prometheus": server, **adapter_rules(metrics, path)}
