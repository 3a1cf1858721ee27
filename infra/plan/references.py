"""What one section of a stack says about another: names that must exist, add-ons that must be there."""

from __future__ import annotations

from collections.abc import Collection

from components.addons.addons import needs
from components.core.errors import Path, did_you_mean
from components.gpu.cluster import SYSTEM_POOL, GkeClusterConfig
from components.monitoring.scrape import ManagedPrometheus, OperatorPrometheus
from components.rollout.model import ModelConfig, scalers, track_labels
from components.tenancy.priority_class import GIVEN
from components.traffic.backends.registry import RouteConfig
from components.weights.cache import Claim, ReplicaDisk
from components.weights.hub_token import ExternalSecret, SecretManager

from .collector import Collector
from .environment import Environment, secret_keys


def check_references(environment: Environment, secrets: Collection[str], found: Collector) -> None:
    """Note every name that leads nowhere.

    Args:
        environment: the stack.
        secrets: keys of the stack's secrets.
        found: where problems are noted.
    """
    for path, key in secret_keys(environment):
        if key not in secrets:
            fix = f"run `pulumi config set --secret inference:{key}` for this stack, or take the token from elsewhere"
            found.add((*path, "secret"), f"the stack has no secret {key}; {fix}")
    _pools(environment, found)
    for name, model in environment.models.items():
        _model(environment, model, ("models", name), found)
    for name, route in environment.traffic.items():
        _route(environment, route, ("traffic", name), found)
    prometheus = environment.observability.prometheus
    if isinstance(prometheus, ManagedPrometheus) and not environment.on_gke:
        fix = "use standalone, operator or none"
        found.add(("observability", "prometheus", "kind"), f'got "managed", which only GKE runs; {fix}')
    if isinstance(prometheus, OperatorPrometheus):
        _need(environment, "prometheus_operator", "prometheus of kind operator", ("observability", "prometheus"), found)
    adapter = environment.addons.metrics_adapter
    if adapter and adapter.kind == "stackdriver" and not isinstance(environment.prometheus, ManagedPrometheus):
        fix = "use kind: prometheus-adapter, or observability.prometheus of kind managed"
        message = (
            f'got "stackdriver", which reads what Google\'s managed Prometheus collects, and that is not used; {fix}'
        )
        found.add(("addons", "metrics_adapter", "kind"), message)
    if environment.observability.dcgm == "daemonset" and environment.cluster.managed_dcgm:
        fix = "set cluster.managed_dcgm: false, or dcgm: managed"
        found.add(("observability", "dcgm"), f'got "daemonset", but GKE runs its own exporter here; {fix}')
    if environment.observability.dcgm == "managed" and not environment.on_gke:
        found.add(("observability", "dcgm"), 'got "managed", but this cluster is not GKE; use daemonset or none')


def _pools(environment: Environment, found: Collector) -> None:
    classes = environment.compute_classes
    if SYSTEM_POOL in environment.node_pools and environment.cluster.kind == "gke":
        message = f"the cluster's own pods run on a pool of that name ({SYSTEM_POOL}); choose another"
        found.add(("node_pools", SYSTEM_POOL), message)
    for name, pool in environment.node_pools.items():
        path: Path = ("node_pools", name)
        if not environment.on_gke and not pool.exists:
            found.add((*path, "exists"), "pools cannot be made on a cluster reached by kubeconfig; set exists: true")
        if not environment.on_gke and not pool.labels:
            fix = "write labels that its nodes carry and no others, such as labels: {gpu: l4} after kubectl label nodes"
            found.add((*path, "labels"), f"is empty, and pods find a pool outside GKE by its labels; {fix}")
        if pool.compute_class is not None and pool.compute_class not in classes:
            fix = did_you_mean(pool.compute_class, classes)
            found.add((*path, "compute_class"), f'"{pool.compute_class}" is no compute class; {fix}')
    for name in classes.keys() & environment.node_pools.keys():
        found.add(("compute_classes", name), "a node pool has this name too, and runs_on could mean either; rename one")
    for name, chosen in classes.items():
        for number, priority in enumerate(chosen.priorities):
            for place, pool_name in enumerate(priority.node_pools):
                if pool_name not in environment.node_pools:
                    at = ("compute_classes", name, "priorities", number, "node_pools", place)
                    found.add(at, f'"{pool_name}" is no node pool; {did_you_mean(pool_name, environment.node_pools)}')
    if classes and not environment.on_gke:
        found.add(("compute_classes",), "compute classes exist on GKE only; name pools in runs_on instead")


def _model(environment: Environment, model: ModelConfig, path: Path, found: Collector) -> None:
    targets = [*environment.node_pools, *environment.compute_classes]
    for number, target in enumerate(model.runs_on):
        at = (*path, "runs_on", number)
        if target not in targets:
            found.add(at, f'"{target}" is no node pool or compute class; {did_you_mean(target, targets)}')
        elif target in environment.compute_classes and len(model.runs_on) > 1:
            found.add(at, f'"{target}" is a compute class, which orders its pools itself; name it alone')
    declared = environment.priority_classes
    if model.priority_class and model.priority_class not in (*declared, *GIVEN):
        fix = did_you_mean(model.priority_class, [*declared, *GIVEN])
        found.add((*path, "priority_class"), f'"{model.priority_class}" is not in priority_classes; {fix}')
    for at, scaler in scalers(model):
        for addon in scaler.NEEDS:
            _need(environment, addon, f"autoscaling of kind {scaler.kind}", (*path, *at), found)
    if model.autoscaling and "replicas" in model.model_fields_set:
        found.add((*path, "replicas"), "is not used where autoscaling is set, which says min and max; drop one of them")
    _cache(environment, model, (*path, "cache"), found)
    if model.nodes > 1:
        _need(environment, "leader_worker_set", "a replica of several nodes", (*path, "nodes"), found)
    if isinstance(model.hf_token, ExternalSecret):
        _need(environment, "external_secrets", "this token source", (*path, "hf_token"), found)
    if isinstance(model.hf_token, SecretManager):
        _need(environment, "secrets_store_csi", "this token source", (*path, "hf_token"), found)


def _cache(environment: Environment, model: ModelConfig, path: Path, found: Collector) -> None:
    """What a cache asks of the cluster."""
    cluster, cache = environment.cluster, model.cache
    ours = cluster if isinstance(cluster, GkeClusterConfig) and not cluster.autopilot else None
    storage = (cache.storage_class or "") if isinstance(cache, Claim | ReplicaDisk) else ""
    if ours and storage.endswith("-rwx") and not ours.filestore:
        message = f'"{storage}" is a class of Filestore, whose driver this cluster has not; set cluster.filestore: true'
        found.add((*path, "storage_class"), message)
    if cache.kind in ("gcs-fuse", "hyperdisk-ml") and not environment.on_gke:
        fix = "use a claim, an image-volume, or one of the disks"
        found.add((*path, "kind"), f'got "{cache.kind}", whose driver only GKE runs, which this cluster is not; {fix}')
    if cache.kind == "gcs-fuse" and ours and not ours.gcs_fuse:
        found.add((*path, "kind"), 'got "gcs-fuse", whose driver is off; drop cluster.gcs_fuse: false')


def _route(environment: Environment, route: RouteConfig, path: Path, found: Collector) -> None:
    for addon in route.NEEDS:
        _need(environment, addon, "a route", path, found)
    model = environment.models.get(route.model)
    if model is None:
        fix = did_you_mean(route.model, environment.models)
        found.add((*path, "model"), f'"{route.model}" is no model; {fix}')
        return
    tracks = track_labels(model) or {route.model: {}}
    for subset, track in route.subsets.items():
        if track not in tracks:
            fix = did_you_mean(track, tracks)
            found.add((*path, "subsets", subset), f'"{track}" is no version of {route.model}; {fix}')
    subsets = route.subsets or tracks
    for number, rule in enumerate(route.rules):
        for name in rule.to:
            if name not in subsets:
                at = (*path, "rules", number, "to", name)
                found.add(at, f'"{name}" is no subset of {route.model}; {did_you_mean(name, subsets)}')


def _need(environment: Environment, addon: str, who: str, path: Path, found: Collector) -> None:
    problem = needs(environment.addons, addon, who, path)
    if problem is not None:
        found.add(problem.path, problem.message)
