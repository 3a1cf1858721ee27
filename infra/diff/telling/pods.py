"""The pods of a snapshot: how many, how they are exchanged, how long they take to start, who sends them requests."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor
from typing import Any, NamedTuple, TypeAlias

from components.catalog.object_fields import default_of
from components.core.errors import Path, dotted
from components.core.plan import Item, Part, Plan
from components.reading.index import Index
from components.reading.scheduler import Verdict
from components.reading.workload import has_labels
from components.serving.cold_start import duration

from ...plan.overview import track_name
from ..compare import inside
from ..pair import component_of
from ..snapshots.snapshot import Resource, Snapshot

CONTROLLERS = ("Deployment", "StatefulSet", "LeaderWorkerSet", "DaemonSet")
"""Kinds whose pods run on."""
_Label: TypeAlias = tuple[str, str, str]
"""A namespace, and a label with its value."""
_MINUTE, _LONG = 60, 120
"""Seconds of one, and from how many on they are told."""


class IntRange(NamedTuple):
    """At least and at most; `None` at most where nobody knows."""

    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a controller exchanges its pods.

    Attributes:
        surge: pods it makes beside the old ones.
        unavailable: pods it takes away before the new ones are ready; all of them with `Recreate`.
        recreate: whether all go before the first comes.
    """

    surge: int
    unavailable: int
    recreate: bool = False


class Pods:
    """What is looked up of one snapshot's pods; everything is worked out when it is first asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def replicas(self, resource: Resource) -> IntRange:
        """How many pods, or groups of a LeaderWorkerSet, a controller has."""
        fixed = _whole(inside(resource.properties, "spec").get("replicas"), 1)
        scaled = self._scales.get((resource.namespace, resource.kind, resource.name))
        return scaled or IntRange(fixed, fixed)

    def rollout(self, resource: Resource, replicas: int) -> Rollout:
        """How it exchanges that many pods."""
        spec = inside(resource.properties, "spec")
        match resource.kind:
            case "LeaderWorkerSet":
                above = ("rolloutStrategy", "rollingUpdateConfiguration")
            case "Deployment":
                if inside(spec, "strategy").get("type") == "Recreate":
                    return Rollout(0, replicas, recreate=True)
                above = ("strategy", "rollingUpdate")
            case _:
                # A StatefulSet's pods go one by one; a DaemonSet's too unless it says otherwise.
                above = ("updateStrategy", "rollingUpdate")
        rolling, place = inside(spec, *above), ".".join(("spec", *above))
        surge = rolling.get("maxSurge", next(iter(default_of(resource.kind, f"{place}.maxSurge")), 0))
        absent = rolling.get("maxUnavailable", next(iter(default_of(resource.kind, f"{place}.maxUnavailable")), 1))
        made, taken = _share(surge, replicas, up=True), _share(absent, replicas, up=False)
        # Both zero would never move; Kubernetes takes one away (ResolveFenceposts in pkg/controller/deployment/util).
        return Rollout(made, taken or (0 if made else 1))

    def start(self, resource: Resource) -> IntRange | None:
        """Seconds that one of its pods takes to start; `None` when nobody knows."""
        track = track_name(resource.role)
        return self._starts.get(f"{dotted(resource.at)}{f'/{track}' if track else ''}")

    def leads_to(self, resource: Resource) -> list[Resource]:
        """The Services of its namespace that send requests to its pods."""
        labels = pod_labels(resource)
        near = (self._services_by_label.get((resource.namespace, *label), ()) for label in labels.items())
        return [one for found in near for one in found if has_labels(labels, selector(one))]

    def is_standby(self, resource: Resource) -> bool:
        """Whether its component has a Service, and it leads past these pods."""
        own = self._of_component["Service", resource.namespace, component_of(resource)]
        return bool(own) and not any(has_labels(pod_labels(resource), selector(one)) for one in own)

    def beside(self, resource: Resource) -> list[Resource]:
        """The other controllers whose pods answer the same Service's requests."""
        found: dict[str, Resource] = {}
        for service in self.leads_to(resource):
            wanted = selector(service)
            labels = ((resource.namespace, *label) for label in wanted.items())
            near = min((self._controllers_by_label.get(label, []) for label in labels), key=len)
            found |= {one.key: one for one in near if has_labels(pod_labels(one), wanted)}
        found.pop(resource.key, None)
        return list(found.values())

    def siblings(self, resource: Resource) -> Sequence[Resource]:
        """What makes pods of its component, in its namespace."""
        return self._of_component["", resource.namespace, component_of(resource)]

    def on_pool(self, pool: str) -> list[Verdict]:
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
            if one.kind in ("HorizontalPodAutoscaler", "ScaledObject"):
                target = inside(one.properties, "spec", "scaleTargetRef")
                kind, name = str(target.get("kind", "Deployment")), str(target.get("name", ""))
                found[one.namespace, kind, name] = scale_bounds(one)
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
            if one.kind in CONTROLLERS:
                for label in pod_labels(one).items():
                    found[one.namespace, *label].append(one)
        return found

    @cached_property
    def _of_component(self) -> Mapping[tuple[str, str, Path | str], Sequence[Resource]]:
        """Services by their kind, and under no kind what makes pods."""
        found: dict[tuple[str, str, Path | str], list[Resource]] = defaultdict(list)
        for one in self.snapshot.resources:
            if one.kind in CONTROLLERS or (one.kind == "Service" and selector(one)):
                kind = "" if one.kind in CONTROLLERS else one.kind
                found[kind, one.namespace, component_of(one)].append(one)
        return found

    @cached_property
    def _verdicts(self) -> tuple[Verdict, ...]:
        parts: dict[str, list[Resource]] = defaultdict(list)
        for one in self.snapshot.resources:
            if one.kind in (*CONTROLLERS, "HorizontalPodAutoscaler", "ScaledObject"):
                parts[one.component or one.key].append(one)
        plan = Plan(
            self.snapshot.environment,
            tuple(_part(name, members) for name, members in parts.items()),
            nodes=self.snapshot.nodes,
        )
        return Index(plan).scheduler.verdicts


def scale_bounds(resource: Resource) -> IntRange:
    """The fewest and most replicas that an autoscaler sets."""
    spec = inside(resource.properties, "spec")
    if resource.kind == "ScaledObject":
        # KEDA's own defaults (kedacore/keda@v2.21.0 apis/keda/v1alpha1/scaledobject_types.go).
        return IntRange(_whole(spec.get("minReplicaCount"), 0), _whole(spec.get("maxReplicaCount"), 100))
    return IntRange(_whole(spec.get("minReplicas"), 1), _whole(spec.get("maxReplicas"), 1))


def pod_labels(resource: Resource) -> Mapping[str, str]:
    """The labels of a controller's pods, those of a group's leader."""
    return inside(pod_template(resource), "metadata", "labels")


def pod_template(resource: Resource) -> Mapping[str, Any]:
    """The template of a controller's pods, that of a group's leader."""
    spec = inside(resource.properties, "spec")
    group = inside(spec, "leaderWorkerTemplate")
    return inside(group, "leaderTemplate") or inside(group, "workerTemplate") or inside(spec, "template")


def selector(service: Resource) -> Mapping[str, str]:
    """The labels by which a Service finds its pods."""
    return inside(service.properties, "spec", "selector")


def _part(name: str, members: Sequence[Resource]) -> Part:
    kind, _, own = name.partition("/")
    items = tuple(Item(one.key, one.type, one.name, one.properties) for one in members)
    return Part(kind, own, items, path=members[0].at)


def _whole(value: Any, absent: int) -> int:
    return value if isinstance(value, int) else absent


def _share(amount: Any, whole: int, *, up: bool) -> int:
    """A number of pods, or a percentage of them: rounded up for what is made, down for what goes."""
    if isinstance(amount, int):
        return amount
    digits = str(amount).rstrip("%")
    share = (int(digits) if digits.isdigit() else 0) * whole / 100
    return ceil(share) if up else floor(share)


def minutes(start: IntRange | None, times: int) -> str:
    """How long that many starts after each other take: `about 9–14 min`, `3 min or more`."""  # noqa: RUF002
    if start is None:
        return "an unknown time"
    low = start.low * times
    if start.high is None:
        return f"{duration(low)} or more"
    high = start.high * times
    if low >= _LONG and high >= _LONG:
        first, last = round(low / _MINUTE), round(high / _MINUTE)
        return f"about {first} min" if first == last else f"{first}–{last} min"  # noqa: RUF001
    return f"about {duration(low)}" if low == high else f"{duration(low)} to {duration(high)}"
