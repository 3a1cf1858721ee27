"""Which node pool settings fit together, and where their machines can be had; held against the catalog."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..catalog.accelerators import Accelerator, accelerators, meant
from ..catalog.machines import LOCAL_SSD_GB, MachineType, accelerators_of_machines, machine_types, provisioning_limits
from ..catalog.zones import ZONES_COMMAND, is_zone, lacks, region_of, regions_by_accelerator, zones_in_region
from ..core.errors import Path, Problem, did_you_mean, nearest

if TYPE_CHECKING:
    from .node_pool import GpuNodePoolConfig

UPGRADE_PARALLELISM = 20
"""Nodes GKE upgrades at once at most (pulumi_gcp 10.2.0, NodePoolArgs.upgrade_settings)."""


def problems(config: GpuNodePoolConfig) -> Iterator[Problem]:
    """Everything wrong with a pool's settings, whatever its cluster."""
    machine = machine_types().get(config.machine_type)
    gpu = accelerators().get(config.accelerator or "")
    if machine is None:
        yield Problem(("machine_type",), _unknown_machine(config))
    if config.accelerator is not None and gpu is None:
        word = meant(config.accelerator)
        yield Problem(
            ("accelerator",),
            f'"{config.accelerator}" is not a GPU GKE has; '
            + (f"did you mean {word}?" if word else f"use one of: {', '.join(accelerators())}"),
        )
    if machine is not None and (gpu is not None or config.accelerator is None):
        yield from _gpu_problems(config, machine)
        yield from _disk_problems(config, machine)
        instead = provisioning_limits().get((machine.name, config.provisioning))
        if instead:
            yield Problem(
                ("provisioning",),
                f"{machine.name} cannot be had as {config.provisioning}; use provisioning: {instead}",
            )
    if gpu is not None:
        yield from _partition_problems(config, gpu)
        yield from _zone_problems(config, gpu)
    elif config.accelerator is None:
        yield from _needs_gpu(config)
    yield from _provisioning_problems(config)
    if config.nodes is None and not config.exists:
        yield Problem(("nodes",), "is required: write the most nodes the pool may have, `nodes: {max: 4}`")


def location_problems(config: GpuNodePoolConfig, location: str, path: Path = ()) -> Iterator[Problem]:
    """What is wrong with a pool's zones, given where its cluster is."""
    region = region_of(location)
    for place, zone in enumerate(config.zones):
        if region_of(zone) != region:
            yield Problem(
                (*path, "zones", place), f"{zone} is not in {region}, where the cluster is; name zones of {region}"
            )
    if config.accelerator is None or config.zones:
        return
    if region not in regions_by_accelerator().get(config.accelerator, ()):
        offered = ", ".join(regions_by_accelerator().get(config.accelerator, ()))
        yield Problem(
            (*path, "accelerator"),
            f"{region}, where the cluster is, has no {config.accelerator}; regions that have it: {offered}",
        )
    elif is_zone(location) and lacks(config.accelerator, location):
        yield Problem((*path, "zones"), _zone_text(config.accelerator, location))


def _unknown_machine(config: GpuNodePoolConfig) -> str:
    given = config.machine_type
    family = given.partition("-")[0]
    same = [name for name in machine_types() if name.partition("-")[0] == family]
    fitting = accelerators_of_machines().get(config.accelerator or "", ())
    choice = same or list(fitting) or list(machine_types())
    match = nearest(given, machine_types())
    # Another size is no typing error: the list that follows is the better answer.
    typo = match is not None and re.sub(r"\d", "", match) != re.sub(r"\d", "", given)
    hint = f"did you mean {match}? " if typo else ""
    return f'"{given}" is not a machine type in the catalog; {hint}use one of: {", ".join(choice)}'


def _gpu_problems(config: GpuNodePoolConfig, machine: MachineType) -> Iterator[Problem]:
    fitting = ", ".join(accelerators_of_machines().get(config.accelerator or "", ()))
    if config.accelerator is None:
        if machine.gpus_included:
            own = next(iter(machine.gpus))
            yield Problem(("accelerator",), f"is required: {machine.name} comes with {own}; write accelerator: {own}")
    elif config.accelerator not in machine.gpus:
        own = ", ".join(machine.gpus) or "no GPU"
        verb = "comes with" if machine.gpus_included or not machine.gpus else "takes"
        yield Problem(
            ("machine_type",),
            f"{machine.name} {verb} {own}, not {config.accelerator}; machine types with that GPU: {fitting}",
        )
    elif config.gpus is not None and config.gpus not in machine.gpus[config.accelerator]:
        counts = machine.gpus[config.accelerator]
        allowed = " or ".join(str(count) for count in counts)
        others = _machines_with(config.accelerator, config.gpus)
        fix = f"{config.gpus} come with {others}" if others else f"no machine has {config.gpus}: use {_sizes(config)}"
        yield Problem(
            ("gpus",),
            f"got {config.gpus}; {machine.name} {'comes with' if machine.gpus_included else 'takes'} {allowed} "
            f"{config.accelerator}; {fix}",
        )


def _machines_with(accelerator: str, count: int) -> str:
    return " or ".join(
        name
        for name in accelerators_of_machines().get(accelerator, ())
        if count in machine_types()[name].gpus[accelerator]
    )


def _sizes(config: GpuNodePoolConfig) -> str:
    """Every number of this GPU that a node can have."""
    counts = {
        count
        for name in accelerators_of_machines().get(config.accelerator or "", ())
        for count in machine_types()[name].gpus[config.accelerator or ""]
    }
    return ", ".join(str(count) for count in sorted(counts))


def _disk_problems(config: GpuNodePoolConfig, machine: MachineType) -> Iterator[Problem]:
    count = config.local_ssd_count
    bundled = machine.bundled_local_ssd_gb // LOCAL_SSD_GB
    if count is None or machine.local_ssd == "optional" or (bundled and count == bundled):
        return
    reason = {
        "bundled": f"{machine.name} comes with {bundled}; leave local_ssd_count out or set it to {bundled}",
        "none": f"{machine.name} takes no local SSD; leave local_ssd_count out",
        "unknown": f"the catalog does not know {machine.name}'s local SSDs; leave local_ssd_count out",
        "optional": "",
    }[machine.local_ssd]
    yield Problem(("local_ssd_count",), f"got {count}; {reason}")


def _partition_problems(config: GpuNodePoolConfig, gpu: Accelerator) -> Iterator[Problem]:
    if config.partition is None or config.partition in gpu.partitions:
        return
    if not gpu.partitions:
        yield Problem(
            ("partition",),
            f'got "{config.partition}"; {gpu.name} has no MIG partitions; leave partition out, or use sharing',
        )
    else:
        sizes = did_you_mean(config.partition, gpu.partitions)
        yield Problem(("partition",), f'"{config.partition}" is no partition of {gpu.name}; {sizes}')


def _zone_problems(config: GpuNodePoolConfig, gpu: Accelerator) -> Iterator[Problem]:
    for place, zone in enumerate(config.zones):
        if lacks(gpu.name, zone):
            yield Problem(("zones", place), _zone_text(gpu.name, zone))


def _zone_text(accelerator: str, zone: str) -> str:
    region = region_of(zone)
    near = zones_in_region(accelerator, region)
    regions = regions_by_accelerator().get(accelerator, ())
    where = f"in {region} it is in: {', '.join(near)}" if near else f"regions that have it: {', '.join(regions)}"
    return f"{zone} has no {accelerator}; {where} (live answer: {ZONES_COMMAND})"


def _needs_gpu(config: GpuNodePoolConfig) -> Iterator[Problem]:
    for field in ("gpus", "sharing", "partition"):
        if getattr(config, field) is not None:
            yield Problem((field,), f"needs an accelerator; name the GPU, or leave {field} out for a pool without GPUs")


def _provisioning_problems(config: GpuNodePoolConfig) -> Iterator[Problem]:
    kind = config.provisioning
    if kind == "reservation" and config.reservation is None:
        yield Problem(("reservation",), "is required with provisioning: reservation; name the reservation to consume")
    for field, only in (
        ("reservation", "reservation"),
        ("max_run_duration_seconds", "flex-start"),
        ("shutdown_grace_seconds", "spot"),
    ):
        if getattr(config, field) is not None and kind != only:
            yield Problem((field,), f"works only with provisioning: {only}, and it is {kind}; change one of them")
    if kind == "flex-start" and config.nodes is not None and config.nodes.min > 0:
        yield Problem(
            ("nodes", "min"),
            f"got {config.nodes.min}; flex-start nodes live seven days at most and are bought when a pod waits; use 0",
        )
