"""HorizontalPodAutoscaler v2: replicas of a Deployment by CPU, memory, or what its pods report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..addons.adapter import hpa_metric_name
from ..addons.addons import MetricsAdapterConfig
from ..core.config import Config, Count, Number, Percent, Seconds, Size, patterned
from ..core.errors import ConfigError, MisfitError, Problem
from ..core.manifest import Shared, metadata, object_item, without_none
from ..core.plan import Item
from .scaler import ScalerSettings, ScaleTarget, Signal, signal_problems

Target = Annotated[Number, Field(ge=0.001)]
"""Kubernetes counts in thousandths; less would be zero."""


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


class HpaConfig(ScalerSettings):
    """A HorizontalPodAutoscaler. Several signals: the one that asks for most replicas wins."""

    NEEDS: ClassVar[tuple[str, ...]] = ()
    READS_ADAPTER: ClassVar[bool] = True

    kind: Literal["hpa"] = "hpa"
    """What scales: a HorizontalPodAutoscaler. Omitted: hpa."""
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
    def _can_scale(self) -> Self:
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

    @property
    def fewest(self) -> int:
        """Replicas there always are."""
        return self.min

    @property
    def most(self) -> int:
        """Replicas there can be."""
        return self.max

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The queue, then what `pod_metrics` names."""
        queue = (Signal(("queue_depth",), role="waiting_requests"),) if self.queue_depth is not None else ()
        return (*queue, *(Signal(("pod_metrics", name), metric=name) for name in self.pod_metrics))

    def renamed(self, names: Mapping[str, str]) -> Self:
        """The same with other names in `pod_metrics`."""
        if not self.pod_metrics:
            return self
        return self.with_changes(pod_metrics={names.get(name, name): at for name, at in self.pod_metrics.items()})

    def items(self, target: ScaleTarget) -> tuple[Item, ...]:
        """One HorizontalPodAutoscaler."""
        problems = [*signal_problems(self, target), *self._adapter_problems(target.adapter)]
        if problems:
            raise ConfigError(problems)
        manifest = {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": metadata(target.name, target.namespace, {"app": target.component}),
            "spec": without_none(
                scaleTargetRef={"apiVersion": target.api_version, "kind": target.kind, "name": target.name},
                minReplicas=self.min,
                maxReplicas=self.max,
                metrics=[*self._pod_metrics(target), *self._resource_metrics()],
                behavior={"scaleUp": _rules(self.scale_up), "scaleDown": _rules(self.scale_down)},
            ),
        }
        return (object_item(target.role, target.component, manifest, after=target.after),)

    def _adapter_problems(self, adapter: MetricsAdapterConfig | None) -> Iterator[Problem]:
        for field, given in (("queue_depth", self.queue_depth), ("pod_metrics", self.pod_metrics)):
            if given and adapter is None:
                fix = "set addons.metrics_adapter, or scale by cpu_percent"
                yield Problem((field,), f"needs a metrics adapter, which serves what pods emit; {fix}")

    def _pod_metrics(self, target: ScaleTarget) -> Iterator[dict[str, Any]]:
        if target.adapter is None:
            return
        queue = {target.roles["waiting_requests"]: self.queue_depth} if self.queue_depth is not None else {}
        for metric, average in (queue | self.pod_metrics).items():
            name = hpa_metric_name(target.adapter, metric, target.emitted[metric])
            value = {"type": "AverageValue", "averageValue": _quantity(average)}
            yield {"type": "Pods", "pods": {"metric": {"name": name}, "target": value}}

    def _resource_metrics(self) -> Iterator[dict[str, Any]]:
        for resource, percent in (("cpu", self.cpu_percent), ("memory", self.memory_percent)):
            if percent is not None:
                utilization = {"type": "Utilization", "averageUtilization": percent}
                yield {"type": "Resource", "resource": {"name": resource, "target": utilization}}


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


def _quantity(value: float) -> str:
    """A number as a Kubernetes quantity, in thousandths where it is not whole."""
    return str(int(value)) if value == int(value) else f"{round(value * 1000)}m"
