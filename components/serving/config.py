"""The settings of a model server."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from ..config import (
    Bytes,
    Config,
    Count,
    Cpu,
    DnsLabel,
    DnsName,
    EnvName,
    Flag,
    HubId,
    LabelKey,
    LabelValue,
    Revision,
    Seconds,
    Size,
    patterned,
)
from ..errors import PLAINTEXT_ADVICE, MisfitError, Problem, states_secret
from ..quantity import number
from ..scaling.autoscaler import AutoscalingConfig
from ..traffic.service import ServiceConfig
from .cache import CacheConfig, NodeDisk
from .engines import EngineConfig
from .hub_token import SecretKeyName, TokenConfig
from .network_policy import NetworkConfig

GoogleAccount = Annotated[
    str,
    patterned(
        r"^[a-z][-a-z0-9]{4,28}[a-z0-9]@[-a-z0-9.]+\.iam\.gserviceaccount\.com$", "name@project.iam.gserviceaccount.com"
    ),
]
"""A Google service account's address."""


class ResourcesConfig(Config):
    """CPU and memory of one replica."""

    cpu: Cpu | None = None
    """Cores requested. Omitted: three quarters of the node's, shared by its GPUs, and no more than cpu_limit."""
    memory: Bytes | None = None
    """Memory requested, and its limit. Omitted: three quarters of the node's, shared by its GPUs."""
    cpu_limit: Cpu | None = None
    """Most cores. Omitted: no limit, so that idle cores of the node are used."""

    @model_validator(mode="after")
    def _limit_covers_request(self) -> ResourcesConfig:
        if self.cpu and self.cpu_limit and number(self.cpu) > number(self.cpu_limit):
            raise MisfitError(f'got "{self.cpu_limit}"; must be at least cpu, which is {self.cpu}', at=("cpu_limit",))
        return self


class SecretKeyConfig(Config):
    """A value in a Kubernetes Secret that is there already."""

    name: DnsName
    """The Secret's name."""
    key: SecretKeyName
    """The key in it."""


class UpdateConfig(Config):
    """How pods are replaced when the template changes."""

    max_surge: Size | None = None
    """Pods above the replicas while updating; each needs spare GPUs. Omitted: 0 with GPUs, 1 without or where
    max_unavailable is 0."""
    max_unavailable: Size | None = None
    """Pods below the replicas while updating. Omitted: 1 where max_surge is 0, otherwise 0."""

    @model_validator(mode="after")
    def _can_move(self) -> UpdateConfig:
        if self.max_surge == 0 and self.max_unavailable == 0:
            raise MisfitError(
                "got 0, and max_surge is 0 too: no pod could ever be replaced; set one to 1", ("max_unavailable",)
            )
        return self


class SecurityConfig(Config):
    """Overrides of the hardest settings the engine's image tolerates."""

    user: Size | None = None
    """uid; 0 is root. Omitted: the engine's."""
    group: Size | None = None
    """gid. Omitted: the engine's."""
    fs_group: Size | None = None
    """Group that owns the model cache. Omitted: the engine's."""
    read_only_root: Flag | None = None
    """Whether the image's files are read-only. Omitted: the engine's."""


class ModelServerConfig(Config):
    """One model on one engine."""

    unknown_field_hints: ClassVar[dict[str, str]] = {
        "image": "the image belongs to the engine; write engine.image",
        "version": "the version belongs to the engine; write engine.version",
        "gpu": "write gpus, and the pool in runs_on",
        "node_selector": "name the pool in runs_on; its selectors and tolerations follow",
        "hpa": "write autoscaling",
        "shm_size": "write shared_memory",
        "port": "the Service's port is service.port",
    }

    model: HubId
    """The model's repository on the Hugging Face Hub."""
    revision: Revision | None = None
    """Its revision; 40 digits of a commit pin it. Omitted: whatever main is at start, which is warned about."""
    engine: EngineConfig
    """What serves it."""
    namespace: DnsLabel = "inference"
    """Namespace of every object. Omitted: inference."""
    runs_on: tuple[DnsLabel, ...] = ()
    """Node pools, in order of preference, or one compute class. Omitted: any node without taints."""
    gpus: Size | None = None
    """GPUs of one replica, all on one node. Omitted: 1 on pools with GPUs and for engines that need one, else 0."""
    replicas: Count = 1
    """Pods, each with the whole model. Not used where autoscaling is set. Omitted: 1."""
    autoscaling: AutoscalingConfig | None = None
    """When to add and remove replicas. Omitted: never."""
    resources: ResourcesConfig = Field(default_factory=ResourcesConfig)
    """CPU and memory. Omitted: three quarters of the node's, shared by its GPUs."""
    cache: CacheConfig = Field(default_factory=NodeDisk)
    """Where model files are kept. Omitted: 50 GiB of the node's disk, downloaded anew by each pod."""
    hf_token: TokenConfig | None = None
    """Where the Hugging Face token comes from; gated models need one. Omitted: no token."""
    shared_memory: Bytes = "1Gi"
    """Shared memory (/dev/shm), which NCCL and PyTorch use between processes; part of memory. Omitted: 1 GiB, as TGI's
    README runs it; containers have 64 MiB otherwise."""
    service: ServiceConfig = Field(default_factory=ServiceConfig)
    """How clients reach it. Omitted: a Service on port 80 inside the cluster."""
    network: NetworkConfig = Field(default_factory=NetworkConfig)
    """Who may call it and whom it may call. Omitted: its namespace, gateways and Prometheus; the Hub."""
    update: UpdateConfig = Field(default_factory=UpdateConfig)
    """How pods are replaced. Omitted: one at a time, without spare GPUs."""
    drain_sleep_seconds: Annotated[Seconds, Field(le=120)] = 15
    """Seconds between leaving the Service and SIGTERM, so that no client calls a pod that stops. Omitted: 15."""
    max_unavailable: Count = 1
    """Pods a drain of nodes may take at a time (PodDisruptionBudget). Omitted: 1."""
    security: SecurityConfig = Field(default_factory=SecurityConfig)
    """Overrides of the engine's hardening. Omitted: as hard as its image allows."""
    env: dict[EnvName, str] = Field(default_factory=dict)
    """Further environment variables. Secrets do not belong here. Omitted: the engine's."""
    secret_env: dict[EnvName, SecretKeyConfig] = Field(default_factory=dict)
    """Environment variables whose values stand in Secrets of the namespace, such as an API key. Omitted: none but the
    Hub token."""
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Further labels on the pods, such as a team's. Omitted: ours."""
    annotations: dict[LabelKey, str] = Field(default_factory=dict)
    """Annotations on the pods. Omitted: ours."""
    priority_class: DnsName | None = None
    """PriorityClass of the pods. Omitted: the cluster's default."""
    gcp_service_account: GoogleAccount | None = None
    """Google service account the pods act as (Workload Identity). Omitted: none, and no metadata server."""
    start_seconds: Annotated[Seconds, Field(ge=60)] | None = None
    """How long a pod may take from node to ready; deployments wait this long. Omitted: the engine's startup probe
    and 15 minutes for a new node."""

    @model_validator(mode="after")
    def _fields_fit(self) -> ModelServerConfig:
        problems = [
            Problem(("env", name), PLAINTEXT_ADVICE) for name, value in self.env.items() if states_secret(name, value)
        ]
        problems += [
            Problem(("labels", name), "is ours: Services and rollouts select by it; choose another key")
            for name in self.labels
            if name in ("app", "color", "version")
        ]
        if self.gpus == 0 and self.engine.needs_gpu:
            problems.append(Problem(("gpus",), f"got 0; {self.engine.kind} serves on GPUs only: use 1 or more"))
        MisfitError.raise_all(problems)
        return self
