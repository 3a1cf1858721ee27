"""What makes pods, as rules see it: the pod's spec, its labels, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.errors import Path
from ..core.facts import TrackFacts
from ..core.plan import Item, Part
from ..kinds.names import DAEMON_SET, SERVERS
from ..kinds.pod import ContainerSpec, PodTemplate
from ..kinds.workload import WORKER, Controller, controller
from ..serving.model_server import SERVER_KINDS
from ..serving.pod import MODEL, STOP_SECONDS
from ..weights.gcs_fuse import sidecar_requests


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """A controller and the pod it makes.

    Attributes:
        part: the component it belongs to.
        item: the Deployment, StatefulSet, LeaderWorkerSet, DaemonSet, Job or CronJob.
        controller: what that says.
        template: what its pods' template says, with what the sidecars that GKE adds ask for.
        least: pods there always are; 0 for what runs now and then, and for a DaemonSet.
        most: pods there can be.
        role: `leader` or `worker` of a LeaderWorkerSet's groups, which are two workloads; empty otherwise.
    """

    part: Part
    item: Item
    controller: Controller
    template: PodTemplate
    least: int
    most: int
    role: str = ""

    @property
    def kind(self) -> str:
        """The controller's kind."""
        return self.item.kind

    @property
    def labels(self) -> Mapping[str, Any]:
        """The labels of the pod."""
        return self.template.labels

    @property
    def annotations(self) -> Mapping[str, Any]:
        """The annotations of the pod."""
        return self.template.annotations

    @property
    def containers(self) -> tuple[ContainerSpec, ...]:
        """The pod's containers."""
        return self.template.containers

    @property
    def every_container(self) -> tuple[ContainerSpec, ...]:
        """Init containers and containers."""
        return self.template.every_container

    @property
    def span(self) -> int:
        """Pods that serve one replica together."""
        return self.controller.span

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
        return self.template.sleep_seconds

    @property
    def grace_seconds(self) -> int:
        """From the pod's deletion to SIGKILL."""
        return self.template.grace_seconds

    @property
    def drain_seconds(self) -> int:
        """How long open requests may last after SIGTERM."""
        return max(0, self.grace_seconds - self.sleep_seconds - STOP_SECONDS)

    def at(self, *field: str | int) -> Path:
        """Where a field of its configuration stands; the component itself when it is no model server."""
        return place(self.part, *field) if self.part.kind in SERVER_KINDS else place(self.part)

    @property
    def runs(self) -> bool:
        """Whether it ever has a pod: one with `replicas: 0` has none."""
        return self.most > 0 or self.item.kind == DAEMON_SET


def workloads(part: Part, item: Item, scale: tuple[int, int] | None) -> Iterator[Workload]:
    """The workloads an object is: one for each template of pods, none when it makes no pods.

    Args:
        part: the component it belongs to.
        item: the object.
        scale: the fewest and most replicas its autoscaler sets; `None` when nothing scales it.
    """
    says = controller(item.kind, item.properties)
    if says is None:
        return
    least, most = scale if scale and item.kind in SERVERS else (says.least, says.most)
    for role, template in says.templates:
        pods = says.span - 1 if role == WORKER else 1
        yield Workload(part, item, says, with_injected(template), least * pods, most * pods, role)


def with_injected(template: PodTemplate) -> PodTemplate:
    """The template with what the sidecars that GKE adds ask for, which counts against the node's as overhead does."""
    asked = sidecar_requests(template.annotations)
    return template.with_overhead(asked) if asked else template


def flags(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each flag of a command line with its value, `--port 80` and `--port=80` alike; empty where nothing follows."""
    for argument, following in zip(arguments, (*arguments[1:], ""), strict=False):
        if argument.startswith("-"):
            flag, is_joined, value = argument.partition("=")
            yield flag, value if is_joined else following


def place(part: Part, *field: str | int) -> Path:
    """Where a field of a part stands: below its path, or below its kind and name where it has none."""
    return (*(part.path or (part.kind, part.name)), *field)


def namespace_of(item: Item) -> str:
    """The namespace an object ends up in: `default` where it names none."""
    return item.namespace or "default"


def pairs(labels: Mapping[str, Any]) -> str:
    """Labels as messages write them: `app=llama, color=blue`."""
    return ", ".join(f"{key}={value}" for key, value in labels.items())
