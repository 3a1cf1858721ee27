"""HorizontalPodAutoscaler v2: replicas of a Deployment by CPU, memory, or what its pods report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..addons.adapter import hpa_metric_name
from ..addons.addons import MetricsAdapterConfig
from ..core.config import Config, Count, Number, Percent, Seconds, Size, patterned
from ..core.errors import ConfigError, MisfitError, Problem, did_you_mean
from ..core.manifest import Shared, metadata, object_item, without_none
from ..core.plan import Item, Part

Target = Annotated[Number, Field(ge=0.001)]
"""Kubernetes counts in thousandths; less would be zero."""
_SCALABLE = ("gauge", "counter")


class ScalingPolicy(Config):
    """How far one step may go."""

    kind: Literal["pods", "percent"]
    """What value counts."""
    value: Count
    """Most pods, or per cent of the present replicas, that one period may add or remove."""
    period_seconds: Annotated[Seconds, Field(ge=1, le=1800)]
    """Length of the period."""


class ScalingRules(Config):
    """Scaling in one direction."""

    stabilization_seconds: Annotated[Seconds, Field(le=3600)]
    """How long a recommendation must last before it is followed."""
    policies: Annotated[tuple[ScalingPolicy, ...], Field(min_length=1)]
    """Steps allowed; `select` says which of them holds."""
    select: Literal["max", "min", "disabled"] = "max"
    """The widest step, the narrowest, or no scaling in this direction. Omitted: the widest."""


_DOUBLE = ScalingRules(
    stabilization_seconds=60, policies=(ScalingPolicy(kind="percent", value=100, period_seconds=60),)
)
_ONE_BY_ONE = ScalingRules(
    stabilization_seconds=300, policies=(ScalingPolicy(kind="pods", value=1, period_seconds=120),)
)


class AutoscalingConfig(Config):
    """When to add and remove replicas. Several signals: the one that asks for most replicas wins."""

    min: Size
    """Fewest replicas, at least 1."""
    max: Count
    """Most replicas."""
    queue_depth: Target | None = None
    """Waiting requests a replica, on average; needs a metrics adapter. Omitted: the queue is not a signal."""
    pod_metrics: dict[Annotated[str, patterned(r"^[a-zA-Z_:][a-zA-Z0-9_:]*$", "a Prometheus metric name")], Target] = (
        Field(default_factory=dict)
    )
    """Metrics the pods emit, each with its average a replica: a gauge's value, a counter's rate a second. Needs a
    metrics adapter. Omitted: none."""
    cpu_percent: Annotated[Percent, Field(ge=1)] | None = None
    """CPU used, in per cent of what the pods request. A poor signal for a GPU server. Omitted: none."""
    memory_percent: Annotated[Percent, Field(ge=1)] | None = None
    """Memory used, in per cent of what the pods request. Omitted: none."""
    scale_up: ScalingRules = _DOUBLE
    """Omitted: after 60 s, at most double every 60 s."""
    scale_down: ScalingRules = _ONE_BY_ONE
    """Omitted: after 300 s, one pod every 120 s."""

    @model_validator(mode="after")
    def _can_scale(self) -> AutoscalingConfig:
        problems = []
        if self.min == 0:
            # k8s.io/api v0.36.6 autoscaling/v2 types.go: minReplicas 0 is alpha and off through Kubernetes 1.36.
            message = "got 0; must be at least 1: a HorizontalPodAutoscaler refuses 0 before Kubernetes 1.37, and with"
            problems.append(Problem(("min",), f"{message} no pod left no pod metric would ever wake it"))
        if self.min > self.max:
            problems.append(Problem(("max",), f"got {self.max}; must be at least min, which is {self.min}"))
        if not (self.queue_depth or self.pod_metrics or self.cpu_percent or self.memory_percent):
            signals = "queue_depth, pod_metrics, cpu_percent or memory_percent"
            problems.append(Problem((), f"has no signal to scale by; give {signals}"))
        MisfitError.raise_all(problems)
        return self


def autoscaler_item(
    name: str,
    namespace: str,
    config: AutoscalingConfig,
    *,
    component: str,
    role: str = "autoscaler",
    adapter: MetricsAdapterConfig | None,
    emitted: Mapping[str, str],
    queue_metric: str = "",
    target: tuple[str, str] = ("apps/v1", "Deployment"),
    after: tuple[str, ...] = (),
) -> Item:
    """The autoscaler of the Deployment `name`, or of another kind of the same name.

    Args:
        name: the Deployment's name, and the autoscaler's.
        namespace: their namespace.
        config: when to scale.
        component: name of the component it belongs to.
        role: what it is to that component.
        adapter: what serves pod metrics in the cluster; `None` when nothing does.
        emitted: metrics the pods emit, name to kind.
        queue_metric: the gauge behind `queue_depth`.
        target: API version and kind of what is scaled.
        after: roles that must exist first.

    Raises:
        ConfigError: a signal that nothing serves or nothing emits; paths are relative to `config`.
    """
    problems = list(_signal_problems(config, adapter, emitted, queue_metric))
    if problems:
        raise ConfigError(problems)
    wanted = {queue_metric: config.queue_depth} if config.queue_depth is not None else {}
    metrics = [
        {
            "type": "Pods",
            "pods": {
                "metric": {"name": hpa_metric_name(adapter, metric, emitted[metric])},
                "target": {"type": "AverageValue", "averageValue": _quantity(target)},
            },
        }
        for metric, target in (wanted | config.pod_metrics).items()
        if adapter is not None
    ]
    for resource, percent in (("cpu", config.cpu_percent), ("memory", config.memory_percent)):
        if percent is not None:
            utilization = {"type": "Utilization", "averageUtilization": percent}
            metrics.append({"type": "Resource", "resource": {"name": resource, "target": utilization}})
    manifest = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(name, namespace, {"app": component}),
        "spec": without_none(
            scaleTargetRef={"apiVersion": target[0], "kind": target[1], "name": name},
            minReplicas=config.min,
            maxReplicas=config.max,
            metrics=metrics,
            behavior={"scaleUp": _rules(config.scale_up), "scaleDown": _rules(config.scale_down)},
        ),
    }
    return object_item(role, component, manifest, after=after)


@cache
def _rules(rules: ScalingRules) -> Shared:
    """The rules as Kubernetes writes them."""
    policies = [
        {"type": policy.kind.capitalize(), "value": policy.value, "periodSeconds": policy.period_seconds}
        for policy in rules.policies
    ]
    return Shared(
        stabilizationWindowSeconds=rules.stabilization_seconds,
        selectPolicy=rules.select.capitalize(),
        policies=policies,
    )


def autoscaler(
    name: str,
    config: AutoscalingConfig,
    *,
    namespace: str,
    deployment: str,
    adapter: MetricsAdapterConfig | None = None,
    emitted: Mapping[str, str] | None = None,
    queue_metric: str = "",
) -> Part:
    """An autoscaler for a Deployment that another program owns; that Deployment must not set `replicas`."""
    item = autoscaler_item(
        deployment,
        namespace,
        config,
        component=name,
        adapter=adapter,
        emitted=emitted or {},
        queue_metric=queue_metric,
    )
    return Part("Autoscaler", name, (item,), {"name": deployment, "min": config.min, "max": config.max})


def _signal_problems(
    config: AutoscalingConfig, adapter: MetricsAdapterConfig | None, emitted: Mapping[str, str], queue_metric: str
) -> Iterator[Problem]:
    if config.queue_depth is not None and not queue_metric:
        yield Problem(("queue_depth",), "this engine tells no queue metric; name one it emits in pod_metrics instead")
    for metric in config.pod_metrics:
        if metric not in emitted:
            message = f"nothing emits {metric}; {did_you_mean(metric, emitted, 'a metric')}"
            yield Problem(("pod_metrics", metric), message)
        elif emitted[metric] not in _SCALABLE:
            message = f"{metric} is a {emitted[metric]}, which is no single number; use a gauge or a counter"
            yield Problem(("pod_metrics", metric), message)
    for field, given in (("queue_depth", config.queue_depth), ("pod_metrics", config.pod_metrics)):
        if given and adapter is None:
            fix = "set addons.metrics_adapter, or scale by cpu_percent"
            yield Problem((field,), f"needs a metrics adapter, which serves what pods emit; {fix}")


def _quantity(value: float) -> str:
    """A number as a Kubernetes quantity, in thousandths where it is not whole."""
    return str(int(value)) if value == int(value) else f"{round(value * 1000)}m"
