"""The section `cluster`: made by the stack, adopted, or reached by kubeconfig."""

from __future__ import annotations

from collections.abc import Mapping

from components.core.plan import NodeShape, Part
from components.gpu.cluster import SYSTEM_POOL, GkeClusterConfig, gke_cluster
from components.gpu.kubeconfig import KubeconfigConfig
from components.gpu.node_shape import node_shape

from ..environment import Environment
from .section import Assembly, Section

_PATH = ("cluster",)


def plan(assembly: Assembly) -> list[Part]:
    """The cluster, where it is GKE's."""
    cluster = assembly.environment.cluster
    return [] if isinstance(cluster, KubeconfigConfig) else [gke_cluster(cluster, path=_PATH)]


def exports(assembly: Assembly) -> Mapping[str, object]:
    """The name of a GKE cluster."""
    environment = assembly.environment
    return {"cluster": environment.cluster.name} if environment.on_gke else {}


def system_nodes(environment: Environment) -> tuple[NodeShape, ...]:
    """The nodes for pods that ask for no pool, where the stack makes them."""
    cluster = environment.cluster
    if not isinstance(cluster, GkeClusterConfig) or cluster.autopilot:
        return ()
    shape = node_shape(
        SYSTEM_POOL,
        cluster.system_pool.as_pool(),
        location=cluster.location,
        cluster_zones=cluster.zones,
        path=(*_PATH, "system_pool"),
    )
    return (shape,)


CLUSTER = Section("cluster", plan=plan, exports=exports, at={"GkeCluster": lambda _: _PATH})
