"""The settings of a model server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from ..core.config import (
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
    defaults,
    is_commit,
    patterned,
)
from ..core.errors import MisfitError, Problem
from ..core.quantity import number
from ..core.secrets import PLAINTEXT_ADVICE, states_secret
from ..engines.engine import SpansNodes
from ..engines.flags import variables_misfits
from ..engines.registry import ENGINES, EngineConfig
from ..memory.architecture import ArchitectureConfig
from ..scaling.registry import AutoscalingConfig
from ..traffic.service import ServiceConfig
from ..weights import cache as caches
from ..weights.cache import CacheConfig, Claim, NodeDisk
from ..weights.download import HUB_CACHE_VARIABLES
from ..weights.hub_token import SecretKeyName, TokenConfig
from .network_policy import NetworkConfig
from .usage import UsageConfig

GoogleAccount = Annotated[
    str,
    patterned(
        r"^[a-z][-a-z0-9]{4,28}[a-z0-9]@[-a-z0-9.]+\.iam\.gserviceaccount\.com$", "name@project.iam.gserviceaccount.com"
    ),
]
"""A Google service account's address."""
ROLE_LABEL = "inference/role"
"""Label of the pods of a replica that spans nodes: `leader` answers requests, a `worker` only takes part."""


_MOST_GROUPS = 1_000_000
"""Replicas of a LeaderWorkerSet (kubernetes-sigs/lws@v0.10.0 config/crd/bases, spec.replicas)."""


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
    architecture: ArchitectureConfig | None = None
    """The model's shape, by which it is proved to fit its GPUs. Omitted: the catalog's (`infra models`)."""
    namespace: DnsLabel = "inference"
    """Namespace of every object. Omitted: inference."""
    runs_on: tuple[DnsLabel, ...] = ()
    """Node pools, in order of preference, or one compute class. Omitted: any node without taints."""
    gpus: Size | None = None
    """GPUs of one replica on each of its nodes. Omitted: 1 on pools with GPUs and for engines that need one, else 0."""
    nodes: Count = 1
    """Nodes that one replica spans, a pod on each: the layers are divided among them. Needs addons.leader_worker_set.
    Omitted: 1."""
    exclusive_topology: LabelKey | None = None
    """Node label whose value all pods of a replica share and no other replica has: cloud.google.com/gke-nodepool for
    pools with compact placement, topology.kubernetes.io/zone to stay in one zone. Only with nodes above 1. Omitted:
    pods of a replica go to any nodes of the pools."""
    replicas: Count = 1
    """Pods, each with the whole model. Not used where autoscaling is set. Omitted: 1."""
    autoscaling: AutoscalingConfig | None = None
    """When to add and remove replicas. Omitted: never."""
    usage: UsageConfig | None = None
    """How much it is used, for `infra cost`. Omitted: the cost is told as a band only."""
    resources: ResourcesConfig = defaults(ResourcesConfig)
    """CPU and memory. Omitted: three quarters of the node's, shared by its GPUs."""
    cache: CacheConfig = defaults(NodeDisk)
    """Where model files are kept. Omitted: 50 GiB of the node's disk, downloaded anew by each pod."""
    offline: Flag | None = None
    """Whether the pods never call the Hub: HF_HUB_OFFLINE is set, and the network policy lets them reach no public
    address. Omitted: they are offline where the cache is filled before they start, by `download` or as a bucket, a
    Hyperdisk ML volume or an image."""
    hf_token: TokenConfig | None = None
    """Where the Hugging Face token comes from; gated models need one. Pods that are offline do without: only a
    `download` gets it. Omitted: no token."""
    shared_memory: Bytes | None = None
    """Shared memory (/dev/shm), which NCCL and PyTorch use between processes; part of memory. Omitted: 1 GiB for each
    GPU of the pod, at least one, and what the engine keeps there; containers have 64 MiB otherwise."""
    service: ServiceConfig = defaults(ServiceConfig)
    """How clients reach it. Omitted: a Service on port 80 inside the cluster."""
    network: NetworkConfig = defaults(NetworkConfig)
    """Who may call it and whom it may call. Omitted: its namespace, gateways and Prometheus; the Hub."""
    update: UpdateConfig = defaults(UpdateConfig)
    """How pods are replaced. Omitted: one at a time, without spare GPUs."""
    drain_sleep_seconds: Annotated[Seconds, Field(le=120)] = 15
    """Seconds between leaving the Service and SIGTERM, so that no client calls a pod that stops. Omitted: 15."""
    max_unavailable: Count = 1
    """Pods a drain of nodes may take at a time (PodDisruptionBudget). Omitted: 1."""
    security: SecurityConfig = defaults(SecurityConfig)
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
            if name in ("app", "color", "version", ROLE_LABEL)
        ]
        if self.gpus == 0 and self.engine.needs_gpu:
            problems.append(Problem(("gpus",), f"got 0; {self.engine.kind} serves on GPUs only: use 1 or more"))
        problems += variables_misfits(self.engine.kind, self.env)
        MisfitError.raise_all([*problems, *self._loading_problems(), *self._group_misfits()])
        return self

    @property
    def is_offline(self) -> bool:
        """Whether the pods never call the Hub, the default resolved."""
        return caches.is_filled(self.cache) if self.offline is None else self.offline

    @property
    def content(self) -> str:
        """What is served: `model@revision`."""
        return f"{self.model}@{self.revision}"

    def _loading_problems(self) -> Iterator[Problem]:
        download = self.cache.download if isinstance(self.cache, Claim) else None
        if download and not is_commit(self.revision):
            given = f'got "{self.revision}", which can move' if self.revision else "is missing"
            fix = f"write the 40 digits of a commit, from huggingface.co/{self.model}/commits"
            yield Problem(("revision",), f"{given}: cache.download fills the claim once for each revision; {fix}")
        for name in HUB_CACHE_VARIABLES if download else ():
            if name in self.env:
                yield Problem(("env", name), "would lead the server away from what cache.download fills; drop it")
        if not self.offline and not (self.is_offline and self.hf_token and not download):
            return
        match self.cache.kind:
            case "node-disk" | "replica-disk":
                fix = "use a claim with download, a bucket, a Hyperdisk ML volume or an image, or drop offline"
                message = f"got true, but each pod starts with an empty {self.cache.kind} that nothing can fill; {fix}"
                yield Problem(("offline",), message)
            case "claim" if not download:
                fix = "add download to it, or fill one first and name it as existing-claim"
                yield Problem(("offline",), f"got true, but the claim is made empty, and nothing fills it; {fix}")
            case kind if self.hf_token and not download:
                message = f"nothing would use it: the pods are offline, and their {kind} is filled elsewhere; drop it"
                yield Problem(("hf_token",), message)

    def _group_misfits(self) -> Iterator[Problem]:
        """What does not fit a replica's number of nodes."""
        if self.nodes > 1 and not isinstance(self.engine, SpansNodes):
            able = " or ".join(engine.kind for engine in ENGINES if issubclass(engine.config, SpansNodes))
            text = f"got {self.nodes}; {self.engine.kind} runs a replica on one node here"
            yield Problem(("nodes",), f"{text}: use 1, or engine kind: {able}")
        elif self.nodes > 1 and self.gpus == 0:
            text = f"got 0; each of the replica's {self.nodes} nodes takes part with its GPUs: use 1 or more"
            yield Problem(("gpus",), text)
        if self.nodes > 1 and self.replicas > _MOST_GROUPS:
            text = f"got {self.replicas}; a LeaderWorkerSet has at most {_MOST_GROUPS} replicas"
            yield Problem(("replicas",), text)
        if self.exclusive_topology and self.nodes == 1:
            text = "keeps the pods of a replica together, and nodes is 1; drop it, or write how many nodes it spans"
            yield Problem(("exclusive_topology",), text)
        if self.exclusive_topology == "kubernetes.io/hostname":
            text = "would put all pods of a replica on one node; drop nodes and write the GPUs of that node in gpus"
            yield Problem(("exclusive_topology",), text)
