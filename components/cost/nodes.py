"""The nodes of a plan as they are bought: what machine, which GPUs and disks, and how many there can be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..catalog.accelerators import accelerators
from ..catalog.machines import machine_types
from ..core.errors import dotted
from ..core.plan import GPU, NodeShape, Plan
from ..gpu.node_pool import NODE_POOL, pool_name
from ..kinds.compute_class import node_choices

_MACHINE = "node.kubernetes.io/instance-type"
_CLIENTS = "cloud.google.com/gke-max-shared-clients-per-gpu"
_PARTITION = "cloud.google.com/gke-gpu-partition-size"


@dataclass(frozen=True, slots=True)
class Choice:
    """One node as it is bought.

    Attributes:
        pool: the name of its node shape.
        machine: its type; empty when unknown.
        accelerator: GKE's name of its GPUs; empty without.
        gpus: physical GPUs of a node.
        provisioning: how it is bought.
        disk_type: type of its boot disk; empty where somebody else pays for it.
        disk_gb: size of its boot disk in GB.
        local_ssds: local SSDs that are attached to it; those a machine comes with are part of the machine.
    """

    pool: str
    machine: str
    accelerator: str
    gpus: int
    provisioning: str
    disk_type: str = ""
    disk_gb: int = 0
    local_ssds: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes that are counted together: a node pool, or what a compute class lets GKE choose from.

    Attributes:
        at: where it stands in the stack file, `node_pools.l4`.
        choices: the machines in order of preference; a pool has one.
        min_nodes: nodes that are always there.
        max_nodes: nodes there can be; `None` when only the pods bound them.
        open: whether pods that the plan does not tell can land there, such as those of charts.
    """

    at: str
    choices: tuple[Choice, ...]
    min_nodes: int
    max_nodes: int | None
    open: bool


def groups(plan: Plan) -> tuple[Group, ...]:
    """The nodes of a plan, in its order; those of a compute class that GKE makes are one group."""
    made = dict(_made(plan))
    disks = dict(_class_disks(plan))
    found: dict[str, list[tuple[NodeShape, Choice]]] = {}
    for node in plan.nodes:
        at = dotted(node.path) or node.pool
        found.setdefault(at, []).append((node, _choice(node, made.get(pool_name(node.pool)), disks.get(node.pool))))
    return tuple(
        Group(
            at,
            tuple(choice for _, choice in members),
            min_nodes=sum(node.min_nodes for node, _ in members),
            max_nodes=members[0][0].max_nodes if len(members) == 1 else None,
            open=not any(node.taints for node, _ in members),
        )
        for at, members in found.items()
    )


def _made(plan: Plan) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The node settings of the pools that the stack makes, by the pool's physical name."""
    for _, item in plan.items():  # noqa: PERF102 - a plan's pairs, not a mapping's
        if item.type == NODE_POOL:
            yield item.object_name, item.properties["nodeConfig"]


def _class_disks(plan: Plan) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The boot disks of nodes that GKE makes for compute classes, by the name of their node shape."""
    for _, item in plan.objects("ComputeClass"):
        for place, choice in enumerate(node_choices(item.properties)):
            if choice.storage:
                yield f"{item.object_name}.{place}", choice.storage


def _choice(node: NodeShape, config: Mapping[str, Any] | None, disk: Mapping[str, Any] | None) -> Choice:
    if config is not None:
        (guest,) = config.get("guestAccelerators") or [{"type": "", "count": 0}]
        return Choice(
            pool=node.pool,
            machine=config["machineType"],
            accelerator=guest["type"],
            gpus=guest["count"],
            provisioning=node.provisioning,
            disk_type=config["diskType"],
            disk_gb=config["diskSizeGb"],
            local_ssds=_attached(config),
        )
    return Choice(
        pool=node.pool,
        machine=node.labels.get(_MACHINE, ""),
        accelerator=node.accelerator,
        gpus=physical_gpus(node),
        provisioning=node.provisioning,
        disk_type=str(disk["bootDiskType"]) if disk else "",
        disk_gb=int(disk["bootDiskSize"]) if disk else 0,
    )


def _attached(config: Mapping[str, Any]) -> int:
    """Local SSDs that are paid for beside the machine."""
    machine = machine_types().get(config["machineType"])
    if machine is not None and machine.local_ssd == "bundled":
        return 0
    return int(config.get("ephemeralStorageLocalSsdConfig", {}).get("localSsdCount", 0))


def physical_gpus(node: NodeShape) -> int:
    """GPUs that a node is paid for; it offers more where they are shared or cut up."""
    advertised = int(node.allocatable.get(GPU, 0))
    clients = int(node.labels.get(_CLIENTS, 1))
    partition = node.labels.get(_PARTITION)
    slices = accelerators()[node.accelerator].partitions[partition] if partition and node.accelerator else 1
    return advertised // (clients * slices)
