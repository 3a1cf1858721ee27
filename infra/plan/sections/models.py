"""The section `models`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from components.core.errors import Path, Problem, did_you_mean
from components.core.plan import Part
from components.gpu.cluster import GkeClusterConfig
from components.gpu.node_pool import GpuNodePoolConfig
from components.gpu.node_shape import node_shape
from components.gpu.placement import placement
from components.monitoring.collect.scrape import NoPrometheus
from components.rollout.model import ModelConfig, model, scalers
from components.serving.model_server import SERVER_KINDS
from components.serving.pod import gpus_of
from components.serving.site import Site
from components.tenancy.priority_class import GIVEN
from components.weights.cache import Claim, ReplicaDisk
from components.weights.hub_token import ExternalSecret, SecretManager

from ..environment import Environment
from .addons import scrape_charts
from .namespaces import key_of
from .section import Assembly, Dangling, Section, missing_addon


def refer(environment: Environment) -> Iterator[Problem]:
    """What models ask for and is not there: pools, priority classes, add-ons, drivers."""
    for name, config in environment.models.items():
        yield from _model_problems(environment, config, ("models", name))


def secrets(environment: Environment) -> Iterator[tuple[Path, str]]:
    """The secrets that hold a token of the Hub."""
    for name, config in environment.models.items():
        token = config.hf_token
        if token is not None and token.kind == "pulumi":
            yield ("models", name, "hf_token"), token.secret


def plan(assembly: Assembly) -> list[Part]:
    """The models."""
    foundations = ("node_pools", "compute_classes", "priority_classes")
    ready = frozenset(key for section in foundations for key in assembly.keys(section))
    return assembly.each("models", assembly.environment.models, partial(_model, assembly, ready))


def exports(assembly: Assembly) -> Mapping[str, object]:
    """The address of each model inside the cluster."""
    return {"models": {part.name: part.outputs["url"] for part in assembly.parts("models")}}


def _model_problems(environment: Environment, config: ModelConfig, path: Path) -> Iterator[Problem]:
    pools, classes = environment.node_pools, environment.compute_classes
    for number, target in enumerate(config.runs_on):
        at = (*path, "runs_on", number)
        if target not in pools and target not in classes:
            message = f'"{target}" is no node pool or compute class; {did_you_mean(target, [*pools, *classes])}'
            yield Dangling(at, message, to=(("node_pools", target), ("compute_classes", target)))
        elif target in classes and len(config.runs_on) > 1:
            yield Problem(at, f'"{target}" is a compute class, which orders its pools itself; name it alone')
    declared, wanted = environment.priority_classes, config.priority_class
    if wanted and wanted not in (*declared, *GIVEN):
        message = f'"{wanted}" is not in priority_classes; {did_you_mean(wanted, [*declared, *GIVEN])}'
        yield Dangling((*path, "priority_class"), message, to=(("priority_classes", wanted),))
    for at, scaler in scalers(config):
        for addon in scaler.NEEDS:
            yield from missing_addon(environment, addon, f"autoscaling of kind {scaler.kind}", (*path, *at))
    if config.autoscaling and "replicas" in config.model_fields_set:
        message = "is not used where autoscaling is set, which says min and max; drop one of them"
        yield Problem((*path, "replicas"), message)
    yield from _cache_problems(environment, config, (*path, "cache"))
    if config.nodes > 1:
        yield from missing_addon(environment, "leader_worker_set", "a replica of several nodes", (*path, "nodes"))
    if isinstance(config.hf_token, ExternalSecret):
        yield from missing_addon(environment, "external_secrets", "this token source", (*path, "hf_token"))
    if isinstance(config.hf_token, SecretManager):
        yield from missing_addon(environment, "secrets_store_csi", "this token source", (*path, "hf_token"))


def _cache_problems(environment: Environment, config: ModelConfig, path: Path) -> Iterator[Problem]:
    """What a cache asks of the cluster."""
    cluster, cache = environment.cluster, config.cache
    ours = cluster if isinstance(cluster, GkeClusterConfig) and not cluster.autopilot else None
    storage = (cache.storage_class or "") if isinstance(cache, Claim | ReplicaDisk) else ""
    if ours and storage.endswith("-rwx") and not ours.filestore:
        message = f'"{storage}" is a class of Filestore, whose driver this cluster has not; set cluster.filestore: true'
        yield Problem((*path, "storage_class"), message)
    if cache.kind in ("gcs-fuse", "hyperdisk-ml") and not environment.on_gke:
        fix = "use a claim, an image-volume, or one of the disks"
        message = f'got "{cache.kind}", whose driver only GKE runs, which this cluster is not; {fix}'
        yield Problem((*path, "kind"), message)
    if cache.kind == "gcs-fuse" and ours and not ours.gcs_fuse:
        yield Problem((*path, "kind"), 'got "gcs-fuse", whose driver is off; drop cluster.gcs_fuse: false')


def _model(assembly: Assembly, ready: frozenset[str], name: str, config: ModelConfig, path: Path) -> Part:
    environment, known = assembly.environment, assembly.nodes
    pools, chosen = environment.targets(config)
    for pool, made_by_class in pools.items():
        if pool not in known and pool not in environment.node_pools:
            # GKE makes such a pool when a pod first needs it; the proofs look at it like at any other.
            at = ("compute_classes", chosen or "")
            known[pool] = node_shape(pool, made_by_class, location=environment.cluster.location, path=at)
    nodes = tuple(known[pool] for pool in pools if pool in known)
    collector = environment.prometheus
    site = Site(
        nodes=nodes,
        placement=placement(
            pools,
            compute_class=chosen,
            autopilot=environment.autopilot,
            on_gke=environment.on_gke,
            gpus=gpus_of(config, nodes),
        )
        if config.runs_on
        else {},
        prometheus=None if isinstance(collector, NoPrometheus) else collector,
        adapter=environment.addons.metrics_adapter,
        callers=tuple(_gateways(environment, name)),
        after=tuple(_before(assembly, ready, config, pools, chosen)),
        path=path,
    )
    return model(name, config, site)


def _before(
    assembly: Assembly,
    ready: frozenset[str],
    config: ModelConfig,
    pools: Mapping[str, GpuNodePoolConfig],
    chosen: str | None,
) -> Iterator[str]:
    """The keys of what must be there before a model."""
    yield from assembly.keys("cluster")
    yield key_of(config.namespace)
    yield from (key for pool in pools if (key := f"GpuNodePool/{pool}") in ready)
    if chosen:
        yield f"ComputeClass/{chosen}"
    if (key := f"PriorityClass/{config.priority_class}") in ready:
        yield key
    yield from scrape_charts(assembly)
    needed = dict.fromkeys(addon for _, scaler in scalers(config) for addon in scaler.NEEDS)
    yield from (assembly.charts[addon] for addon in needed if addon in assembly.charts)
    if isinstance(config.hf_token, ExternalSecret) and "external_secrets" in assembly.charts:
        yield assembly.charts["external_secrets"]
    if config.nodes > 1 and "leader_worker_set" in assembly.charts:
        yield assembly.charts["leader_worker_set"]


def _gateways(environment: Environment, name: str) -> Iterator[str]:
    """Namespaces of the gateways that lead to a model."""
    for route in environment.traffic.values():
        if route.model == name:
            yield from route.callers


MODELS = Section(
    "models",
    refer=refer,
    plan=plan,
    secrets=secrets,
    exports=exports,
    at=dict.fromkeys(SERVER_KINDS, lambda name: ("models", name)),
    noun="",
    namespaced=True,
)
