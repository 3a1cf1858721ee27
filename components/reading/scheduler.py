"""The scheduler's filters, on paper: which pools can hold a pod, and how many nodes a set of pods needs.

It never refuses what the real one would place: where a pool does not tell something, it is taken to fit. Resources
are whole thousandths (millicores, thousandths of a byte), so that sums are exact.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, floor
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from ..core.plan import GPU, NodeShape, Taint
from ..core.quantity import GIB
from ..gpu.node_pool import ACCELERATOR_LABEL, COMPUTE_CLASS_LABEL, NODE_POOL_LABEL
from ..kinds.names import DAEMON_SET
from ..kinds.pod import NodeTerm, PodTemplate, Toleration
from ..kinds.selector import Requirement

ZONE = "topology.kubernetes.io/zone"
_POOL_KEYS = frozenset({NODE_POOL_LABEL, ACCELERATOR_LABEL, COMPUTE_CLASS_LABEL})
"""Labels by which a pod asks for certain pools; without one and without GPUs it may run on nodes outside the plan,
where there are any."""
_UNTOLD = frozenset({
    "kubernetes.io/hostname", "topology.gke.io/zone", "cloud.google.com/gke-accelerator-count",
    "cloud.google.com/gke-gpu", "cloud.google.com/gke-boot-disk", "cloud.google.com/gke-os-distribution",
})  # fmt: skip
"""Labels GKE sets whose values a pool does not tell."""
_BLOCKING = ("NoSchedule", "NoExecute")
_RESOURCES = (GPU, "cpu", "memory", "ephemeral-storage")
_UNITS = {"memory": "GiB memory", "ephemeral-storage": "GiB ephemeral-storage"}
_DENSEST = 16
"""Pods a node from which on rounding no longer matters to how many nodes are needed."""
_WHOLE = re.compile(r"-?[0-9]+")

Resources = Mapping[str, int]
Filter = Literal["label", "taint", "resource"]


class Misfit(NamedTuple):
    """Why a pool cannot hold a pod: the filter that rejects it, the resource or label, and the reason in words."""

    filter: Filter
    key: str
    reason: str


class Schedulable(Protocol):
    """What the scheduler places: pods of one template, whoever has them."""

    @property
    def kind(self) -> str:
        """The kind of object that makes them."""

    @property
    def template(self) -> PodTemplate:
        """What a pod of theirs is."""


P = TypeVar("P", bound=Schedulable)


@dataclass(frozen=True, slots=True)
class Verdict(Generic[P]):
    """What the scheduler makes of one workload's pod.

    Attributes:
        pod: the workload.
        asked: what one pod asks for.
        fits: the pools that can hold it.
        misfits: for every other pool, why it cannot.
    """

    pod: P
    asked: Resources
    fits: tuple[NodeShape, ...]
    misfits: Mapping[str, tuple[Misfit, ...]]


class Need(NamedTuple):
    """How many nodes pods need at least, and the resource that decides it."""

    nodes: int
    resource: str


class Scheduler(Generic[P]):
    """The pools of a plan, each with the room its DaemonSets leave, and the verdict on every pod bound to them."""

    def __init__(self, workloads: Sequence[P], nodes: Sequence[NodeShape], *, complete: bool = False) -> None:
        self._workloads = workloads
        self._complete = complete
        self.nodes = nodes
        self._selections: dict[tuple[object, ...], tuple[tuple[NodeShape, tuple[Misfit, ...]], ...]] = {}
        daemons = [pod for pod in workloads if pod.kind == DAEMON_SET]
        self.room: dict[str, dict[str, int]] = {}
        for node in self.nodes:
            room = {name: _thousandths(amount) for name, amount in node.allocatable.items()}
            for daemon in daemons:
                if not selection_misfits(daemon, node) and not taint_misfits(daemon, node):
                    for name, amount in daemon.template.asked.items():
                        room[name] = max(0, room.get(name, 0) - amount)
            self.room[node.pool] = room

    @cached_property
    def verdicts(self) -> tuple[Verdict[P], ...]:
        """On every workload that can only run on pools of the plan, DaemonSets left out."""
        pods = (pod for pod in self._workloads if pod.kind != DAEMON_SET)
        return tuple(self._judge(pod) for pod in pods if self._is_bound(pod))

    def _judge(self, pod: P) -> Verdict[P]:
        asked = pod.template.asked
        # Labels decide first, as in Kubernetes: what else is wrong with a pool nobody selects does not matter.
        found = {
            node.pool: unselected or (*taint_misfits(pod, node), *shortages(asked, self.room[node.pool]))
            for node, unselected in self.selection(pod)
        }
        return Verdict(
            pod,
            asked,
            tuple(node for node in self.nodes if not found[node.pool]),
            {pool: reasons for pool, reasons in found.items() if reasons},
        )

    def _is_bound(self, pod: Schedulable) -> bool:
        if not self.nodes:
            return self._complete
        keys = selection_keys(pod.template)
        if COMPUTE_CLASS_LABEL in keys and not any(COMPUTE_CLASS_LABEL in node.labels for node in self.nodes):
            return False  # the class creates its own pools
        if self._complete or GPU in pod.template.asked:
            return True
        return bool(keys & _POOL_KEYS) and any(not unselected for _, unselected in self.selection(pod))

    def selection(self, pod: Schedulable) -> tuple[tuple[NodeShape, tuple[Misfit, ...]], ...]:
        """Every pool with why the pod's labels do not select it; worked out once for pods that select alike."""
        wish = (*pod.template.node_selector.items(), pod.template.node_terms)
        if wish not in self._selections:
            self._selections[wish] = tuple((node, selection_misfits(pod, node)) for node in self.nodes)
        return self._selections[wish]


def shortages(asked: Resources, room: Resources) -> tuple[Misfit, ...]:
    """The resources a node has too little of."""
    short = [name for name in _RESOURCES if asked.get(name, 0) > room.get(name, 0)]
    # Rounded up and down, so that what is asked always looks like more than what a node has.
    return tuple(
        Misfit(
            "resource",
            name,
            f"asks for {amount_text(name, asked[name], ceil)}, a node has {_bare(name, room.get(name, 0))}",
        )
        for name in short
    )


def taint_misfits(pod: Schedulable, node: NodeShape) -> tuple[Misfit, ...]:
    """The taints of a node that keep the pod away."""
    tolerations = pod.template.tolerations
    return tuple(
        Misfit("taint", taint.key, f"taint {taint.key}={taint.value}:{taint.effect} is not tolerated")
        for taint in node.taints
        if taint.effect in _BLOCKING and not any(_tolerates(toleration, taint) for toleration in tolerations)
    )


def selection_misfits(pod: Schedulable, node: NodeShape) -> tuple[Misfit, ...]:
    """Why the pod's nodeSelector and required node affinity do not select a node; empty when they do.

    A pool's node is in one of its zones: what is asked of the zone must hold of one of them all together.
    """
    misfits = _selection_misfits(pod, node)
    if misfits or len(node.zones) <= 1 or ZONE not in selection_keys(pod.template):
        return misfits
    if any(not _selection_misfits(pod, replace(node, zones=(zone,))) for zone in node.zones):
        return ()
    return (Misfit("label", ZONE, f"none of its zones {', '.join(node.zones)} is all that the pod asks for"),)


def _selection_misfits(pod: Schedulable, node: NodeShape) -> tuple[Misfit, ...]:
    for key, wanted in pod.template.node_selector.items():
        if not _selects(node, Requirement(key, "In", (wanted,))):
            return (Misfit("label", key, _label_reason(node, key, f"not {wanted}")),)
    terms = pod.template.node_terms
    if not terms or any(_term_selects(node, term) for term in terms):
        return ()
    for asked in (asked for term in terms for asked in term.requirements):
        if not _selects(node, asked):
            values = ", ".join(asked.values)
            wanted = f"none of {values}" if asked.operator == "In" else "not what its node affinity requires"
            return (Misfit("label", asked.key, _label_reason(node, asked.key, wanted)),)
    return (Misfit("label", "", "its node affinity selects nothing"),)


def selection_keys(template: PodTemplate) -> set[str]:
    """The labels by which a pod asks for nodes, wherever it asks."""
    return {*template.node_selector, *(asked.key for term in template.node_terms for asked in term.requirements)}


def selected_values(template: PodTemplate, key: str) -> set[str]:
    """The values of a label that a pod accepts; empty when it accepts any."""
    if value := template.node_selector.get(key):
        return {value}
    terms = [
        {value for asked in term.requirements if asked.key == key and asked.operator == "In" for value in asked.values}
        for term in template.node_terms
    ]
    return set().union(*terms) if all(terms) else set()


def nodes_needed(pods: Iterable[tuple[Resources, int]], rooms: Sequence[Resources]) -> Need:
    """The fewest nodes that could hold the pods, each as large as the largest of `rooms` in every resource.

    A lower bound: what it says are too many are too many, however they are packed. The bound is by dual feasible
    functions, exact for equal pods (Fekete and Schepers, "New classes of fast lower bounds for bin packing
    problems", Mathematical Programming 91, 2001).

    Args:
        pods: what a pod asks for, and how many such pods there are.
        rooms: what one node of each pool has.
    """
    sizes: dict[str, Counter[int]] = {name: Counter() for name in _RESOURCES}
    for asked, count in pods:
        for name in _RESOURCES:
            if amount := asked.get(name):
                sizes[name][amount] += count
    best = Need(0, "")
    for name, counted in sizes.items():
        room = max((node.get(name, 0) for node in rooms), default=0)
        if counted and room:
            best = max(best, Need(_bins(counted, room), name), key=lambda need: need.nodes)
    return best


def amount_text(resource: str, amount: int, rounded: Callable[[float], int] = floor) -> str:
    """An amount as messages write it, rounded to hundredths: `2 nvidia.com/gpu`, `7.5 CPU`, `31 GiB memory`."""
    return f"{_bare(resource, amount, rounded)} {_UNITS.get(resource, 'CPU' if resource == 'cpu' else resource)}"


def choice(pools: list[str]) -> str:
    """Pools as advice names them: one in brackets, several to choose from."""
    return f"[{', '.join(pools)}]" if len(pools) == 1 else f"one of {', '.join(pools)}"


def _bins(counted: Mapping[int, int], room: int) -> int:
    total = sum(size * count for size, count in counted.items()) / room
    for each in range(1, _DENSEST + 1):
        # u(x) = x where (k + 1)x is whole, else floor((k + 1)x) / k, with x = size / room.
        weighed = sum(
            count * (size / room if (each + 1) * size % room == 0 else (each + 1) * size // room / each)
            for size, count in counted.items()
        )
        total = max(total, weighed)
    return ceil(total - 1e-9)


def _bare(resource: str, amount: int, rounded: Callable[[float], int] = floor) -> str:
    value = amount / 1000 / (GIB if resource in _UNITS else 1)
    return f"{rounded(round(value * 100, 6)) / 100:.2f}".rstrip("0").rstrip(".")


def _thousandths(amount: float) -> int:
    return round(amount * 1000)


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect not in (None, taint.effect):
        return False
    if toleration.operator == "Exists":
        return toleration.key in (None, taint.key)
    return toleration.key == taint.key and toleration.value == taint.value


def _term_selects(node: NodeShape, term: NodeTerm) -> bool:
    # A term without requirements selects nothing (Kubernetes API, NodeSelectorTerm).
    return not term.is_empty and all(_selects(node, asked) for asked in term.requirements)


def _selects(node: NodeShape, asked: Requirement) -> bool:
    key, values = asked.key, asked.values
    if key in _UNTOLD:
        return True
    if key == ZONE:
        given: Collection[str] = node.zones
        if not given:
            return True
    else:
        given = (node.labels[key],) if key in node.labels else ()
    match asked.operator:
        case "In":
            return any(value in values for value in given)
        case "NotIn":
            return not given or any(value not in values for value in given)
        case "Exists":
            return bool(given)
        case "DoesNotExist":
            return not given
        case "Gt" | "Lt" if len(values) == 1 and _WHOLE.fullmatch(values[0]):
            numbers = [int(value) for value in given if value.isdigit()]
            return any(
                value > int(values[0]) if asked.operator == "Gt" else value < int(values[0]) for value in numbers
            )
        case _:
            return False  # the API server takes nothing else


def _label_reason(node: NodeShape, key: str, wanted: str) -> str:
    if key == ZONE:
        return f"its zones {', '.join(node.zones)} are {wanted}"
    return f"label {key}={node.labels[key]} is {wanted}" if key in node.labels else f"has no label {key}"
