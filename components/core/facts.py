"""What a builder knew of each version of a model: written once, and read instead of taking manifests apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .demand import Demand

ServerKind = Literal["Deployment", "LeaderWorkerSet"]
"""What makes the pods of a version."""


@dataclass(frozen=True, slots=True)
class TrackFacts:
    """One version of a model: what runs, on how much, how often, and what it tells of itself.

    Attributes:
        name: what tells it from its siblings, `blue` or `canary`; empty when the model has one version.
        role: the role of the item that makes its pods.
        kind: what that item is.
        namespace: where its pods run.
        container: name of the engine's container, `tgi`.
        image: the engine's image.
        gpus: GPUs of one replica, on all its nodes.
        span: nodes of one replica.
        fewest: replicas there always are.
        most: replicas there can be.
        standby: whether the Service leads past it.
        labels: what selects its pods that answer requests.
        demand: what one replica asks of GPU memory; `None` without GPUs or where nobody knows.
        metrics: what its engine emits, Prometheus name to gauge, counter, histogram or summary.
        metrics_path: where the engine answers Prometheus; empty when it does not.
        metrics_port: name of the container port that does.
        signals: the metrics among those that its autoscaler reads.
        adapted: the signals that reach the autoscaler through the metrics adapter.
    """

    name: str
    role: str
    kind: ServerKind
    namespace: str
    container: str
    image: str
    gpus: int
    span: int
    fewest: int
    most: int
    standby: bool
    labels: Mapping[str, str]
    demand: Demand | None = None
    metrics: Mapping[str, str] = field(default_factory=dict)
    metrics_path: str = ""
    metrics_port: str = "http"
    signals: tuple[str, ...] = ()
    adapted: tuple[str, ...] = ()

    @property
    def server(self) -> str:
        """What runs and its version, `tgi 3.3.6`."""
        return f"{self.container} {image_version(self.image)}".rstrip()

    def owns(self, role: str) -> bool:
        """Whether the item of this role in its part is this version's own; the others are for all versions."""
        return role == self.role or (bool(self.name) and role.startswith(f"{self.name}-"))


def image_version(image: str) -> str:
    """The tag of an image, or the beginning of its digest; empty when it has neither."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return tag or digest[:19]
