"""What a pool's nodes are to the scheduler: labels, taints and allocatable resources, GKE's own included."""

from __future__ import annotations

from collections.abc import Sequence

from ..catalog.accelerators import accelerators
from ..catalog.node_reservations import allocatable
from ..catalog.zones import region_of
from ..core.plan import GPU, NodeShape, Taint
from .node_pool import ACCELERATOR_LABEL, NODE_POOL_LABEL, SPOT_DRAIN_SECONDS, GpuNodePoolConfig, pool_name

FAMILY_LABEL = "cloud.google.com/machine-family"
ARM_TAINT = Taint("kubernetes.io/arch", "arm64", "NoSchedule")
"""GKE puts it on every Arm node itself.

Source: docs.cloud.google.com/kubernetes-engine/docs/how-to/prepare-arm-workloads-for-deployment.
"""


def node_shape(
    name: str,
    config: GpuNodePoolConfig,
    *,
    location: str,
    cluster_zones: Sequence[str] = (),
    on_gke: bool = True,
    path: tuple[str | int, ...] = (),
) -> NodeShape:
    """Describe one node of a pool.

    Args:
        name: the pool's key in the stack.
        config: its settings.
        location: the cluster's region or zone.
        cluster_zones: the zones the cluster spans, when it names them.
        on_gke: whether GKE runs the nodes; others carry none of its labels.
        path: where the settings stand in the stack file.
    """
    resources = allocatable(config.machine, disk_gb=config.disk_size_gb, local_ssds=config.local_ssd_count or 0)
    if config.accelerator:
        resources[GPU] = float(advertised_gpus(config))
    return NodeShape(
        pool=name,
        labels=_common_labels(config) | (_gke_labels(name, config, location) if on_gke else {}),
        taints=node_taints(config),
        allocatable=resources,
        zones=config.zones_in(location, cluster_zones),
        min_nodes=config.nodes.min if config.nodes else 0,
        max_nodes=config.nodes.max if config.nodes else None,
        provisioning=config.provisioning,
        accelerator=config.accelerator or "",
        path=path,
        notice_seconds=_notice_seconds(config) if on_gke else None,
    )


def _notice_seconds(config: GpuNodePoolConfig) -> int | None:
    """What a Spot node leaves ordinary pods when it is taken back; `None` for other nodes."""
    if config.provisioning != "spot":
        return None
    return (config.shutdown_grace_seconds or 2 * SPOT_DRAIN_SECONDS) - SPOT_DRAIN_SECONDS


def advertised_gpus(config: GpuNodePoolConfig) -> int:
    """GPUs a node offers to pods: physical ones, times MIG partitions, times the clients that share each."""
    if config.accelerator is None:
        return 0
    slices = accelerators()[config.accelerator].partitions[config.partition] if config.partition else 1
    return config.gpus_per_node * slices * (config.sharing.clients if config.sharing else 1)


def node_taints(config: GpuNodePoolConfig) -> tuple[Taint, ...]:
    """The taints a node carries: the declared ones, and the one GKE adds to Arm machines."""
    arm = (ARM_TAINT,) if config.machine.architecture == "arm64" else ()
    return config.taints_declared() + arm


def provisioning_labels(config: GpuNodePoolConfig) -> dict[str, str]:
    """The labels by which GKE marks how a node was bought; a plain on-demand node has none."""
    match config.provisioning:
        case "spot":
            return {"cloud.google.com/gke-spot": "true"}
        case "flex-start":
            return {"cloud.google.com/gke-flex-start": "true"}
        case "reservation":
            shared = (config.reservation or "").split("/")
            project = {"cloud.google.com/reservation-project": shared[1]} if len(shared) > 1 else {}
            return {
                "cloud.google.com/reservation-affinity": "specific",
                "cloud.google.com/reservation-name": shared[-1],
                **project,
            }
        case "on-demand":
            return {}


def sharing_labels(config: GpuNodePoolConfig) -> dict[str, str]:
    """The labels by which GKE marks shared and partitioned GPUs."""
    labels: dict[str, str] = {}
    if config.sharing:
        labels["cloud.google.com/gke-gpu-sharing-strategy"] = config.sharing.kind
        labels["cloud.google.com/gke-max-shared-clients-per-gpu"] = str(config.sharing.clients)
    if config.partition:
        labels["cloud.google.com/gke-gpu-partition-size"] = config.partition
    return labels


def _common_labels(config: GpuNodePoolConfig) -> dict[str, str]:
    """What nodes carry on any cluster."""
    return {"kubernetes.io/os": "linux", "kubernetes.io/arch": config.machine.architecture, **config.labels_declared()}


def _gke_labels(name: str, config: GpuNodePoolConfig, location: str) -> dict[str, str]:
    """What GKE adds; names: GKE cluster autoscaler, package labels (Copyright 2026 Google LLC)."""
    machine = config.machine
    labels = {
        "node.kubernetes.io/instance-type": machine.name,
        "topology.kubernetes.io/region": region_of(location),
        NODE_POOL_LABEL: pool_name(name),
        FAMILY_LABEL: machine.family,
        "cloud.google.com/gke-provisioning": {"spot": "spot", "flex-start": "flex-start"}.get(
            config.provisioning, "standard"
        ),
        **provisioning_labels(config),
        **sharing_labels(config),
    }
    if config.accelerator:
        labels[ACCELERATOR_LABEL] = config.accelerator
        labels["cloud.google.com/gke-gpu-driver-version"] = {"disabled": "autoinstall-disabled"}.get(
            config.driver_version, config.driver_version
        )
    if config.local_ssd_count:
        labels["cloud.google.com/gke-ephemeral-storage-local-ssd"] = "true"
    if config.max_run_duration_seconds:
        labels["cloud.google.com/gke-max-run-duration-seconds"] = str(config.max_run_duration_seconds)
    return labels
