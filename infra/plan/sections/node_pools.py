"""The section `node_pools`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from components.core.errors import Path, Problem, did_you_mean
from components.core.plan import Part
from components.gpu.cluster import SYSTEM_POOL
from components.gpu.node_pool import GpuNodePoolConfig, node_pool
from components.gpu.node_shape import node_shape

from ..environment import Environment
from .section import Assembly, Dangling, Section


def refer(environment: Environment) -> Iterator[Problem]:
    """Pools that the cluster cannot have, and compute classes that are not there."""
    if SYSTEM_POOL in environment.node_pools and environment.cluster.kind == "gke":
        message = f"the cluster's own pods run on a pool of that name ({SYSTEM_POOL}); choose another"
        yield Problem(("node_pools", SYSTEM_POOL), message)
    classes = environment.compute_classes
    for name, pool in environment.node_pools.items():
        path: Path = ("node_pools", name)
        if not environment.on_gke and not pool.exists:
            message = "pools cannot be made on a cluster reached by kubeconfig; set exists: true"
            yield Problem((*path, "exists"), message)
        if not environment.on_gke and not pool.labels:
            fix = "write labels that its nodes carry and no others, such as labels: {gpu: l4} after kubectl label nodes"
            yield Problem((*path, "labels"), f"is empty, and pods find a pool outside GKE by its labels; {fix}")
        if pool.compute_class is not None and pool.compute_class not in classes:
            message = f'"{pool.compute_class}" is no compute class; {did_you_mean(pool.compute_class, classes)}'
            yield Dangling((*path, "compute_class"), message, to=(("compute_classes", pool.compute_class),))


def plan(assembly: Assembly) -> list[Part]:
    """The pools that the stack makes; what a node of each is, of the others too."""
    return assembly.each("node_pools", assembly.environment.node_pools, partial(_pool, assembly))


def _pool(assembly: Assembly, name: str, config: GpuNodePoolConfig, path: Path) -> Part | None:
    environment, cluster = assembly.environment, assembly.environment.cluster
    shape = assembly.problems.attempt(
        path,
        partial(
            node_shape,
            name,
            config,
            location=cluster.location,
            cluster_zones=cluster.zones,
            on_gke=environment.on_gke,
            path=path,
        ),
    )
    if shape:
        # Autopilot adds tolerations to pods by itself, and nodes as long as pods need them.
        assembly.nodes[name] = replace(shape, taints=(), max_nodes=None) if environment.autopilot else shape
    if config.exists or environment.autopilot or not environment.on_gke:
        return None
    return node_pool(
        name,
        config,
        cluster=cluster.name,
        project=cluster.project,
        location=cluster.location,
        cluster_zones=cluster.zones,
        after=assembly.keys("cluster"),
        path=path,
    )


NODE_POOLS = Section(
    "node_pools", refer=refer, plan=plan, at={"GpuNodePool": lambda name: ("node_pools", name)}, noun="pool"
)
