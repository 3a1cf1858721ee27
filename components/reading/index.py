"""The plan, looked up: pods, what selects them, what scales them. Built once a plan and handed to every rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from ..core.errors import Path
from ..core.plan import Item, Part, Plan
from ..core.providers import Folder
from ..kinds.names import CONTROLLERS, ROUTES, SCALERS
from ..kinds.route import Route, Subsets, route_of, subsets_of
from ..kinds.scaler import scale_of
from ..kinds.selector import Selector, has_labels
from ..kinds.service import Service, service
from ..kinds.volume import PersistentVolume, StorageClass, VolumeClaim, claim_of, persistent_volume, storage_class
from .scheduler import Scheduler
from .workload import Workload, namespace_of, place, workloads

S = TypeVar("S")
T = TypeVar("T")
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


class Owned(NamedTuple, Generic[S]):
    """An object with its component and what its manifest says.

    Attributes:
        part: its component.
        item: the object.
        says: what its manifest says, as its family in `kinds` has it.
    """

    part: Part
    item: Item
    says: S

    @property
    def name(self) -> str:
        """The object's name."""
        return self.item.object_name

    @property
    def namespace(self) -> str:
        """The namespace it ends up in."""
        return namespace_of(self.item)


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
    def scheduler(self) -> Scheduler[Workload]:
        """What the scheduler makes of the pods."""
        return Scheduler(self.workloads, self.plan.nodes, complete=self.plan.nodes_complete)

    @cached_property
    def every_service(self) -> tuple[Owned[Service], ...]:
        """Services in order."""
        return tuple(Owned(part, item, service(item.properties)) for part, item in self.objects("Service"))

    @cached_property
    def services(self) -> Mapping[tuple[str, str], Owned[Service]]:
        """Services by namespace and name."""
        return {(found.namespace, found.name): found for found in self.every_service}

    @cached_property
    def routes(self) -> tuple[Owned[Route], ...]:
        """Routes of every kind, kind after kind, in order."""
        found = ((part, item, namespace_of(item)) for part, item in self.objects(*ROUTES))
        read = ((part, item, route_of(item.kind, item.properties, namespace)) for part, item, namespace in found)
        return tuple(Owned(part, item, route) for part, item, route in read if route)

    @cached_property
    def subsets(self) -> tuple[Owned[Subsets], ...]:
        """DestinationRules in order."""
        return tuple(
            Owned(part, item, subsets_of(item.properties, namespace_of(item)))
            for part, item in self.objects("DestinationRule")
        )

    @cached_property
    def claims(self) -> Mapping[tuple[str, str], VolumeClaim]:
        """PersistentVolumeClaims by namespace and name."""
        found = self.objects("PersistentVolumeClaim")
        return {(namespace_of(item), item.object_name): claim_of(item.properties) for _, item in found}

    @cached_property
    def volumes(self) -> Mapping[str, PersistentVolume]:
        """PersistentVolumes by name."""
        return {item.object_name: persistent_volume(item.properties) for _, item in self.objects("PersistentVolume")}

    @cached_property
    def storage_classes(self) -> Mapping[str, StorageClass]:
        """StorageClasses by name."""
        return {item.object_name: storage_class(item.properties) for _, item in self.objects("StorageClass")}

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

    def behind(self, service: Owned[Service]) -> list[Workload]:
        """The workloads whose pods a Service selects; none for one without a selector."""
        selector = service.says.selector
        return self.selected(service.namespace, selector) if selector else []

    def by_selector(self, namespace: str, selector: Selector) -> list[Workload]:
        """The workloads of a namespace that a `LabelSelector` selects."""
        found = self.selected(namespace, selector.labels)
        return [pod for pod in found if selector.selects(pod.labels)] if selector.expressions else found

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
        for _, item in self.objects(*SCALERS):
            if scale := scale_of(item.kind, item.properties):
                found[namespace_of(item), scale.kind, scale.name] = (scale.fewest, scale.most)
        return found


def _entry(part: Part, item: Item) -> Entry:
    return Entry(part, item, item.folder, item.kind, item.namespace, item.object_name)
