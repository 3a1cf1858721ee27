"""A GKE node pool: its settings, and the one cloud resource they become.

What the pool's nodes are to the scheduler is in node_shape.py; how pods get there is in placement.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..catalog.machines import MachineType, machine_types
from ..catalog.zones import is_zone, zones_in_region
from ..core.config import Config, Count, DnsLabel, Flag, LabelKey, LabelValue, Seconds, Size, defaults, patterned
from ..core.errors import MisfitError
from ..core.manifest import without_none
from ..core.names import physical_name
from ..core.plan import GPU, Item, Late, Part, Taint
from . import node_pool_rules as rules

NODE_POOL = "gcp:container/nodePool:NodePool"
NAME_LIMIT = 40
"""Characters of a node pool's name (GKE API, NodePool.name)."""
CREATE_TIMEOUT_SECONDS = 45 * 60
"""Scarce GPUs make the first nodes of a pool wait; the provider's own limit for node pools is 30 minutes."""
SPOT_DRAIN_SECONDS = 15
"""What the kubelet leaves an ordinary pod on a preempted node, whatever its own grace period says, and again what
it leaves system pods after it (docs.cloud.google.com/kubernetes-engine/docs/concepts/spot-vms)."""
ACCELERATOR_LABEL = "cloud.google.com/gke-accelerator"
NODE_POOL_LABEL = "cloud.google.com/gke-nodepool"
COMPUTE_CLASS_LABEL = "cloud.google.com/compute-class"
"""Label and taint by which a hand-made pool belongs to a ComputeClass."""
GPU_TAINT = Taint(GPU, "present", "NoSchedule")
"""GKE adds it only when the cluster already has a pool without GPUs, so it is always declared."""
SPOT_TAINT = Taint("cloud.google.com/gke-spot", "true", "NoSchedule")
"""GKE labels Spot nodes but taints only the pools it creates itself."""

Provisioning = Literal["on-demand", "spot", "flex-start", "reservation"]
Zone = Annotated[str, patterned(r"^[a-z]+-[a-z]+\d+-[a-z]$", "a zone such as us-central1-a")]
"""A Compute Engine zone."""
Reservation = Annotated[
    str,
    patterned(
        r"^(projects/[a-z][a-z0-9:.-]+/reservations/)?[a-z]([-a-z0-9]*[a-z0-9])?$",
        "a reservation's name, or projects/…/reservations/… for a shared one",
    ),
]
"""A Compute Engine reservation."""
ServiceAccount = Annotated[
    str,
    patterned(
        r"^[a-z0-9][-a-z0-9]*@[a-z0-9][-a-z0-9.]*\.gserviceaccount\.com$",
        "a service account such as nodes@p.iam.gserviceaccount.com",
    ),
]
"""A Google service account's address."""
MaxRunDuration = Annotated[Seconds, Field(ge=600)]
"""How long a flex-start node may live, ten minutes to seven days."""
DiskSize = Annotated[int, Field(strict=True, ge=20, le=65536)]
"""A boot disk's size in GB."""
_EFFECTS = {"NoSchedule": "NO_SCHEDULE", "PreferNoSchedule": "PREFER_NO_SCHEDULE", "NoExecute": "NO_EXECUTE"}


class Nodes(Config):
    """How many nodes a pool has, over all its zones together."""

    min: Size = 0
    """Nodes that are always there and always billed. Omitted: 0, the pool costs nothing until a pod needs it."""
    max: Count
    """Nodes the cluster autoscaler may grow the pool to."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise MisfitError(f"min {self.min} is more than max {self.max}; lower min or raise max", at=("min",))
        return self


class Sharing(Config):
    """Several containers on one GPU. Each may then ask for one `nvidia.com/gpu` at most.

    Source: GoogleCloudPlatform/container-engine-accelerators@992db812 pkg/gpu/nvidia/gpusharing/gpusharing.go:43.
    """

    kind: Literal["time-sharing", "mps"]
    """time-sharing switches between containers; mps runs them side by side with memory limits."""
    clients: Annotated[int, Field(strict=True, ge=2, le=48)]
    """Containers on one GPU, 2 to 48; the node advertises this many GPUs for each it has."""


class Upgrade(Config):
    """How nodes are replaced by newer ones. Omitted: one node at a time is emptied first, no spare GPU is needed."""

    max_surge: Annotated[int, Field(strict=True, ge=0, le=20)] = 0
    """Nodes to add before old ones go; each needs GPUs and quota beyond the pool's maximum."""
    max_unavailable: Annotated[int, Field(strict=True, ge=0, le=20)] = 1
    """Nodes that may be missing meanwhile."""

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if not 1 <= self.max_surge + self.max_unavailable <= rules.UPGRADE_PARALLELISM:
            raise MisfitError(
                f"max_surge {self.max_surge} and max_unavailable {self.max_unavailable}: their sum must be 1 to "
                f"{rules.UPGRADE_PARALLELISM}, or no node can ever be replaced; without spare GPUs use 0 and 1",
                at=("max_unavailable",),
            )
        return self


class NodeTaint(Config):
    """Keeps pods that do not tolerate it off the pool's nodes."""

    key: LabelKey
    """The taint's key, `team.example.com/dedicated`."""
    value: LabelValue = ""
    """The taint's value. Omitted: empty."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"
    """What happens to pods that do not tolerate it. Omitted: they are not scheduled there."""


class GpuNodePoolConfig(Config):
    """Nodes of one machine type, with GPUs or without, that the cluster autoscaler adds and removes."""

    unknown_field_hints: ClassVar[dict[str, str]] = {
        "spot": "write provisioning: spot",
        "flex_start": "write provisioning: flex-start",
        "preemptible": "write provisioning: spot, which took its place",
        "mig": "write partition, such as 1g.5gb",
        "gpu": "write accelerator, such as nvidia-l4",
    }

    accelerator: str | None = None
    """GKE's name of the GPU, `nvidia-l4`. Omitted: a pool without GPUs."""
    machine_type: str
    """Compute Engine machine type, `g2-standard-12`; it decides how many GPUs a node has."""
    gpus: Count | None = None
    """GPUs on a node. Omitted: what the machine comes with; 1 on machines GPUs are attached to (N1)."""
    zones: tuple[Zone, ...] = ()
    """Zones for the nodes. Omitted: those of the cluster's zones, or of its region, known to have the GPU."""
    nodes: Nodes | None = None
    """Fewest and most nodes over all zones. Required, unless the pool exists already."""
    provisioning: Provisioning = "on-demand"
    """How the machines are bought: on-demand, spot (cheap, may stop on 15 s notice), flex-start (waits for capacity,
    lives seven days at most) or reservation. Omitted: on-demand."""
    reservation: Reservation | None = None
    """Name of the reservation to consume; only with `provisioning: reservation`, and required there."""
    max_run_duration_seconds: MaxRunDuration | None = None
    """How long a flex-start node lives. Omitted: GKE's seven days. Only with `provisioning: flex-start`."""
    driver_version: Literal["default", "latest", "disabled"] = "default"
    """NVIDIA driver GKE installs. Omitted: the default one of the GKE version; disabled: you install it."""
    sharing: Sharing | None = None
    """Share each GPU between containers. Omitted: a GPU belongs to one container."""
    partition: str | None = None
    """MIG partition size, `1g.5gb`: each GPU is cut into that many GPUs. Omitted: GPUs stay whole."""
    upgrade: Upgrade = defaults(Upgrade)
    """How node upgrades proceed. Omitted: one node at a time, without spare GPUs."""
    local_ssd_count: Count | None = None
    """Local SSDs of 375 GB that back the node's ephemeral storage. Omitted: the boot disk backs it."""
    image_streaming: Flag = False
    """Start containers before their image is whole; only for images in Artifact Registry. Omitted: off."""
    secondary_boot_disks: tuple[str, ...] = ()
    """Disk images with container images already on them, `projects/p/global/images/i`. Omitted: none."""
    disk_size_gb: DiskSize = 200
    """Boot disk in GB. Omitted: 200, room for two engine images and a model of 16 GB."""
    disk_type: Literal["pd-standard", "pd-balanced", "pd-ssd", "hyperdisk-balanced"] | None = None
    """Boot disk type. Omitted: pd-balanced, or hyperdisk-balanced where the machine takes nothing else."""
    service_account: ServiceAccount | None = None
    """Google service account of the nodes. Omitted: Compute Engine's default one, which is often an editor of the
    whole project; pods use Workload Identity and never see it."""
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Extra node labels. Omitted: those GKE sets. On a cluster reached by kubeconfig they are what pods select the
    pool by, and required."""
    taints: tuple[NodeTaint, ...] = ()
    """Extra taints. GPU, Spot and compute class taints are always declared."""
    compute_class: DnsLabel | None = None
    """Name of the ComputeClass the pool belongs to: adds its label and taint. Omitted: none."""
    shutdown_grace_seconds: Annotated[int, Field(strict=True, ge=30, le=120)] | None = None
    """Seconds a preempted Spot node gives all its pods, the last 15 of them to system pods. Omitted: GKE's 30.
    More needs a control plane of 1.35.0-gke.1171000 or later."""
    protect: Flag = False
    """Refuse to delete the pool. Omitted: it can be deleted."""
    exists: Flag = False
    """The pool is there already: describe it to the proofs, create nothing. Omitted: it is created."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        MisfitError.raise_all(list(rules.problems(self)))
        return self

    @property
    def machine(self) -> MachineType:
        """The machine type's catalog entry."""
        return machine_types()[self.machine_type]

    @property
    def gpus_per_node(self) -> int:
        """Physical GPUs on a node; 0 for a pool without."""
        if self.accelerator is None:
            return 0
        return self.gpus or min(self.machine.gpus[self.accelerator])

    def taints_declared(self) -> tuple[Taint, ...]:
        """The taints we write on the pool: GPU, Spot, compute class, then the user's own."""
        return tuple(
            taint
            for wanted, taint in (
                (self.accelerator is not None, GPU_TAINT),
                (self.provisioning == "spot", SPOT_TAINT),
                (self.compute_class is not None, Taint(COMPUTE_CLASS_LABEL, self.compute_class or "", "NoSchedule")),
            )
            if wanted
        ) + tuple(Taint(taint.key, taint.value, taint.effect) for taint in self.taints)

    def labels_declared(self) -> dict[str, str]:
        """The node labels we write on the pool: the user's own and the compute class."""
        bound = {COMPUTE_CLASS_LABEL: self.compute_class} if self.compute_class else {}
        return {**self.labels, **bound}

    def zones_in(self, location: str | None, cluster_zones: Sequence[str] = ()) -> tuple[str, ...]:
        """The zones nodes can be in; empty when they are the cluster's own and those are not known.

        Args:
            location: the cluster's region or zone; `None` when only the provider knows.
            cluster_zones: the cluster's own zones, when it names them.
        """
        if self.zones:
            return self.zones
        if location is None:
            return tuple(cluster_zones)
        if is_zone(location):
            return (location,)
        # A regional cluster's zones need not all have the GPU: us-central1-f has no L4.
        known = zones_in_region(self.accelerator, location) if self.accelerator else ()
        shared = tuple(zone for zone in known if zone in cluster_zones)
        return shared or known or tuple(cluster_zones)


def pool_name(name: str) -> str:
    """The physical name of a pool, and the value of its nodes' label `cloud.google.com/gke-nodepool`."""
    return physical_name(name, limit=NAME_LIMIT)


def node_pool(
    name: str,
    config: GpuNodePoolConfig,
    *,
    cluster: str | Late,
    project: str | None,
    location: str | None,
    cluster_zones: Sequence[str] = (),
    after: tuple[str, ...] = (),
    path: tuple[str | int, ...] = (),
) -> Part:
    """Build a node pool; nothing to create when it exists already.

    Args:
        name: the pool's key in the stack.
        config: its settings.
        cluster: name of its cluster, or a placeholder for it.
        project: Google Cloud project; `None` leaves it to the provider.
        location: the cluster's region or zone; `None` leaves it to the provider, and zones are then not checked.
        cluster_zones: the zones the cluster spans, when it names them.
        after: parts that must exist first. Name the cluster: its system pool must be there before a GPU pool, or
            the cluster's own pods settle on the GPU nodes and keep them alive.
        path: where the settings stand in the stack file.

    Raises:
        MisfitError: when a zone is in another region than the cluster, or lacks the GPU.
    """
    if location is not None:
        MisfitError.raise_all(list(rules.location_problems(config, location, path)))
    item = pool_item(
        "pool", name, config, pulumi_name=name, cluster=cluster, project=project, location=location,
        cluster_zones=cluster_zones,
    )  # fmt: skip
    return Part(
        kind="GpuNodePool",
        name=name,
        items=() if config.exists else (item,),
        outputs={"name": pool_name(name), "node_selector": {NODE_POOL_LABEL: pool_name(name)}},
        after=after,
        path=path,
    )


def pool_item(
    role: str,
    name: str,
    config: GpuNodePoolConfig,
    *,
    pulumi_name: str,
    cluster: str | Late,
    project: str | None,
    location: str | None,
    cluster_zones: Sequence[str] = (),
    after: tuple[str, ...] = (),
) -> Item:
    """The cloud resource of a pool, for the part that owns it; arguments as for `node_pool`."""
    flex_start = config.provisioning == "flex-start"
    zonal = location is not None and is_zone(location)
    zones = config.zones if zonal else config.zones_in(location, cluster_zones)
    nodes, upgrade = config.nodes, config.upgrade
    properties = without_none(
        name=pool_name(name),
        cluster=cluster,
        project=project,
        location=location,
        nodeLocations=list(zones) or None,
        # Both counts are pool-wide; minNodeCount and maxNodeCount would be per zone. initialNodeCount is left out:
        # changing it replaces the pool.
        autoscaling=nodes
        and {
            "totalMinNodeCount": nodes.min,
            "totalMaxNodeCount": nodes.max,
            "locationPolicy": "ANY" if config.accelerator or config.provisioning != "on-demand" else "BALANCED",
        },
        # docs.cloud.google.com/kubernetes-engine/docs/how-to/provisioningrequest creates flex-start pools with
        # --no-enable-autorepair and --reservation-affinity=none: their nodes are not replaced, they expire.
        management={"autoRepair": not flex_start, "autoUpgrade": True},
        upgradeSettings=None
        if flex_start
        else {"maxSurge": upgrade.max_surge, "maxUnavailable": upgrade.max_unavailable},
        nodeConfig=_node_config(config),
    )
    return Item(
        role=role,
        type=NODE_POOL,
        name=pulumi_name,
        properties=properties,
        after=after,
        timeout_seconds=CREATE_TIMEOUT_SECONDS,
        # The cluster autoscaler owns the count and GKE's upgrades the version. We send neither; an imported pool's
        # state has them, and a changed initialNodeCount would replace the pool.
        ignore_changes=("initialNodeCount", "nodeCount", "version"),
        protect=config.protect,
    )


def _node_config(config: GpuNodePoolConfig) -> dict[str, Any]:
    spot, flex_start = config.provisioning == "spot", config.provisioning == "flex-start"
    taints = [
        {"key": taint.key, "value": taint.value, "effect": _EFFECTS[taint.effect]} for taint in config.taints_declared()
    ]
    grace = config.shutdown_grace_seconds
    return without_none(
        machineType=config.machine_type,
        imageType="COS_CONTAINERD",
        diskSizeGb=config.disk_size_gb,
        diskType=config.disk_type or config.machine.boot_disk,
        guestAccelerators=[_guest_accelerator(config)] if config.accelerator else None,
        spot=True if spot else None,
        flexStart=True if flex_start else None,
        maxRunDuration=f"{config.max_run_duration_seconds}s" if config.max_run_duration_seconds else None,
        reservationAffinity=_reservation_affinity(config),
        labels=config.labels_declared() or None,
        taints=taints or None,
        serviceAccount=config.service_account,
        oauthScopes=["https://www.googleapis.com/auth/cloud-platform"],
        workloadMetadataConfig={"mode": "GKE_METADATA"},
        gcfsConfig={"enabled": True} if config.image_streaming else None,
        secondaryBootDisks=[
            {"diskImage": image, "mode": "CONTAINER_IMAGE_CACHE"} for image in config.secondary_boot_disks
        ]
        or None,
        ephemeralStorageLocalSsdConfig={"localSsdCount": config.local_ssd_count} if config.local_ssd_count else None,
        kubeletConfig=grace
        and {"shutdownGracePeriodSeconds": grace, "shutdownGracePeriodCriticalPodsSeconds": SPOT_DRAIN_SECONDS},
    )


def _guest_accelerator(config: GpuNodePoolConfig) -> dict[str, Any]:
    driver = {"default": "DEFAULT", "latest": "LATEST", "disabled": "INSTALLATION_DISABLED"}[config.driver_version]
    sharing = config.sharing
    return without_none(
        type=config.accelerator,
        count=config.gpus_per_node,
        gpuDriverInstallationConfig={"gpuDriverVersion": driver},
        gpuPartitionSize=config.partition,
        gpuSharingConfig=sharing
        and {
            "gpuSharingStrategy": sharing.kind.upper().replace("-", "_"),
            "maxSharedClientsPerGpu": sharing.clients,
        },
    )


def _reservation_affinity(config: GpuNodePoolConfig) -> dict[str, Any] | None:
    if config.provisioning == "reservation":
        return {
            "consumeReservationType": "SPECIFIC_RESERVATION",
            "key": "compute.googleapis.com/reservation-name",
            "values": [config.reservation],
        }
    return {"consumeReservationType": "NO_RESERVATION"} if config.provisioning == "flex-start" else None
