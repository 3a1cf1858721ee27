"""The plan, looked up: pods, what selects them, what scales them. Built once a plan and handed to every rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import Path
from ..plan import Item, Part, Plan

SERVERS = frozenset({"ModelServer", "BlueGreen", "Canary", "AbTest"})
"""Parts whose configuration has the fields of a model server."""
MODEL = "inference/model"
"""Annotation of the pods that serve a model."""
_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """A controller and the pod it makes.

    Attributes:
        part: the component it belongs to.
        item: the Deployment, StatefulSet, DaemonSet, Job or CronJob.
        labels: of the pod.
        annotations: of the pod.
        spec: of the pod.
        containers: the pod's containers.
        inits: its init containers, sidecars among them.
        least: pods there always are; 0 for what runs now and then, and for a DaemonSet.
        most: pods there can be.
    """

    part: Part
    item: Item
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    spec: Mapping[str, Any]
    containers: tuple[Mapping[str, Any], ...]
    inits: tuple[Mapping[str, Any], ...]
    least: int
    most: int

    @property
    def namespace(self) -> str:
        """Where its pods run."""
        return namespace_of(self.item)

    @property
    def subject(self) -> str:
        """How messages name it: `Deployment llama`."""
        return f"{self.item.kind} {self.item.object_name}"

    @property
    def serves(self) -> bool:
        """Whether its pods serve a model."""
        return MODEL in self.annotations

    @property
    def every_container(self) -> tuple[Mapping[str, Any], ...]:
        """Init containers and containers."""
        return (*self.inits, *self.containers)

    def at(self, *field: str | int) -> Path:
        """Where a field of its configuration stands; the component itself when it is no model server."""
        return place(self.part, *field) if self.part.kind in SERVERS else place(self.part)


class Index:
    """One plan with everything rules look up."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._by_kind: dict[str, list[tuple[Part, Item]]] = defaultdict(list)
        for part, item in plan.items():
            self._by_kind["chart" if item.is_chart else item.kind if item.is_object else "cloud"].append((part, item))

    def objects(self, *kinds: str) -> Iterator[tuple[Part, Item]]:
        """The Kubernetes objects of some kinds, in order; `chart` and `cloud` are kinds too."""
        for kind in kinds:
            yield from self._by_kind.get(kind, ())

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """Everything that makes pods, in the plan's order."""
        found = [
            _workload(part, item, self._scales.get((namespace_of(item), item.kind, item.object_name)))
            for part, item in self.plan.objects()
            if item.kind in _CONTROLLERS
        ]
        return tuple(workload for workload in found if workload is not None)

    @cached_property
    def services(self) -> Mapping[tuple[str, str], tuple[Part, Item]]:
        """Services by namespace and name."""
        return {(namespace_of(item), item.object_name): (part, item) for part, item in self.objects("Service")}

    def selected(self, namespace: str, labels: Mapping[str, str]) -> list[Workload]:
        """The workloads of a namespace whose pods carry all `labels`."""
        if not labels:
            return self._in_namespace.get(namespace, [])
        pairs = [self._by_label.get((namespace, key, value), []) for key, value in labels.items()]
        fewest = min(pairs, key=len)
        return [pod for pod in fewest if has_labels(pod.labels, labels)]

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
    def _in_namespace(self) -> Mapping[str, list[Workload]]:
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
            found[namespace_of(item), target["kind"], target["name"]] = (spec.get("minReplicas", 1), spec["maxReplicas"])
        for _, item in self.objects("ScaledObject"):
            spec = item.properties["spec"]
            target = spec["scaleTargetRef"]
            # KEDA's own defaults (kedacore/keda@v2.21.0 apis/keda/v1alpha1/scaledobject_types.go).
            bounds = (spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", 100))
            found[namespace_of(item), target.get("kind", "Deployment"), target["name"]] = bounds
        return found


def place(part: Part, *field: str | int) -> Path:
    """Where a field of a part stands: below its path, or below its kind and name where it has none."""
    return ((*part.path, *field) if part.path else (part.kind, part.name, *field)) if field else (
        part.path or (part.kind, part.name)
    )  # fmt: skip


def namespace_of(item: Item) -> str:
    """The namespace an object ends up in: `default` where it names none."""
    return item.namespace or "default"


def has_labels(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether all of `wanted` are among `labels`."""
    return all(labels.get(key) == value for key, value in wanted.items())


def pairs(labels: Mapping[str, Any]) -> str:
    """Labels as messages write them: `app=llama, color=blue`."""
    return ", ".join(f"{key}={value}" for key, value in labels.items())


def listed(words: Iterable[str], most: int = 4) -> str:
    """Words with commas, the first `most` of them and how many more there are."""
    names = list(words)
    rest = len(names) - most
    return ", ".join(names) if rest <= 0 else f"{', '.join(names[:most])} and {rest} more"


_CONTROLLERS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"})


def _workload(part: Part, item: Item, scale: tuple[int, int] | None) -> Workload | None:
    spec = item.properties.get("spec", _NOTHING)
    least, most = _bounds(item.kind, spec, scale)
    if item.kind == "CronJob":
        spec = spec.get("jobTemplate", _NOTHING).get("spec", _NOTHING)
    template = spec.get("template")
    if not template or "spec" not in template:
        return None
    metadata = template.get("metadata", _NOTHING)
    return Workload(
        part=part,
        item=item,
        labels=metadata.get("labels") or _NOTHING,
        annotations=metadata.get("annotations") or _NOTHING,
        spec=template["spec"],
        containers=tuple(template["spec"].get("containers", ())),
        inits=tuple(template["spec"].get("initContainers", ())),
        least=least,
        most=most,
    )


def _bounds(kind: str, spec: Mapping[str, Any], scale: tuple[int, int] | None) -> tuple[int, int]:
    if kind == "CronJob":
        return 0, 1
    if kind == "DaemonSet":
        return 0, 0
    if kind == "Job":
        return spec.get("parallelism", 1), spec.get("parallelism", 1)
    return scale or (spec.get("replicas", 1), spec.get("replicas", 1))


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
