"""The seam between a model server and the engine it runs.

An engine is a config model with a `kind` and a `launch` method. The model server asks it how to start, watch and
stop one container, and what that container's image tolerates; it knows nothing else about the engine. What others ask
of an engine as such is in its `EngineKind`. To add an engine, make a folder for both, and add it to `typed.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

from ..catalog.metrics import Role
from ..core.config import Config, patterned
from ..core.demand import Demand
from ..core.manifest import Shared

AbsolutePath = Annotated[str, patterned(r"^(/[\w.@-]+)+$", "an absolute path such as /models")]
"""A path inside a container."""
PodSecurityLevel = Literal["privileged", "baseline", "restricted"]
"""The levels of Kubernetes' Pod Security Standards, weakest first."""


@dataclass(frozen=True, slots=True)
class Probe:
    """An HTTP probe. Periods and timeouts in seconds."""

    path: str
    period_seconds: int
    timeout_seconds: int
    failure_threshold: int
    initial_delay_seconds: int = 0

    @property
    def budget_seconds(self) -> int:
        """How long the probe lets a container fail before Kubernetes acts."""
        return self.initial_delay_seconds + self.period_seconds * self.failure_threshold

    @cache  # noqa: B019 - probes are few and small, and most servers have the same
    def manifest(self) -> Shared:
        """The probe as Kubernetes writes it, against the port named `http`."""
        probe: dict[str, Any] = {"httpGet": {"path": self.path, "port": "http"}}
        if self.initial_delay_seconds:
            probe["initialDelaySeconds"] = self.initial_delay_seconds
        return Shared(
            **probe,
            periodSeconds=self.period_seconds,
            timeoutSeconds=self.timeout_seconds,
            failureThreshold=self.failure_threshold,
        )


@dataclass(frozen=True, slots=True)
class Security:
    """The hardest settings an image runs with.

    Attributes:
        user: uid the container runs as.
        group: gid the container runs as; `None` leaves the image's.
        fs_group: group that owns the model cache volume; `None` sets none.
        read_only_root: whether the image's own files are read-only.
    """

    user: int
    group: int | None = None
    fs_group: int | None = None
    read_only_root: bool = True

    @property
    def level(self) -> PodSecurityLevel:
        """The strictest Pod Security level such a pod reaches: root stops at `baseline`."""
        return "restricted" if self.user else "baseline"


@cache
def pod_security(security: Security) -> Shared:
    """The pod's security context."""
    settings: dict[str, Any] = {"runAsNonRoot": security.user != 0, "runAsUser": security.user}
    if security.group is not None:
        settings["runAsGroup"] = security.group
    if security.fs_group is not None:
        # Otherwise the kubelet walks the whole cache at every mount (Kubernetes API, PodSecurityContext).
        settings |= {"fsGroup": security.fs_group, "fsGroupChangePolicy": "OnRootMismatch"}
    return Shared(**settings, seccompProfile={"type": "RuntimeDefault"})


@dataclass(frozen=True, slots=True)
class Launch:
    """How one container of an engine starts, is watched, and stops.

    Attributes:
        container: the container's name.
        image: image reference.
        args: arguments; empty uses the image's.
        probes: startup, readiness and liveness.
        drain_seconds: how long the engine finishes open requests after SIGTERM.
        security: what the image tolerates.
        env: environment variables, without secrets.
        command: replaces the image's entrypoint; empty keeps it.
        port: HTTP port of the container.
        working_dir: working directory; empty keeps the image's.
        cache_path: where model files are kept.
        scratch: absolute paths the engine must be able to write besides the cache and /dev/shm.
        token_env: variable that hands the Hugging Face token over; empty when the engine reads none.
        metrics_path: where Prometheus metrics are; empty when there are none.
        metrics: what it emits: Prometheus name to gauge, counter, histogram or summary.
        roles: the metrics among them that play a role, such as the gauge of requests that wait.
        min_compute_capability: lowest CUDA compute capability the image is built for; 0 when unknown.
        max_compute_capability: highest one it starts on; 0 when newer GPUs run it too, or when unknown.
        secret_variables: environment variables that `args` hand on, and that `secret_env` must therefore define.
        egress_ports: TCP ports in the cluster that it must reach, such as a trace collector's.
        pod_ip_env: variable that hands the pod's own address over; empty when the engine needs none.
        shared_memory_gib: what the engine keeps in /dev/shm besides what its GPUs need to talk to each other, in GiB.
        demand: what decides how much GPU memory a replica takes; `None` when nobody knows.
        python: the Python in the image that has huggingface_hub, which can fill a cache; empty when it has none.
        asks_hub: whether it looks models up on the Hub whatever HF_HUB_OFFLINE says, unless it is given a folder.
    """

    container: str
    image: str
    args: tuple[str, ...]
    probes: tuple[Probe, Probe, Probe]
    drain_seconds: int
    security: Security
    env: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    port: int = 8080
    working_dir: str = ""
    cache_path: str = "/data"
    scratch: tuple[str, ...] = ("/tmp",)  # noqa: S108 - a path inside the container, an emptyDir of its own
    token_env: str = "HF_TOKEN"
    metrics_path: str = "/metrics"
    metrics: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[Role, str] = field(default_factory=dict)
    min_compute_capability: float = 0.0
    max_compute_capability: float = 0.0
    secret_variables: tuple[str, ...] = ()
    egress_ports: tuple[int, ...] = ()
    pod_ip_env: str = ""
    shared_memory_gib: float = 0.0
    demand: Demand | None = None
    python: str = ""
    asks_hub: bool = False


class Engine(Config):
    """What the model server asks of an engine's config."""

    if TYPE_CHECKING:
        kind: str  # each engine has the one word that it is told by
    needs_gpu: ClassVar[bool]
    """Whether it cannot serve without a GPU."""

    @abstractmethod
    def launch(self, model: str, revision: str | None, gpus: int) -> Launch:
        """How to serve `model` at `revision` on `gpus` GPUs of one node."""

    def named(self, model: str) -> Self:  # noqa: ARG002 - most do not need to be told
        """The same settings for a model that is handed over as a folder.

        An engine that calls a model by where it found it is told its name, which clients would otherwise have to know.
        """
        return self


@runtime_checkable
class SpansNodes(Protocol):
    """What an engine has besides when one replica of it can run over several nodes."""

    def launch_group(self, model: str, revision: str | None, gpus: int, nodes: int) -> tuple[Launch, Launch]:
        """How to serve `model` on `gpus` GPUs of each of `nodes` nodes: the leader's pod, and each worker's.

        `$(LWS_LEADER_ADDRESS)` and `$(LWS_WORKER_INDEX)` stand for what LeaderWorkerSet sets in every container.
        """
        ...


@runtime_checkable
class RunsOnAmd(Protocol):
    """What an engine has besides when there is an image of it for AMD GPUs."""

    def on_amd(self) -> Engine:
        """The same settings for AMD GPUs.

        Raises:
            ConfigError: for settings that the image for AMD GPUs cannot do.
        """
        ...
