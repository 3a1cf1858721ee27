"""A GKE ComputeClass: an order of preference among machines that the cluster autoscaler follows.

Field names and rules: the CustomResourceDefinition of GKE, datreeio/CRDs-catalog@7b1e26ef
cloud.google.com/computeclass_v1.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ..core.config import Config, Count, DnsLabel, Flag
from ..core.errors import ConfigError, MisfitError, Path, Problem, did_you_mean
from ..core.manifest import metadata, object_item, without_none
from ..core.plan import Part
from .node_pool import (
    COMPUTE_CLASS_LABEL,
    DiskSize,
    GpuNodePoolConfig,
    MaxRunDuration,
    Provisioning,
    Reservation,
    ServiceAccount,
    Sharing,
    Zone,
    pool_name,
)


class Priority(Config):
    """One choice: node pools that are there, or a machine that GKE creates a pool for."""

    node_pools: tuple[DnsLabel, ...] = ()
    """Keys of node pools of this stack. Nothing else may be set beside them."""
    machine_type: str | None = None
    """Machine type GKE may create a pool of, `g2-standard-12`."""
    accelerator: str | None = None
    """GKE's name of the GPU. Omitted: machines without one."""
    gpus: Count | None = None
    """GPUs on a node. Omitted: what the machine comes with; 1 on machines GPUs are attached to (N1)."""
    provisioning: Provisioning = "on-demand"
    """How the machine is bought. Omitted: on-demand."""
    reservation: Reservation | None = None
    """Name of the reservation to consume; only with `provisioning: reservation`, and required there."""
    zones: tuple[Zone, ...] = ()
    """Zones to try. Omitted: the cluster's."""
    max_run_duration_seconds: MaxRunDuration | None = None
    """How long a flex-start node lives. Omitted: seven days. Only with `provisioning: flex-start`."""
    driver_version: Literal["default", "latest"] = "default"
    """NVIDIA driver GKE installs. Omitted: the default one of the GKE version."""
    sharing: Sharing | None = None
    """Share each GPU between containers. Omitted: a GPU belongs to one container."""
    partition: str | None = None
    """MIG partition size. Omitted: GPUs stay whole."""
    disk_size_gb: DiskSize = 200
    """Boot disk in GB. Omitted: 200."""

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        others = sorted(self.model_fields_set - {"node_pools"})
        if self.node_pools and others:
            raise MisfitError(f"node_pools stands alone; remove {', '.join(others)}, or name a machine_type instead")
        if not self.node_pools and self.machine_type is None:
            raise MisfitError("is empty; name node_pools that are there, or a machine_type GKE may create")
        if not self.node_pools:
            try:
                self.as_pool()
            except ConfigError as error:
                MisfitError.raise_all(error.problems)
        return self

    def as_pool(self, compute_class: str | None = None) -> GpuNodePoolConfig:
        """The pool GKE would create for this choice, to place pods and prove against."""
        shared = {name: getattr(self, name) for name in Priority.model_fields if name in GpuNodePoolConfig.model_fields}
        return GpuNodePoolConfig(**shared, compute_class=compute_class, exists=True)


class ComputeClassConfig(Config):
    """Machines in order of preference; a pod that selects the class gets the first that can be had."""

    priorities: tuple[Priority, ...]
    """Choices, most wanted first: a reservation, then on-demand, then flex-start, then Spot, for instance."""
    migrate_back: Flag = True
    """Move pods to a more wanted choice when it can be had again. Omitted: they are moved, which restarts them."""
    when_unsatisfiable: Literal["DoNotScaleUp", "ScaleUpAnyway"] = "DoNotScaleUp"
    """What happens when no choice can be had. Omitted: pods wait; ScaleUpAnyway gives them E2 nodes without GPUs."""
    auto_create: Flag = True
    """Let GKE create pools for choices that name a machine type. Omitted: it does."""
    consolidation_delay_minutes: Annotated[int, Field(strict=True, ge=1, le=1440)] | None = None
    """Minutes a node stays empty before it is removed. Omitted: the cluster's default."""
    image_streaming: Flag = False
    """Start containers before their image is whole, on pools GKE creates. Omitted: off."""
    service_account: ServiceAccount | None = None
    """Google service account of the nodes GKE creates. Omitted: Compute Engine's default one."""

    @model_validator(mode="after")
    def _has_choices(self) -> Self:
        # min_length would count only the choices without errors, and report a wrong one twice.
        if not self.priorities:
            raise MisfitError("is empty; name at least one choice", at=("priorities",))
        return self

    @property
    def pool_names(self) -> tuple[str, ...]:
        """Keys of all node pools the choices name, in order."""
        return tuple(dict.fromkeys(name for priority in self.priorities for name in priority.node_pools))


def class_pools(
    name: str, config: ComputeClassConfig, pools: Mapping[str, GpuNodePoolConfig]
) -> dict[str, GpuNodePoolConfig]:
    """Every pool a pod of the class can land on, in order: the named ones, and those GKE would create.

    The latter are called `<class>.<choice>`: no pool of a stack can have a dot in its name, and a label can.
    """
    found: dict[str, GpuNodePoolConfig] = {}
    for place, priority in enumerate(config.priorities):
        if priority.node_pools:
            found |= {pool: pools[pool] for pool in priority.node_pools}
        elif config.auto_create:
            found[f"{name}.{place}"] = priority.as_pool(name)
    return found


def compute_class(
    name: str,
    config: ComputeClassConfig,
    *,
    pools: Mapping[str, GpuNodePoolConfig],
    autopilot: bool = False,
    after: tuple[str, ...] = (),
    path: tuple[str | int, ...] = (),
) -> Part:
    """Build a ComputeClass.

    Args:
        name: the class's key in the stack; pods select it by this name.
        config: its settings.
        pools: the stack's node pools by key.
        autopilot: whether the cluster is Autopilot, where no pools exist.
        after: parts that must exist first: the cluster, and the pools it names.
        path: where the settings stand in the stack file.

    Raises:
        MisfitError: when a pool it names is unknown, or carries another class, or carries this one and is not named.
    """
    MisfitError.raise_all(_problems(name, config, pools, path, autopilot=autopilot))
    creates = config.auto_create and any(priority.machine_type for priority in config.priorities)
    node_pool_config = without_none(
        imageStreaming={"enabled": True} if config.image_streaming else None,
        serviceAccount=config.service_account,
    )
    spec = without_none(
        activeMigration={"optimizeRulePriority": config.migrate_back},
        autoscalingPolicy=config.consolidation_delay_minutes
        and {"consolidationDelayMinutes": config.consolidation_delay_minutes},
        nodePoolAutoCreation={"enabled": creates},
        nodePoolConfig=node_pool_config or None,
        priorities=[_priority(priority) for priority in config.priorities],
        whenUnsatisfiable=config.when_unsatisfiable,
    )
    manifest = {
        "apiVersion": "cloud.google.com/v1",
        "kind": "ComputeClass",
        "metadata": metadata(name),
        "spec": spec,
    }
    return Part(
        kind="ComputeClass",
        name=name,
        items=(object_item("class", name, manifest),),
        outputs={"name": name, "node_selector": {COMPUTE_CLASS_LABEL: name}},
        after=after,
        path=path,
    )


def _problems(
    name: str, config: ComputeClassConfig, pools: Mapping[str, GpuNodePoolConfig], path: Path, *, autopilot: bool
) -> list[Problem]:
    problems = []
    for place, priority in enumerate(config.priorities):
        at = (*path, "priorities", place, "node_pools")
        if priority.node_pools and autopilot:
            problems.append(Problem(at, "an Autopilot cluster has no node pools; name a machine_type instead"))
        for pool in priority.node_pools:
            if pool not in pools:
                problems.append(Problem(at, f'no node pool "{pool}"; {did_you_mean(pool, pools)}'))
            elif pools[pool].compute_class != name:
                problems.append(
                    Problem(at, f"pool {pool} does not carry this class; set compute_class: {name} on the pool")
                )
    problems += [
        Problem(
            (*path, "priorities"), f"pool {pool} carries the class but no priority names it, so it would never grow"
        )
        for pool, pool_config in pools.items()
        if pool_config.compute_class == name and pool not in config.pool_names
    ]
    return problems


def _priority(priority: Priority) -> dict[str, Any]:
    if priority.node_pools:
        return {"nodepools": [pool_name(name) for name in priority.node_pools]}
    pool = priority.as_pool()
    reserved = priority.provisioning == "reservation"
    return without_none(
        machineType=priority.machine_type,
        gpu=_gpu(priority, pool) if priority.accelerator else None,
        spot=True if priority.provisioning == "spot" else None,
        flexStart={"enabled": True} if priority.provisioning == "flex-start" else None,
        maxRunDurationSeconds=priority.max_run_duration_seconds,
        reservations=_reservations(priority) if reserved else None,
        # GKE refuses location.zones beside a specific reservation; the reservation takes the zones there.
        location={"zones": list(priority.zones)} if priority.zones and not reserved else None,
        storage={"bootDiskSize": priority.disk_size_gb, "bootDiskType": pool.machine.boot_disk},
    )


def _gpu(priority: Priority, pool: GpuNodePoolConfig) -> dict[str, Any]:
    sharing = without_none(
        gpuPartitionSize=priority.partition,
        maxSharedClientsPerGPU=priority.sharing.clients if priority.sharing else None,
        sharingStrategy=priority.sharing.kind.upper().replace("-", "_") if priority.sharing else None,
    )
    return without_none(
        type=priority.accelerator,
        count=pool.gpus_per_node,
        driverVersion=priority.driver_version,
        gpuSharing=sharing or None,
    )


def _reservations(priority: Priority) -> dict[str, Any]:
    _, _, project_and_name = (priority.reservation or "").rpartition("projects/")
    project, _, name = project_and_name.rpartition("/reservations/")
    specific = without_none(name=name, project=project or None, zones=list(priority.zones) or None)
    return {"affinity": "Specific", "specific": [specific]}
