"""The pod of a model server: hardened as far as its engine's image allows, drained before it stops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import floor
from typing import Any

from ..errors import MisfitError, Problem
from ..manifest import without_none
from ..plan import GPU, NodeShape
from ..quantity import GIB, number
from . import cache
from .cache import ExistingClaim, NodeDisk
from .config import ModelServerConfig
from .engine import Launch, Security
from .hub_token import TokenParts

_NODE_SHARE = 0.75
"""Share of a node that one replica asks for by default; the rest is for agents the cluster adds to every node."""
STOP_SECONDS = 15
"""Seconds after the drain for shards to end (huggingface/text-generation-inference launcher/src/main.rs)."""
_SHARED_MEMORY = {"name": "shm", "mountPath": "/dev/shm"}  # noqa: S108 - a path inside the container


def gpus_of(config: ModelServerConfig, nodes: tuple[NodeShape, ...]) -> int:
    """GPUs of one replica: as configured, otherwise 1 where the nodes have any or the engine needs one."""
    if config.gpus is not None:
        return config.gpus
    return 1 if config.engine.needs_gpu or any(node.allocatable.get(GPU) for node in nodes) else 0


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
    security = security_of(config, launch)
    about = {**labels, **config.labels, "app.kubernetes.io/name": server, "app.kubernetes.io/managed-by": "inference"}
    notes = dict(config.annotations)
    if token and config.hf_token:
        # Environment variables are read once: a new token reaches the pods only by a restart.
        notes["inference/hf-token-version"] = config.hf_token.version
    if config.revision:
        notes["inference/model-revision"] = config.revision
    if launch.min_compute_capability:
        notes["inference/min-compute-capability"] = f"{launch.min_compute_capability:.1f}"
    notes["inference/model"] = config.model
    token_volumes = list(token.volumes) if token and launch.token_env else []
    spec = without_none(
        serviceAccountName=server,
        automountServiceAccountToken=False,
        # A Service named `prometheus` would set PROMETHEUS_PORT=tcp://… and crash TGI; `vllm` does the same to vLLM.
        enableServiceLinks=False,
        priorityClassName=config.priority_class,
        terminationGracePeriodSeconds=grace_seconds(config, launch),
        securityContext=_pod_security(security),
        **placement,
        topologySpreadConstraints=_spread(labels),
        containers=[_container(config, launch, security, nodes, token)],
        volumes=[
            cache.volume(server, config.cache),
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": config.shared_memory}},
            *({"name": f"scratch-{number}", "emptyDir": {}} for number, _ in enumerate(launch.scratch)),
            *token_volumes,
        ],
    )
    return {"metadata": {"labels": about, "annotations": dict(sorted(notes.items()))}, "spec": spec}


def _pod_security(security: Security) -> dict[str, Any]:
    settings: dict[str, Any] = {"runAsNonRoot": security.user != 0, "runAsUser": security.user}
    if security.group is not None:
        settings["runAsGroup"] = security.group
    if security.fs_group is not None:
        # Otherwise the kubelet walks the whole cache at every mount (Kubernetes API, PodSecurityContext).
        settings |= {"fsGroup": security.fs_group, "fsGroupChangePolicy": "OnRootMismatch"}
    return {**settings, "seccompProfile": {"type": "RuntimeDefault"}}


def _container(
    config: ModelServerConfig,
    launch: Launch,
    security: Security,
    nodes: tuple[NodeShape, ...],
    token: TokenParts | None,
) -> dict[str, Any]:
    startup, readiness, liveness = launch.probes
    variables = {
        # Both engines' libraries honour it (huggingface_hub 2.4.0 constants.py).
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        **launch.env,
        **config.env,
    }
    handed = token if token and launch.token_env else None
    _refuse_twice(config, launch.token_env if handed else "")
    for name in (*config.secret_env, *([launch.token_env] if handed else [])):
        variables.pop(name, None)  # what the engine sets is overridden, as `env` overrides it
    env: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in variables.items()]
    read_only = isinstance(config.cache, ExistingClaim) and config.cache.access_mode == "ReadOnlyMany"
    mounts: list[dict[str, Any]] = [
        without_none(name=cache.VOLUME, mountPath=launch.cache_path, readOnly=read_only or None),
        dict(_SHARED_MEMORY),
        *({"name": f"scratch-{number}", "mountPath": path} for number, path in enumerate(launch.scratch)),
    ]
    env += [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret.name, "key": secret.key}}}
        for name, secret in config.secret_env.items()
    ]
    if handed:
        env.append(handed.variable(launch.token_env))
        mounts += handed.mounts
    return without_none(
        name=launch.container,
        image=launch.image,
        command=list(launch.command) or None,
        args=list(launch.args) or None,
        workingDir=launch.working_dir or None,
        ports=[{"name": "http", "containerPort": launch.port, "protocol": "TCP"}],
        env=env,
        resources=_resources(config, nodes),
        securityContext={
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": security.read_only_root,
            "capabilities": {"drop": ["ALL"]},
        },
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


def _refuse_twice(config: ModelServerConfig, token_env: str) -> None:
    """The API server refuses a container that names a variable twice, where it merges lists by name."""
    fields = {"env": config.env, "secret_env": config.secret_env}
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


def _resources(config: ModelServerConfig, nodes: tuple[NodeShape, ...]) -> dict[str, Any]:
    gpus = gpus_of(config, nodes)
    cpu, memory = default_resources(nodes, gpus)
    if (limit := config.resources.cpu_limit) and number(limit) < number(cpu):
        cpu = limit  # a request above its limit is refused
    requests: dict[str, Any] = {"cpu": config.resources.cpu or cpu, "memory": config.resources.memory or memory}
    limits: dict[str, Any] = {"memory": requests["memory"]}
    if number(config.shared_memory) > number(requests["memory"]):
        message = f'got "{config.shared_memory}"; must be at most the memory it is part of, {requests["memory"]}'
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
