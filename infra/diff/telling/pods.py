"""The pods of a snapshot: how many, how they are exchanged, how long they take to start, who sends them requests."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

from components.core.errors import Path, dotted
from components.core.words import about
from components.kinds.names import DAEMON_SET, LASTING
from components.kinds.pod import PodTemplate
from components.kinds.scaler import scale_of
from components.kinds.selector import has_labels
from components.kinds.service import service
from components.kinds.workload import Controller, controller, pod_labels
from components.reading.scheduler import Scheduler, Verdict
from components.reading.workload import with_injected

from ..changes.pair import component_of
from ..snapshots.snapshot import Resource, Snapshot

_Label: TypeAlias = tuple[str, str, str]
"""A namespace, and a label with its value."""


class IntRange(NamedTuple):
    """At least and at most; `None` at most where nobody knows."""

    low: int
    high: int | None


class Placed(NamedTuple):
    """Pods of one template, as the scheduler takes them: the resource that makes them, and what they are."""

    resource: Resource
    template: PodTemplate

    @property
    def kind(self) -> str:
        """The resource's kind."""
        return self.resource.kind


class Pods:
    """What is looked up of one snapshot's pods; everything is worked out when it is first asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._controllers: dict[int, tuple[Resource, Controller]] = {}

    def replicas(self, resource: Resource) -> IntRange:
        """How many pods, or groups of a LeaderWorkerSet, a controller has."""
        if resource.kind == DAEMON_SET:
            return IntRange(1, 1)  # on each node
        scaled = self._scales.get((resource.namespace, resource.kind, resource.name))
        says = self.controller(resource)
        return scaled or IntRange(says.least, says.most)

    def controller(self, resource: Resource) -> Controller:
        """What a resource that makes pods says."""
        # By identity: the other side's resource with the same key says something else, and is asked about here too.
        if (known := self._controllers.get(id(resource))) is not None:
            return known[1]
        says = controller(resource.kind, resource.properties)
        assert says is not None  # noqa: S101 - nobody asks it of what makes no pods
        self._controllers[id(resource)] = (resource, says)
        return says

    def start(self, resource: Resource) -> IntRange | None:
        """Seconds that one of its pods takes to start; `None` when nobody knows."""
        return self._starts.get(f"{dotted(resource.at)}{f'/{resource.track}' if resource.track else ''}")

    def leads_to(self, resource: Resource) -> list[Resource]:
        """The Services of its namespace that send requests to its pods."""
        labels = _labels(resource)
        near = (self._services_by_label.get((resource.namespace, *label), ()) for label in labels.items())
        return [one for found in near for one in found if has_labels(labels, selector(one))]

    def is_standby(self, resource: Resource) -> bool:
        """Whether its component has a Service, and it leads past these pods."""
        own = self._of_component["Service", resource.namespace, component_of(resource)]
        return bool(own) and not any(has_labels(_labels(resource), selector(one)) for one in own)

    def beside(self, resource: Resource) -> list[Resource]:
        """The other controllers whose pods answer the same Service's requests."""
        found: dict[str, Resource] = {}
        for leading in self.leads_to(resource):
            wanted = selector(leading)
            labels = ((resource.namespace, *label) for label in wanted.items())
            near = min((self._controllers_by_label.get(label, []) for label in labels), key=len)
            found |= {one.key: one for one in near if has_labels(_labels(one), wanted)}
        found.pop(resource.key, None)
        return list(found.values())

    def siblings(self, resource: Resource) -> Sequence[Resource]:
        """What makes pods of its component, in its namespace."""
        return self._of_component["", resource.namespace, component_of(resource)]

    def on_pool(self, pool: str) -> list[Verdict[Placed]]:
        """What the scheduler makes of the pods that can land on a pool."""
        if not self.snapshot.nodes:
            return []
        return [one for one in self._verdicts if any(node.pool == pool for node in one.fits)]

    @cached_property
    def by_key(self) -> Mapping[str, Resource]:
        """Every resource by its key."""
        return {one.key: one for one in self.snapshot.resources}

    @cached_property
    def components(self) -> frozenset[Path | str]:
        """What resources belong to."""
        return frozenset(map(component_of, self.snapshot.resources))

    @cached_property
    def _scales(self) -> Mapping[tuple[str, str, str], IntRange]:
        found: dict[tuple[str, str, str], IntRange] = {}
        for one in self.snapshot.resources:
            if scale := scale_of(one.kind, one.properties):
                found[one.namespace, scale.kind, scale.name] = IntRange(scale.fewest, scale.most)
        return found

    @cached_property
    def _starts(self) -> Mapping[str, IntRange]:
        return {
            str(one.get("at")): IntRange(one["cold_start"]["min_seconds"], one["cold_start"]["max_seconds"])
            for one in self.snapshot.footprints or ()
            if "cold_start" in one
        }

    @cached_property
    def _services_by_label(self) -> Mapping[_Label, Sequence[Resource]]:
        """Services by the rarest label of their selector: a fleet has thousands that share the others."""
        services = [one for one in self.snapshot.resources if one.kind == "Service" and selector(one)]
        labels = {one.key: [(one.namespace, *label) for label in selector(one).items()] for one in services}
        count = Counter(label for own in labels.values() for label in own)
        found: dict[_Label, list[Resource]] = defaultdict(list)
        for one in services:
            found[min(labels[one.key], key=count.__getitem__)].append(one)
        return found

    @cached_property
    def _controllers_by_label(self) -> Mapping[_Label, list[Resource]]:
        found: dict[_Label, list[Resource]] = defaultdict(list)
        for one in self.snapshot.resources:
            if one.kind in LASTING:
                for label in _labels(one).items():
                    found[one.namespace, *label].append(one)
        return found

    @cached_property
    def _of_component(self) -> Mapping[tuple[str, str, Path | str], Sequence[Resource]]:
        """Services by their kind, and under no kind what makes pods."""
        found: dict[tuple[str, str, Path | str], list[Resource]] = defaultdict(list)
        for one in self.snapshot.resources:
            if one.kind in LASTING or (one.kind == "Service" and selector(one)):
                kind = "" if one.kind in LASTING else one.kind
                found[kind, one.namespace, component_of(one)].append(one)
        return found

    @cached_property
    def _verdicts(self) -> tuple[Verdict[Placed], ...]:
        placed = [
            Placed(one, with_injected(template))
            for one in self.snapshot.resources
            if one.kind in LASTING
            for _, template in self.controller(one).templates
        ]
        return Scheduler(placed, self.snapshot.nodes).verdicts


def _labels(resource: Resource) -> Mapping[str, Any]:
    """The labels of a controller's pods, those of a group's leader."""
    return pod_labels(resource.kind, resource.properties)


def selector(resource: Resource) -> Mapping[str, Any]:
    """The labels by which a Service finds its pods."""
    return service(resource.properties).selector


def minutes(start: IntRange | None, times: int) -> str:
    """How long that many starts after each other take: `about 9–14 min`, `3 min or more`."""  # noqa: RUF002
    if start is None:
        return "an unknown time"
    return about(start.low * times, None if start.high is None else start.high * times)
