"""The scheduler's filters, on paper: which pools can hold a pod, and how many nodes a set of pods needs.

It never refuses what the real one would place: where a pool does not tell something, it is taken to fit. Resources
are whole thousandths (millicores, thousandths of a byte), so that sums are exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, floor
from typing import Any, Literal, NamedTuple

from ..core.plan import GPU, NodeShape, Taint
from ..core.quantity import GIB, number
from ..gpu.node_pool import ACCELERATOR_LABEL, COMPUTE_CLASS_LABEL, NODE_POOL_LABEL
from .workload import Workload

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

Resources = Mapping[str, int]
Filter = Literal["label", "taint", "resource"]


class Misfit(NamedTuple):
    """Why a pool cannot hold a pod: the filter that rejects it, the resource or label, and the reason in words."""

    filter: Filter
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the scheduler makes of one workload's pod.

    Attributes:
        pod: the workload.
        asked: what one pod asks for.
        fits: the pools that can hold it.
        misfits: for every other pool, why it cannot.
    """

    pod: Workload
    asked: Resources
    fits: tuple[NodeShape, ...]
    misfits: Mapping[str, tuple[Misfit, ...]]


class Need(NamedTuple):
    """How many nodes pods need at least, and the resource that decides it."""

    nodes: int
    resource: str


class Scheduler:
    """The pools of a plan, each with the room its DaemonSets leave, and the verdict on every pod bound to them."""

    def __init__(self, workloads: Sequence[Workload], nodes: Sequence[NodeShape], *, complete: bool = False) -> None:
        self._workloads = workloads
        self._complete = complete
        self.nodes = nodes
        self._selections: dict[str, tuple[tuple[NodeShape, tuple[Misfit, ...]], ...]] = {}
        daemons = [pod for pod in workloads if pod.item.kind == "DaemonSet"]
        self.room: dict[str, dict[str, int]] = {}
        for node in self.nodes:
            room = {name: _thousandths(amount) for name, amount in node.allocatable.items()}
            for daemon in daemons:
                if not selection_misfits(daemon, node) and not taint_misfits(daemon, node):
                    for name, amount in requests(daemon.spec).items():
                        room[name] = max(0, room.get(name, 0) - amount)
            self.room[node.pool] = room

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """On every workload that can only run on pools of the plan, DaemonSets left out."""
        pods = (pod for pod in self._workloads if pod.item.kind != "DaemonSet")
        return tuple(self._judge(pod) for pod in pods if self._is_bound(pod))

    def _judge(self, pod: Workload) -> Verdict:
        asked = requests(pod.spec)
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

    def _is_bound(self, pod: Workload) -> bool:
        if not self.nodes:
            return self._complete
        keys = selection_keys(pod.spec)
        if COMPUTE_CLASS_LABEL in keys and not any(COMPUTE_CLASS_LABEL in node.labels for node in self.nodes):
            return False  # the class creates its own pools
        if self._complete or GPU in requests(pod.spec):
            return True
        return bool(keys & _POOL_KEYS) and any(not unselected for _, unselected in self.selection(pod))

    def selection(self, pod: Workload) -> tuple[tuple[NodeShape, tuple[Misfit, ...]], ...]:
        """Every pool with why the pod's labels do not select it; worked out once for pods that select alike."""
        wish = repr((pod.spec.get("nodeSelector"), _required_terms(pod.spec)))
        if wish not in self._selections:
            self._selections[wish] = tuple((node, selection_misfits(pod, node)) for node in self.nodes)
        return self._selections[wish]


def requests(spec: Mapping[str, Any]) -> dict[str, int]:
    """What one pod asks of a node: the sum of its containers, or its largest init container where that is more.

    A missing request is its limit, as the API server fills in; init containers that restart always are sidecars and
    count with the containers (kubernetes.io/docs/concepts/workloads/pods/sidecar-containers).
    """
    total: dict[str, int] = {}
    for container in spec.get("containers", ()):
        _add(total, _asked(container))
    if inits := spec.get("initContainers"):
        sidecars: dict[str, int] = {}
        peaks: list[dict[str, int]] = []
        for container in inits:
            asked = _asked(container)
            if container.get("restartPolicy") == "Always":
                _add(sidecars, asked)
            else:
                peaks.append(_add(dict(sidecars), asked))
        _add(total, sidecars)
        for peak in peaks:
            for name, amount in peak.items():
                total[name] = max(total.get(name, 0), amount)
    if overhead := spec.get("overhead"):
        _add(total, {name: _thousandths(number(amount)) for name, amount in overhead.items()})
    return total


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


def taint_misfits(pod: Workload, node: NodeShape) -> tuple[Misfit, ...]:
    """The taints of a node that keep the pod away."""
    tolerations = pod.spec.get("tolerations", ())
    return tuple(
        Misfit("taint", taint.key, f"taint {taint.key}={taint.value}:{taint.effect} is not tolerated")
        for taint in node.taints
        if taint.effect in _BLOCKING and not any(_tolerates(toleration, taint) for toleration in tolerations)
    )


def selection_misfits(pod: Workload, node: NodeShape) -> tuple[Misfit, ...]:
    """Why the pod's nodeSelector and required node affinity do not select a node; empty when they do.

    A pool's node is in one of its zones: what is asked of the zone must hold of one of them all together.
    """
    misfits = _selection_misfits(pod, node)
    if misfits or len(node.zones) <= 1 or ZONE not in selection_keys(pod.spec):
        return misfits
    if any(not _selection_misfits(pod, replace(node, zones=(zone,))) for zone in node.zones):
        return ()
    return (Misfit("label", ZONE, f"none of its zones {', '.join(node.zones)} is all that the pod asks for"),)


def _selection_misfits(pod: Workload, node: NodeShape) -> tuple[Misfit, ...]:
    for key, wanted in pod.spec.get("nodeSelector", {}).items():
        if not _selects(node, key, "In", [wanted]):
            return (Misfit("label", key, _label_reason(node, key, f"not {wanted}")),)
    terms = _required_terms(pod.spec)
    if not terms or any(_term_selects(node, term) for term in terms):
        return ()
    expressions = [expression for term in terms for expression in term.get("matchExpressions", ())]
    for expression in expressions:
        key, operator, values = expression["key"], expression["operator"], expression.get("values", ())
        if not _selects(node, key, operator, values):
            wanted = f"none of {', '.join(values)}" if operator == "In" else "not what its node affinity requires"
            return (Misfit("label", key, _label_reason(node, key, wanted)),)
    return (Misfit("label", "", "its node affinity selects nothing"),)


def selection_keys(spec: Mapping[str, Any]) -> set[str]:
    """The labels by which a pod asks for nodes, wherever it asks."""
    terms = _required_terms(spec)
    expressions = (expression for term in terms for expression in term.get("matchExpressions", ()))
    return {*spec.get("nodeSelector", {}), *(expression["key"] for expression in expressions)}


def selected_values(spec: Mapping[str, Any], key: str) -> set[str]:
    """The values of a label that a pod accepts; empty when it accepts any."""
    if value := spec.get("nodeSelector", {}).get(key):
        return {value}
    terms = [
        {
            value
            for expression in term.get("matchExpressions", ())
            if expression["key"] == key and expression["operator"] == "In"
            for value in expression["values"]
        }
        for term in _required_terms(spec)
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


def _asked(container: Mapping[str, Any]) -> dict[str, int]:
    resources = container.get("resources", {})
    asked = {**resources.get("limits", {}), **resources.get("requests", {})}
    return {name: _thousandths(number(amount)) for name, amount in asked.items()}


def _add(total: dict[str, int], more: Resources) -> dict[str, int]:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount
    return total


def _thousandths(amount: float) -> int:
    return round(amount * 1000)


def _tolerates(toleration: Mapping[str, Any], taint: Taint) -> bool:
    if toleration.get("effect", taint.effect) != taint.effect:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return bool(toleration.get("key", taint.key) == taint.key)
    return bool(toleration.get("key") == taint.key and toleration.get("value", "") == taint.value)


def _required_terms(spec: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    affinity = spec.get("affinity", {}).get("nodeAffinity", {})
    required: Mapping[str, Any] = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {})
    terms: Sequence[Mapping[str, Any]] = required.get("nodeSelectorTerms", ())
    return terms


def _term_selects(node: NodeShape, term: Mapping[str, Any]) -> bool:
    # A term without requirements selects nothing (Kubernetes API, NodeSelectorTerm).
    return bool(term) and all(
        _selects(node, expression["key"], expression["operator"], expression.get("values", ()))
        for expression in term.get("matchExpressions", ())
    )


def _selects(node: NodeShape, key: str, operator: str, values: Collection[str]) -> bool:
    if key in _UNTOLD:
        return True
    if key == ZONE:
        given: Collection[str] = node.zones
        if not given:
            return True
    else:
        given = (node.labels[key],) if key in node.labels else ()
    match operator:
        case "In":
            return any(value in values for value in given)
        case "NotIn":
            return not given or any(value not in values for value in given)
        case "Exists":
            return bool(given)
        case "DoesNotExist":
            return not given
        case _:
            bound = int(next(iter(values)))
            numbers = [int(value) for value in given if value.isdigit()]
            return any(value > bound if operator == "Gt" else value < bound for value in numbers)


def _label_reason(node: NodeShape, key: str, wanted: str) -> str:
    if key == ZONE:
        return f"its zones {', '.join(node.zones)} are {wanted}"
    return f"label {key}={node.labels[key]} is {wanted}" if key in node.labels else f"has no label {key}"
