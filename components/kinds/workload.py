"""What a controller of pods says: how many it has, of which templates, and how it exchanges them."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor
from typing import Any, NamedTuple

from ..catalog.object_fields import default_of
from . import names
from .lenient import NOTHING, entries, inside, pairs, share, whole
from .pod import PodTemplate, pod_template
from .volume import VolumeClaim, claim_of

LEADER, WORKER = "leader", "worker"
"""The roles of a LeaderWorkerSet's pods."""
_ROLLING = {
    names.DEPLOYMENT: ("strategy", "rollingUpdate"),
    names.LEADER_WORKER_SET: ("rolloutStrategy", "rollingUpdateConfiguration"),
    names.STATEFUL_SET: ("updateStrategy", "rollingUpdate"),
    names.DAEMON_SET: ("updateStrategy", "rollingUpdate"),
}
"""Where kinds say how their pods are exchanged, below `spec`."""


class UpdateStep(NamedTuple):
    """What a controller may do to its pods while it replaces them: how many above and how many below the replicas."""

    surge: int
    unavailable: int

    def __str__(self) -> str:
        return f"max_surge {self.surge}, max_unavailable {self.unavailable}"


class Exchange(NamedTuple):
    """How a controller exchanges its pods, or a LeaderWorkerSet its groups.

    Attributes:
        recreate: whether all go before the first comes.
        surge: how many it makes beside the old ones, a number or a share such as `25%`.
        unavailable: how many it takes away before new ones are ready, a number or a share.
    """

    recreate: bool
    surge: Any
    unavailable: Any

    def step(self, replicas: int) -> UpdateStep:
        """The same for so many replicas, shares rounded as Kubernetes does: up for what comes, down for what goes."""
        if self.recreate:
            return UpdateStep(0, replicas)
        surge, unavailable = share(self.surge, replicas, ceil), share(self.unavailable, replicas, floor)
        # Both may round to 0; Kubernetes then takes one away (ResolveFenceposts in pkg/controller/deployment/util).
        return UpdateStep(surge, unavailable or (0 if surge else 1))


class Controller(NamedTuple):
    """What a controller of pods says.

    Attributes:
        kind: the object's kind.
        templates: the templates of its pods by their role: `leader` and `worker` of a LeaderWorkerSet, otherwise one
            without a name. A template without a spec is none.
        least: pods, or groups of a LeaderWorkerSet, there always are where nothing scales it; 0 for what runs now and
            then, and for a DaemonSet.
        most: pods, or groups, there can be.
        span: pods that serve one replica together.
        exchange: how it exchanges them.
        deadline_seconds: how long a Deployment waits for a new ready pod before it counts as failed; `None` where it
            does not say.
        claims: the claims that a StatefulSet makes for each pod.
    """

    kind: str
    templates: tuple[tuple[str, PodTemplate], ...]
    least: int
    most: int
    span: int
    exchange: Exchange
    deadline_seconds: int | None
    claims: tuple[VolumeClaim, ...]

    @property
    def template(self) -> PodTemplate | None:
        """The template of its pods, that of a group's leader; `None` where it has none."""
        return self.templates[0][1] if self.templates else None

    @property
    def gpus(self) -> int:
        """The GPUs of one replica, on all its nodes."""
        if self.kind == names.LEADER_WORKER_SET:
            return sum(template.gpus * (self.span - 1 if role == WORKER else 1) for role, template in self.templates)
        return sum(template.gpus for _, template in self.templates)


def controller(kind: str, manifest: Mapping[str, Any]) -> Controller | None:
    """What a controller of pods says; `None` for an object of any other kind."""
    if kind not in names.CONTROLLERS:
        return None
    spec = inside(manifest, "spec")
    least, most = _bounds(kind, spec)
    return Controller(
        kind,
        tuple((role, pod_template(template)) for role, template in templates_in(kind, spec)),
        least,
        most,
        _span(spec) if kind == names.LEADER_WORKER_SET else 1,
        _exchange(kind, spec),
        whole(spec.get("progressDeadlineSeconds"), 0) or None,
        tuple(map(claim_of, entries(spec.get("volumeClaimTemplates")))) if kind == names.STATEFUL_SET else (),
    )


def pod_labels(kind: str, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The labels of a controller's pods, those of a group's leader: for who looks through many for a few."""
    templates = templates_in(kind, inside(manifest, "spec"))
    return pairs(inside(templates[0][1], "metadata").get("labels")) if templates else NOTHING


def templates_in(kind: str, spec: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The pod templates of a controller's spec, each with what tells its pods from the others'; one has no name."""
    if kind == names.LEADER_WORKER_SET:
        worker = inside(spec, "leaderWorkerTemplate", "workerTemplate")
        # Without a template of its own, the leader has the workers' (kubernetes-sigs/lws api/leaderworkerset/v1).
        leader = inside(spec, "leaderWorkerTemplate", "leaderTemplate") or worker
        found = [(LEADER, leader), (WORKER, worker)]
    elif kind == names.CRON_JOB:
        found = [("", inside(spec, "jobTemplate", "spec", "template"))]
    else:
        found = [("", inside(spec, "template"))]
    return [(role, template) for role, template in found if isinstance(template.get("spec"), dict)]


def _span(spec: Mapping[str, Any]) -> int:
    return max(1, whole(inside(spec, "leaderWorkerTemplate").get("size"), 1))


def _bounds(kind: str, spec: Mapping[str, Any]) -> tuple[int, int]:
    match kind:
        case names.CRON_JOB:
            return 0, 1
        case names.DAEMON_SET:
            return 0, 0
        case names.JOB:
            count = max(0, whole(spec.get("parallelism"), 1))
        case _:
            count = max(0, whole(spec.get("replicas"), 1))
    return count, count


def _exchange(kind: str, spec: Mapping[str, Any]) -> Exchange:
    above = _ROLLING.get(kind)
    if above is None:
        return Exchange(recreate=False, surge=0, unavailable=1)
    strategy = inside(spec, above[0])
    rolling = inside(strategy, above[1])
    return Exchange(
        kind == names.DEPLOYMENT and strategy.get("type") == "Recreate",
        _given(kind, above, rolling, "maxSurge", 0),
        _given(kind, above, rolling, "maxUnavailable", 1),
    )


def _given(kind: str, above: tuple[str, str], rolling: Mapping[str, Any], field: str, absent: int) -> Any:
    given = rolling.get(field)
    if given is not None:
        return given
    return next(iter(default_of(kind, ".".join(("spec", *above, field)))), absent)
