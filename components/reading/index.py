"""The plan, looked up: pods, what selects them, what scales them. Built once a plan and handed to every rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from ..core.errors import Path
from ..core.plan import Item, Part, Plan
from ..core.providers import Folder
from .scheduler import Scheduler
from .workload import CONTROLLERS, Workload, has_labels, namespace_of, place, workloads

T = TypeVar("T")
_NOTHING: Mapping[str, Any] = {}
_SORTS: Mapping[Folder, str] = {"charts": "chart", "cloud": "cloud"}


class Entry(NamedTuple):
    """One item of the plan with what most rules read of it, taken once.

    Attributes:
        part: its component.
        item: the item.
        folder: where it is rendered: `charts`, `cloud`, or `kubernetes`.
        kind: the item's.
        namespace: the item's, empty where it has none.
        name: the item's physical name.
    """

    part: Part
    item: Item
    folder: Folder
    kind: str
    namespace: str
    name: str

    @property
    def is_object(self) -> bool:
        """Whether it is a Kubernetes object."""
        return self.item.is_object


class Index:
    """One plan with everything rules look up."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._kept: dict[str, Any] = {}
        self.entries = tuple(_entry(part, item) for part, item in plan.items())
        self._by_kind: dict[str, list[tuple[Part, Item]]] = defaultdict(list)
        for entry in self.entries:
            sort = _SORTS.get(entry.folder, entry.kind)
            self._by_kind[sort].append((entry.part, entry.item))

    def objects(self, *kinds: str) -> Iterator[tuple[Part, Item]]:
        """The Kubernetes objects of some kinds, in order; `chart` and `cloud` are kinds too."""
        for kind in kinds:
            yield from self._by_kind.get(kind, ())

    def once(self, name: str, make: Callable[[Index], T]) -> T:
        """What `make` finds in the plan, found once for all rules that ask for it by `name`."""
        if name not in self._kept:
            self._kept[name] = make(self)
        found: T = self._kept[name]
        return found

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """Everything that makes pods, in the plan's order."""
        return tuple(
            made
            for entry in self.entries
            if entry.kind in CONTROLLERS and entry.is_object
            for made in workloads(
                entry.part, entry.item, self._scales.get((entry.namespace or "default", entry.kind, entry.name))
            )
        )

    @cached_property
    def scheduler(self) -> Scheduler:
        """What the scheduler makes of the pods."""
        return Scheduler(self.workloads, self.plan.nodes, complete=self.plan.nodes_complete)

    @cached_property
    def services(self) -> Mapping[tuple[str, str], tuple[Part, Item]]:
        """Services by namespace and name."""
        return {(namespace_of(item), item.object_name): (part, item) for part, item in self.objects("Service")}

    def in_namespace(self, namespace: str) -> list[Workload]:
        """The workloads of a namespace."""
        return self._pods_of.get(namespace, [])

    def selected(self, namespace: str, labels: Mapping[str, str]) -> list[Workload]:
        """The workloads of a namespace whose pods carry all `labels`."""
        if not labels:
            return self.in_namespace(namespace)
        pairs = [self._by_label.get((namespace, key, value), []) for key, value in labels.items()]
        fewest = min(pairs, key=len)
        return [pod for pod in fewest if has_labels(pod.labels, labels)]

    def behind(self, service: Item) -> list[Workload]:
        """The workloads whose pods a Service selects; none for one without a selector."""
        selector = service.properties.get("spec", _NOTHING).get("selector")
        return self.selected(namespace_of(service), selector) if selector else []

    def by_selector(self, namespace: str, selector: Mapping[str, Any]) -> list[Workload]:
        """The workloads of a namespace that a `LabelSelector` selects."""
        found = self.selected(namespace, selector.get("matchLabels") or _NOTHING)
        expressions = selector.get("matchExpressions") or ()
        return [pod for pod in found if all(_meets(pod.labels, wanted) for wanted in expressions)]

    def position(self, path: Path) -> int:
        """Where in the plan a finding belongs, for sorting: its part's or its pool's place."""
        for length in range(len(path), 0, -1):
            if (found := self._positions.get(path[:length])) is not None:
                return found
        return len(self.plan.parts)

    @cached_property
    def _positions(self) -> Mapping[Path, int]:
        positions: dict[Path, int] = {}
        for number, part in enumerate(self.plan.parts):
            positions.setdefault(place(part), number)
        for node in self.plan.nodes:
            positions.setdefault(node.path, -1)
        return positions

    @cached_property
    def _pods_of(self) -> Mapping[str, list[Workload]]:
        found: dict[str, list[Workload]] = defaultdict(list)
        for pod in self.workloads:
            found[pod.namespace].append(pod)
        return found

    @cached_property
    def _by_label(self) -> Mapping[tuple[str, str, str], list[Workload]]:
        found: dict[tuple[str, str, str], list[Workload]] = defaultdict(list)
        for pod in self.workloads:
            namespace = pod.namespace
            for key, value in pod.labels.items():
                found[namespace, key, value].append(pod)
        return found

    @cached_property
    def _scales(self) -> Mapping[tuple[str, str, str], tuple[int, int]]:
        """Fewest and most replicas by namespace, kind and name of what is scaled."""
        found: dict[tuple[str, str, str], tuple[int, int]] = {}
        for _, item in self.objects("HorizontalPodAutoscaler"):
            spec = item.properties["spec"]
            target = spec["scaleTargetRef"]
            bounds = (spec.get("minReplicas", 1), spec["maxReplicas"])
            found[namespace_of(item), target["kind"], target["name"]] = bounds
        for _, item in self.objects("ScaledObject"):
            spec = item.properties["spec"]
            target = spec["scaleTargetRef"]
            # KEDA's own defaults (kedacore/keda@v2.21.0 apis/keda/v1alpha1/scaledobject_types.go).
            bounds = (spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", 100))
            found[namespace_of(item), target.get("kind", "Deployment"), target["name"]] = bounds
        return found


def _entry(part: Part, item: Item) -> Entry:
    return Entry(part, item, item.folder, item.kind, item.namespace, item.object_name)


def _meets(labels: Mapping[str, str], wanted: Mapping[str, Any]) -> bool:
    value, values = labels.get(wanted["key"]), wanted.get("values") or ()
    match wanted["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None
