"""What makes pods, as rules see it: the pod's spec, its labels, and how many there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.errors import Path
from ..core.facts import TrackFacts
from ..core.manifest import pod_templates
from ..core.plan import Item, Part
from ..serving.model_server import SERVER_KINDS
from ..serving.pod import STOP_SECONDS
from ..weights.gcs_fuse import sidecar_requests

MODEL = "inference/model"
"""Annotation of the pods that serve a model."""
_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """A controller and the pod it makes.

    Attributes:
        part: the component it belongs to.
        item: the Deployment, StatefulSet, LeaderWorkerSet, DaemonSet, Job or CronJob.
        labels: of the pod.
        annotations: of the pod.
        spec: of the pod.
        containers: the pod's containers.
        inits: its init containers, sidecars among them.
        least: pods there always are; 0 for what runs now and then, and for a DaemonSet.
        most: pods there can be.
        role: `leader` or `worker` of a LeaderWorkerSet's groups, which are two workloads; empty otherwise.
        span: pods that serve one replica together.
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
    role: str = ""
    span: int = 1

    @property
    def namespace(self) -> str:
        """Where its pods run."""
        return namespace_of(self.item)

    @property
    def subject(self) -> str:
        """How messages name it: `Deployment llama`, `LeaderWorkerSet lws-llama's worker`."""
        return f"{self.item.kind} {self.item.object_name}" + (f"'s {self.role}" if self.role else "")

    @property
    def facts(self) -> TrackFacts | None:
        """What its builder knew of the version of a model it serves; `None` where none did, or told nobody."""
        return self.part.track(self.item.role)

    @property
    def serves(self) -> bool:
        """Whether its pods serve a model."""
        return MODEL in self.annotations

    @property
    def sleep_seconds(self) -> int:
        """How long its slowest preStop hook sleeps before SIGTERM."""
        hooks = (container.get("lifecycle", _NOTHING).get("preStop", _NOTHING) for container in self.containers)
        return max((_sleep(hook) for hook in hooks), default=0)

    @property
    def grace_seconds(self) -> int:
        """From the pod's deletion to SIGKILL; Kubernetes gives 30 s when nothing is said."""
        return int(self.spec.get("terminationGracePeriodSeconds", 30))

    @property
    def drain_seconds(self) -> int:
        """How long open requests may last after SIGTERM."""
        return max(0, self.grace_seconds - self.sleep_seconds - STOP_SECONDS)

    @property
    def every_container(self) -> tuple[Mapping[str, Any], ...]:
        """Init containers and containers."""
        return (*self.inits, *self.containers)

    def at(self, *field: str | int) -> Path:
        """Where a field of its configuration stands; the component itself when it is no model server."""
        return place(self.part, *field) if self.part.kind in SERVER_KINDS else place(self.part)

    @property
    def runs(self) -> bool:
        """Whether it ever has a pod: one with `replicas: 0` has none."""
        return self.most > 0 or self.item.kind == "DaemonSet"


CONTROLLERS = frozenset({"Deployment", "StatefulSet", "LeaderWorkerSet", "DaemonSet", "Job", "CronJob"})
"""The kinds that make pods."""


def workloads(part: Part, item: Item, scale: tuple[int, int] | None) -> Iterator[Workload]:
    """The workloads an object is: one for each template of pods, none when it makes no pods.

    Args:
        part: the component it belongs to.
        item: the object.
        scale: the fewest and most replicas its autoscaler sets; `None` when nothing scales it.
    """
    if item.kind not in CONTROLLERS:
        return
    spec = item.properties.get("spec", _NOTHING)
    least, most = _bounds(item.kind, spec, scale)
    span = spec.get("leaderWorkerTemplate", _NOTHING).get("size", 1)
    for role, template in pod_templates(item.kind, spec):
        metadata = template.get("metadata", _NOTHING)
        annotations = metadata.get("annotations") or _NOTHING
        pods = span - 1 if role == "worker" else 1
        yield Workload(
            part=part,
            item=item,
            labels=metadata.get("labels") or _NOTHING,
            annotations=annotations,
            spec=_with_injected(template["spec"], annotations),
            containers=tuple(template["spec"].get("containers", ())),
            inits=tuple(template["spec"].get("initContainers", ())),
            least=least * pods,
            most=most * pods,
            role=role,
            span=span,
        )


def _with_injected(spec: Mapping[str, Any], annotations: Mapping[str, str]) -> Mapping[str, Any]:
    """The pod's spec with what the sidecars that GKE adds ask for, which counts against the node's as overhead does."""
    asked = sidecar_requests(annotations)
    return {**spec, "overhead": {**asked, **spec.get("overhead", _NOTHING)}} if asked else spec


def _bounds(kind: str, spec: Mapping[str, Any], scale: tuple[int, int] | None) -> tuple[int, int]:
    if kind == "CronJob":
        return 0, 1
    if kind == "DaemonSet":
        return 0, 0
    if kind == "Job":
        return spec.get("parallelism", 1), spec.get("parallelism", 1)
    return scale or (spec.get("replicas", 1), spec.get("replicas", 1))


def flags(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each flag of a command line with its value, `--port 80` and `--port=80` alike; empty where nothing follows."""
    for argument, following in zip(arguments, (*arguments[1:], ""), strict=False):
        if argument.startswith("-"):
            flag, is_joined, value = argument.partition("=")
            yield flag, value if is_joined else following


def _sleep(hook: Mapping[str, Any]) -> int:
    if "sleep" in hook:
        return int(hook["sleep"].get("seconds", 0))
    found = re.search(r"\bsleep\s+(\d+)", " ".join(hook.get("exec", _NOTHING).get("command", ())))
    return int(found[1]) if found else 0


def place(part: Part, *field: str | int) -> Path:
    """Where a field of a part stands: below its path, or below its kind and name where it has none."""
    return (*(part.path or (part.kind, part.name)), *field)


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
