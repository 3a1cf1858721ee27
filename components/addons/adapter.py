"""The metrics adapter: what an autoscaler must call an engine's metric, and the rules that make that name exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from ..core.errors import ConfigError, Path, Problem
from ..core.facts import TrackFacts
from .addons import MetricsAdapterConfig

RATE_WINDOW = "2m"
"""Eight readings at our 15 s: a rate survives a missed reading."""


@dataclass(frozen=True, slots=True, order=True)
class PodMetric:
    """A metric that pods emit and an autoscaler may read.

    Attributes:
        name: as the engine emits it, `vllm:num_requests_waiting`.
        kind: gauges are read as they are, counters as their rate a second.
        aggregate: how several series of one pod become one number: `sum` for requests, `avg` for shares of 1.
    """

    name: str
    kind: Literal["gauge", "counter"]
    aggregate: Literal["sum", "avg"] = "sum"


def pod_metrics(tracks: Iterable[TrackFacts]) -> Iterator[PodMetric]:
    """The metrics that the autoscalers of these versions read through the adapter."""
    for track in tracks:
        for name in track.adapted:
            match track.metrics[name]:
                case "gauge":
                    yield PodMetric(name, "gauge")
                case "counter":
                    yield PodMetric(name, "counter")


def hpa_metric_name(adapter: MetricsAdapterConfig, metric: str, kind: str) -> str:
    """The name under which a HorizontalPodAutoscaler finds an engine's metric.

    The Stackdriver adapter wants Cloud Monitoring's type with its slashes turned into bars
    (GoogleCloudPlatform/ai-on-gke@df226554); prometheus-adapter serves the name our rules give.

    Raises:
        ValueError: for histograms and summaries, which are no single number.
    """
    if kind not in ("gauge", "counter"):
        raise ValueError(f"{metric} is a {kind}; an autoscaler needs a gauge or a counter")
    if adapter.kind == "stackdriver":
        return f"prometheus.googleapis.com|{metric}|{kind}"
    return _served_name(metric, kind)


def adapter_rules(metrics: Iterable[PodMetric], path: Path = ()) -> dict[str, Any]:
    """Values of the prometheus-adapter chart that serve these metrics and no others, a rule each, sorted by name.

    Raises:
        ConfigError: when one name is to be read in two ways; a rule cannot tell the pods apart that emit it.
    """
    unique = sorted(set(metrics))
    twice = [
        Problem(
            path,
            f"autoscalers read {first.name} as {first.kind} ({first.aggregate}) and as {other.kind} "
            f"({other.aggregate}), but the adapter has one rule for a name; declare it alike in every model",
        )
        for first, other in pairwise(unique)
        if first.name == other.name
    ]
    if twice:
        raise ConfigError(twice)
    return {"rules": {"default": False, "custom": [_rule(metric) for metric in unique]}}


def _served_name(metric: str, kind: str) -> str:
    """The name in the API that serves the metric, where no colon can stand; a counter's says that it is a rate."""
    plain = metric.replace(":", "_")
    return f"{plain.removesuffix('_total')}_per_second" if kind == "counter" else plain


def _rule(metric: PodMetric) -> dict[str, Any]:
    series = "<<.Series>>{<<.LabelMatchers>>}"
    value = series if metric.kind == "gauge" else f"rate({series}[{RATE_WINDOW}])"
    return {
        "seriesQuery": f'{metric.name}{{namespace!="",pod!=""}}',
        "resources": {"overrides": {"namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}},
        "name": {"matches": f"^{metric.name}$", "as": _served_name(metric.name, metric.kind)},
        "metricsQuery": f"{metric.aggregate}({value}) by (<<.GroupBy>>)",
    }
