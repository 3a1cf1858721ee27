"""The pods of a plan that run for as long as it stands, with where they can land and how many are expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..core.plan import Usage
from ..kinds.names import DAEMON_SET, ENDING
from ..reading.index import Index
from ..reading.workload import Workload
from .line import whole_sum
from .nodes import Group
from .packing import Resources

_ENDS = (*ENDING, DAEMON_SET)
"""What ends by itself, and what runs on nodes that are there anyway."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A kind of node that can hold a pod: which group's, and which of its choices."""

    group: int
    choice: int


@dataclass(frozen=True, slots=True, eq=False)
class WorkloadPods:
    """Pods of one workload.

    Attributes:
        workload: the workload; its part is the model's.
        asked: what one pod asks for.
        spots: the nodes that can hold it, in the plan's order.
        least: pods there always are.
        most: pods there can be.
        expected: pods there are on average; `None` when nothing states it.
        groups: the groups that can hold it, each once.
    """

    workload: Workload
    asked: Resources
    spots: tuple[Spot, ...]
    least: int
    most: int
    expected: float | None
    groups: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", tuple(dict.fromkeys(spot.group for spot in self.spots)))


def demand(index: Index, found: Sequence[Group], usage: Mapping[str, Usage]) -> tuple[WorkloadPods, ...]:
    """The pods that land on the plan's nodes. Pods that may run on nodes outside the plan cost it nothing."""
    where = {
        choice.pool: Spot(number, place)
        for number, group in enumerate(found)
        for place, choice in enumerate(group.choices)
    }
    expected = expectations(index.workloads, usage)
    return tuple(
        WorkloadPods(
            verdict.pod,
            verdict.asked,
            tuple(where[node.pool] for node in verdict.fits),
            verdict.pod.least,
            verdict.pod.most,
            expected[id(verdict.pod)],
        )
        for verdict in index.scheduler.verdicts
        if verdict.pod.kind not in _ENDS and verdict.pod.runs
    )


def merged(found: Sequence[WorkloadPods]) -> tuple[WorkloadPods, ...]:
    """Pods that ask for the same and can land on the same nodes, as one: nodes do not tell them apart."""
    alike: dict[tuple[object, ...], list[WorkloadPods]] = {}
    for pods in found:
        alike.setdefault((tuple(sorted(pods.asked.items())), pods.spots), []).append(pods)
    return tuple(
        replace(
            same[0],
            least=sum(pods.least for pods in same),
            most=sum(pods.most for pods in same),
            expected=whole_sum(pods.expected for pods in same),
        )
        for same in alike.values()
    )


def expectations(workloads: Iterable[Workload], usage: Mapping[str, Usage]) -> dict[int, float | None]:
    """How many pods of each workload are expected, by the workload's identity.

    A model's versions share its average: each is as far between its fewest and its most replicas as the others.
    """
    found: dict[int, float | None] = {}
    models: dict[str, list[Workload]] = {}
    for pod in workloads:
        found[id(pod)] = pod.least if pod.least == pod.most else None
        if pod.part.path[:1] == ("models",):
            models.setdefault(str(pod.part.path[1]), []).append(pod)
    for name, pods in models.items():
        stated = usage.get(name)
        if stated is None:
            continue
        replicas = [pod for pod in pods if pod.role != "worker"]
        least, most = sum(pod.least for pod in replicas), sum(pod.most for pod in replicas)
        average = most if stated.average_replicas is None else stated.average_replicas
        way = (average - least) / (most - least) if most > least else 0.0
        way *= stated.hours_per_day / 24
        for pod in pods:
            found[id(pod)] = pod.least + way * (pod.most - pod.least)
    return found
