"""The pod of a model server: hardened as far as its engine's image allows, drained before it stops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from math import ceil, floor
from typing import Any

from ..core.errors import MisfitError, Problem
from ..core.manifest import Shared, without_none
from ..core.plan import GPU, NodeShape
from ..core.quantity import GIB, number
from ..engines.engine import Launch, Security, pod_security
from ..weights import cache
from ..weights.cache import ExistingClaim, NodeDisk
from ..weights.hub_token import TokenParts
from .config import ModelServerConfig

_NODE_SHARE = 0.75
"""Share of a node that one replica asks for by default; the rest is for agents the cluster adds to every node."""
STOP_SECONDS = 15
"""Seconds after the drain for shards to end (huggingface/text-generation-inference launcher/src/main.rs)."""
PORT = "http"
"""Name of the container port that answers requests, and Prometheus."""
_SHARED_MEMORY = Shared(name="shm", mountPath="/dev/shm")  # noqa: S108 - a path inside the container


def gpus_of(config: ModelServerConfig, nodes: tuple[NodeShape, ...]) -> int:
    """GPUs of one replica: as configured, otherwise 1 where the nodes have any or the engine needs one."""
    if config.gpus is not None:
        return config.gpus
    return 1 if config.engine.needs_gpu or any(node.allocatable.get(GPU) for node in nodes) else 0


def shared_memory_of(config: ModelServerConfig, launch: Launch, gpus: int) -> str:
    """Size of /dev/shm: as configured, otherwise 1 GiB a GPU and what the engine keeps there.

    A GPU's process needs there: 240 MiB for its answers (vLLM's MessageQueue, 10 chunks of 24 MiB) and its share of
    160 MiB for orders (10 of 16 MiB), where vLLM 0.33.0 stops when they do not fit (vllm/distributed/
    device_communicators/shm_broadcast.py check_shm_free_space); and NCCL's buffers towards GPUs it cannot reach
    directly, as between L4s: about 10 MiB a channel (NCCL_BUFFSIZE of 4 MiB and the two low-latency protocols'), of at
    most 32 channels. TGI's README runs with 1 GiB.
    """
    if config.shared_memory:
        return config.shared_memory
    return f"{max(1, gpus) + ceil(launch.shared_memory_gib)}Gi"


def security_of(config: ModelServerConfig, launch: Launch) -> Security:
    """The engine's hardening with the user's overrides."""
    return replace(launch.security, **config.security.model_dump(exclude_none=True))


def grace_seconds(config: ModelServerConfig, launch: Launch) -> int:
    """Seconds from the pod's deletion to SIGKILL: sleep, drain, stop."""
    return config.drain_sleep_seconds + launch.drain_seconds + STOP_SECONDS


def pod_template(
    server: str,
    config: ModelServerConfig,
    launch: Launch,
    *,
    labels: Mapping[str, str],
    nodes: tuple[NodeShape, ...],
    placement: Mapping[str, Any],
    token: TokenParts | None,
) -> dict[str, Any]:
    """The pod template of a Deployment.

    Args:
        server: the model server's name.
        config: its settings.
        launch: what the engine asks for.
        labels: labels Services and Deployments select by.
        nodes: the nodes it may run on.
        placement: pod fields that lead it there.
        token: where the Hugging Face token comes from.
    """
    _refuse_undefined(config, launch)
    security = security_of(config, launch)
    about = {**labels, **config.labels, "app.kubernetes.io/name": server, "app.kubernetes.io/managed-by": "inference"}
    notes = {**config.annotations, **cache.pod_annotations(config.cache)}
    # Pods that are offline have no use for the Hub's token: who fills their cache has it.
    token = None if config.is_offline else token
    if token and config.hf_token:
        # Environment variables are read once: a new token reaches the pods only by a restart.
        notes["inference/hf-token-version"] = config.hf_token.version
    if config.revision:
        notes["inference/model-revision"] = config.revision
    if launch.min_compute_capability:
        notes["inference/min-compute-capability"] = f"{launch.min_compute_capability:.1f}"
    if launch.max_compute_capability:
        notes["inference/max-compute-capability"] = f"{launch.max_compute_capability:.1f}"
    if isinstance(config.cache, ExistingClaim) and config.cache.access_mode == "ReadWriteOnce":
        notes[cache.CLAIM_MODE] = config.cache.access_mode
    notes["inference/model"] = config.model
    token_volumes = list(token.volumes) if token and launch.token_env else []
    spec = without_none(
        serviceAccountName=server,
        automountServiceAccountToken=False,
        # A Service named `prometheus` would set PROMETHEUS_PORT=tcp://… and crash TGI; `vllm` does the same to vLLM.
        enableServiceLinks=False,
        priorityClassName=config.priority_class,
        terminationGracePeriodSeconds=grace_seconds(config, launch),
        securityContext=pod_security(security),
        **placement,
        topologySpreadConstraints=_spread(labels),
        containers=[_container(config, launch, security, nodes, token)],
        volumes=[
            *cache.volumes(server, config.cache, config.content),
            {
                "name": "shm",
                "emptyDir": {
                    "medium": "Memory",
                    "sizeLimit": shared_memory_of(config, launch, gpus_of(config, nodes)),
                },
            },
            *({"name": f"scratch-{number}", "emptyDir": {}} for number, _ in enumerate(launch.scratch)),
            *token_volumes,
        ],
    )
    return {"metadata": {"labels": about, "annotations": dict(sorted(notes.items()))}, "spec": spec}


def _refuse_undefined(config: ModelServerConfig, launch: Launch) -> None:
    """Kubernetes leaves `$(NAME)` as it stands where no variable has that name: it would be the password."""
    for name in launch.secret_variables:
        if name not in config.secret_env:
            message = f"must define {name}, which the engine is told to read: {name}: {{name: …, key: …}}"
            raise MisfitError(message, at=("secret_env",))


@lru_cache
def _container_security(*, read_only_root: bool) -> Shared:
    return Shared(allowPrivilegeEscalation=False, readOnlyRootFilesystem=read_only_root, capabilities={"drop": ["ALL"]})


@lru_cache(maxsize=1024)
def _variable(name: str, value: str) -> Shared:
    return Shared(name=name, value=value)


def variables(config: ModelServerConfig, launch: Launch) -> dict[str, str]:
    """The environment variables that are no credentials: ours, the engine's, the user's."""
    return {
        # Both engines' libraries honour it (huggingface_hub 2.4.0 constants.py).
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        **_loading(config, launch),
        **launch.env,
        **config.env,
    }


def _container(
    config: ModelServerConfig,
    launch: Launch,
    security: Security,
    nodes: tuple[NodeShape, ...],
    token: TokenParts | None,
) -> dict[str, Any]:
    startup, readiness, liveness = launch.probes
    handed = token if token and launch.token_env else None
    _refuse_twice(config, launch.token_env if handed else "")
    plain = variables(config, launch)
    for name in (*config.secret_env, *([launch.token_env] if handed else [])):
        plain.pop(name, None)  # what the engine sets is overridden, as `env` overrides it
    env: list[dict[str, Any]] = [_variable(name, value) for name, value in plain.items()]
    read_only = cache.is_read_only(config.cache)
    mounts: list[dict[str, Any]] = [
        without_none(name=cache.VOLUME, mountPath=launch.cache_path, readOnly=read_only or None),
        _SHARED_MEMORY,
        *({"name": f"scratch-{number}", "mountPath": path} for number, path in enumerate(launch.scratch)),
    ]
    env += [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret.name, "key": secret.key}}}
        for name, secret in config.secret_env.items()
    ]
    if launch.pod_ip_env:
        env.append({"name": launch.pod_ip_env, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}})
    if handed:
        env.append(handed.variable(launch.token_env))
        mounts += handed.mounts
    return without_none(
        name=launch.container,
        image=launch.image,
        command=list(launch.command) or None,
        args=list(launch.args) or None,
        workingDir=launch.working_dir or None,
        ports=[{"name": PORT, "containerPort": launch.port, "protocol": "TCP"}],
        env=env,
        resources=_resources(config, launch, nodes),
        securityContext=_container_security(read_only_root=security.read_only_root),
        startupProbe=startup.manifest(),
        readinessProbe=readiness.manifest(),
        livenessProbe=liveness.manifest(),
        # Engines stop listening at SIGTERM while readiness still says yes; sleep is a native handler since
        # Kubernetes 1.30 (KEP-3960), so images without a shell have it too.
        lifecycle={"preStop": {"sleep": {"seconds": config.drain_sleep_seconds}}}
        if config.drain_sleep_seconds
        else None,
        volumeMounts=mounts,
    )


def _loading(config: ModelServerConfig, launch: Launch) -> dict[str, str]:
    """Variables for a cache that others fill: nothing is looked up on the Hub, nothing is written beside it."""
    found = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"} if config.is_offline else {}
    if cache.is_read_only(config.cache) and launch.scratch:
        # Where transformers copies a repository's own code before it runs it; by default inside the cache.
        found["HF_MODULES_CACHE"] = f"{launch.scratch[0]}/hf-modules"
    return found


def _refuse_twice(config: ModelServerConfig, token_env: str) -> None:
    """The API server refuses a container that names a variable twice, where it merges lists by name."""
    fields: dict[str, Mapping[str, object]] = {"env": config.env, "secret_env": config.secret_env}
    problems = [
        Problem((field, token_env), "hf_token sets it already; remove one of them")
        for field, names in fields.items()
        if token_env in names
    ]
    problems += [
        Problem(("secret_env", name), "env sets it already; remove one of them")
        for name in config.secret_env
        if name in config.env
    ]
    MisfitError.raise_all(problems)


def _resources(config: ModelServerConfig, launch: Launch, nodes: tuple[NodeShape, ...]) -> dict[str, Any]:
    gpus = gpus_of(config, nodes)
    cpu, memory = default_resources(nodes, gpus)
    if (limit := config.resources.cpu_limit) and number(limit) < number(cpu):
        cpu = limit  # a request above its limit is refused
    requests: dict[str, Any] = {"cpu": config.resources.cpu or cpu, "memory": config.resources.memory or memory}
    limits: dict[str, Any] = {"memory": requests["memory"]}
    shared = shared_memory_of(config, launch, gpus)
    if number(shared) > number(requests["memory"]):
        given = f'got "{shared}"' if config.shared_memory else f"is {shared} for {gpus} GPUs"
        message = f"{given}; must be at most the memory it is part of, {requests['memory']}"
        raise MisfitError(f"{message}; raise resources.memory", at=("shared_memory",))
    if isinstance(config.cache, NodeDisk):
        requests["ephemeral-storage"] = config.cache.size
    if config.resources.cpu_limit:
        limits["cpu"] = config.resources.cpu_limit
    if gpus:
        requests[GPU] = limits[GPU] = gpus
    return {"requests": requests, "limits": limits}


def default_resources(nodes: tuple[NodeShape, ...], gpus: int) -> tuple[str, str]:
    """CPU and memory of a replica on the smallest of `nodes`: its share by GPUs, or one core and 2 GiB unknown."""
    shares = []
    for node in nodes:
        advertised = node.allocatable.get(GPU, 0)
        share = _NODE_SHARE * (min(1.0, gpus / advertised) if advertised and gpus else 1.0)
        shares.append((node.allocatable["cpu"] * share, node.allocatable["memory"] * share / GIB))
    if not shares:
        return "1", "2Gi"
    cpu, memory = min(cores for cores, _ in shares), min(gib for _, gib in shares)
    return (str(floor(cpu)) if cpu >= 1 else f"{floor(cpu * 1000)}m", f"{max(1, floor(memory))}Gi")


def _spread(labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Replicas on different nodes and zones where there is a choice."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": dict(labels)},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
