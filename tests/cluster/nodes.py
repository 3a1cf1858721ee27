"""Nodes as GKE would make them from a plan's pools, for KWOK to keep Ready."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count as counter
from itertools import cycle, islice
from typing import Any

from components.core.plan import NodeShape
from components.gpu.cluster import SYSTEM_POOL
from components.gpu.node_pool import GpuNodePoolConfig, Nodes
from components.gpu.node_shape import node_shape

from .api import Api, until
from .environments import Loaded

POOL = "tests.inference/pool"
"""Annotation of a node: the pool of the plan it was made from."""
_UNBOUNDED = 12
"""Nodes of a pool that nothing bounds."""
_PODS = 110
"""Pods a node of GKE takes by default."""
_SERIAL = counter()
"""Part of every node's name: GKE gives none twice either. KWOK keeps a lease of a node by its name, which goes with the
node some time later; until a new node of the same name gets one of its own, none of its pods is run
(kubernetes-sigs/kwok@v0.8.0 pkg/kwok/controllers/node_lease_controller.go)."""


def all_nodes(loaded: Loaded) -> tuple[NodeShape, ...]:
    """The plan's nodes, and somebody's roomy ones where a cluster that was there before has others."""
    if loaded.plan.nodes_complete:
        return loaded.plan.nodes
    pool = GpuNodePoolConfig(machine_type="e2-standard-8", nodes=Nodes(max=3), disk_size_gb=500)
    return (*loaded.plan.nodes, node_shape(SYSTEM_POOL, pool, location="us-central1-a"))


def node_manifests(shape: NodeShape, count: int | None = None) -> list[dict[str, Any]]:
    """Nodes of a pool, as many as it can grow to, spread over its zones as GKE does."""
    wanted = count if count is not None else shape.max_nodes or _UNBOUNDED
    zones = islice(cycle(shape.zones or ("us-central1-a",)), wanted)
    return [_node(shape, f"{shape.pool}-{next(_SERIAL)}", zone) for zone in zones]


def _node(shape: NodeShape, name: str, zone: str) -> dict[str, Any]:
    room = {
        resource: f"{round(amount * 1000)}m" if resource == "cpu" else str(int(amount))
        for resource, amount in shape.allocatable.items()
    } | {"pods": str(_PODS)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {**shape.labels, **_untold(shape, name, zone)},
            "annotations": {POOL: shape.pool},
        },
        "spec": {
            "taints": [{"key": taint.key, "value": taint.value, "effect": taint.effect} for taint in shape.taints]
        },
        "status": {"allocatable": room, "capacity": room},
    }


def _untold(shape: NodeShape, name: str, zone: str) -> dict[str, str]:
    """The labels GKE sets whose values differ between a pool's nodes, or that a pool does not tell."""
    labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone, "topology.gke.io/zone": zone}
    if gpus := int(shape.allocatable.get("nvidia.com/gpu", 0)):
        clients = int(shape.labels.get("cloud.google.com/gke-max-shared-clients-per-gpu", 1))
        labels |= {"cloud.google.com/gke-accelerator-count": str(gpus // clients), "cloud.google.com/gke-gpu": "true"}
    return labels


def add_nodes(api: Api, nodes: Iterable[dict[str, Any]]) -> None:
    """Create nodes and wait until the scheduler may use them."""
    made = list(nodes)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(api.create, made))
    names = {node["metadata"]["name"] for node in made}

    def usable() -> bool:
        ready = {node["metadata"]["name"] for node in api.list("v1", "Node") if _is_usable(node)}
        return names <= ready

    until(f"ready nodes {', '.join(sorted(names))}", usable)


def remove_nodes(api: Api, names: Iterable[str]) -> None:
    """Take nodes away as a cloud does: their kubelets end the pods, then they are gone."""
    gone = set(names)
    nodes = [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}} for name in gone]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda node: api.patch(node, {"spec": {"unschedulable": True}}), nodes))
        while on_them := [pod for pod in _pods_on(api, gone) if not _is_of_daemon(pod)]:
            list(pool.map(partial(api.delete, gracePeriodSeconds=0), on_them))
            time.sleep(0.2)  # until the scheduler has seen that it may not use them
        list(pool.map(api.delete, nodes))
        list(pool.map(partial(api.delete, gracePeriodSeconds=0), _pods_on(api, gone)))


def _pods_on(api: Api, nodes: set[str]) -> list[dict[str, Any]]:
    return [pod for pod in api.list("v1", "Pod") if pod["spec"].get("nodeName") in nodes]


def _is_of_daemon(pod: dict[str, Any]) -> bool:
    """Whether its controller would make it anew on a node that nobody else may use."""
    return any(owner["kind"] == "DaemonSet" for owner in pod["metadata"].get("ownerReferences", ()))


def pool_of(api: Api) -> dict[str, str]:
    """Which pool each node belongs to."""
    return {
        node["metadata"]["name"]: node["metadata"].get("annotations", {}).get(POOL, "")
        for node in api.list("v1", "Node")
    }


def _is_usable(node: dict[str, Any]) -> bool:
    ready = any(
        entry["type"] == "Ready" and entry["status"] == "True" for entry in node["status"].get("conditions", ())
    )
    return ready and not any(taint["key"].startswith("node.kubernetes.io/") for taint in node["spec"].get("taints", ()))
