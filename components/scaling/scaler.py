"""A scaler as everybody else sees it: how few and how many replicas, by which signals, and with what in the cluster.

A scaler is a config model that derives from `ScalerSettings`, in its own file. To add one, write that file and name
its model in `registry.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from ..addons.addons import MetricsAdapterConfig
from ..catalog.metrics import Role
from ..core.config import Config
from ..core.errors import Path, Problem, did_you_mean
from ..core.plan import Item, Part

_SCALABLE = ("gauge", "counter")


@dataclass(frozen=True, slots=True)
class Signal:
    """A metric of the pods that decides how many there are; exactly one of role and metric is given.

    Attributes:
        at: where it stands in the scaler's settings.
        role: what it tells, whatever the engine calls it.
        metric: its name, where the settings name it.
    """

    at: Path
    role: Role | None = None
    metric: str = ""


@dataclass(frozen=True, slots=True)
class ScaleTarget:
    """What is scaled, and what surrounds it.

    Attributes:
        name: its name, and the scaler's.
        namespace: their namespace.
        component: name of the component the scaler belongs to.
        api_version: API version of what is scaled.
        kind: its kind; it must not set `replicas`.
        emitted: metrics the pods emit, name to kind.
        roles: the metrics among them that play a role.
        adapter: what serves pod metrics in the cluster; `None` when nothing does.
        role: what the scaler is to the component.
        after: roles that must exist first.
    """

    name: str
    namespace: str
    component: str
    api_version: str = "apps/v1"
    kind: str = "Deployment"
    emitted: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[Role, str] = field(default_factory=dict)
    adapter: MetricsAdapterConfig | None = None
    role: str = "autoscaler"
    after: tuple[str, ...] = ()


class ScalerSettings(Config):
    """What every scaler answers about itself. A fewest of 0 says that it can let the last pod go."""

    NEEDS: ClassVar[tuple[str, ...]]
    """Add-ons that the cluster must have, by their names in `addons`; those that the stack installs come first."""
    READS_ADAPTER: ClassVar[bool]
    """Whether what pods emit reaches it through the metrics adapter, which must then serve its signals."""

    kind: str
    """What scales."""

    @property
    @abstractmethod
    def fewest(self) -> int:
        """Replicas there always are."""

    @property
    @abstractmethod
    def most(self) -> int:
        """Replicas there can be."""

    @property
    @abstractmethod
    def signals(self) -> tuple[Signal, ...]:
        """The metrics of the pods that it reads, in the order in which problems with them are told."""

    @abstractmethod
    def renamed(self, names: Mapping[str, str]) -> Self:
        """The same settings with other names of metrics, for pods of another engine."""

    @abstractmethod
    def items(self, target: ScaleTarget) -> tuple[Item, ...]:
        """The scaler's objects.

        Raises:
            ConfigError: a signal that nothing serves or nothing emits; paths are relative to the settings.
        """


def autoscaler(name: str, settings: ScalerSettings, target: ScaleTarget) -> Part:
    """A scaler for what another program owns, which must not set `replicas`.

    Raises:
        ConfigError: a signal that nothing serves or nothing emits; paths are relative to the settings.
    """
    outputs = {"name": target.name, "min": settings.fewest, "max": settings.most}
    return Part("Autoscaler", name, settings.items(target), outputs)


def signal_metrics(settings: ScalerSettings, roles: Mapping[Role, str]) -> tuple[str, ...]:
    """The names of the metrics that a scaler reads, by an engine's names of the roles."""
    names = (signal.metric if signal.role is None else roles.get(signal.role, "") for signal in settings.signals)
    return tuple(name for name in names if name)


def signal_problems(settings: ScalerSettings, target: ScaleTarget) -> Iterator[Problem]:
    """Signals that the pods do not emit, or that are no single number."""
    for signal in settings.signals:
        name = signal.metric if signal.role is None else target.roles.get(signal.role, "")
        kind = target.emitted.get(name, "")
        if not name:
            yield Problem(signal.at, "this engine tells no queue metric; name one it emits in pod_metrics instead")
        elif not kind:
            yield Problem(signal.at, f"nothing emits {name}; {did_you_mean(name, target.emitted, 'a metric')}")
        elif kind not in _SCALABLE:
            yield Problem(signal.at, f"{name} is a {kind}, which is no single number; use a gauge or a counter")
