"""Machine types: size, the GPUs they come with or take, local SSD, and which ways of buying them are closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast

from .table import rows

LocalSsd = Literal["optional", "bundled", "none", "unknown"]
LOCAL_SSD_GB = 375
"""Size of one local SSD (cloud.google.com/compute/docs/disks/local-ssd); `local_ssd_count` counts these."""


@dataclass(frozen=True, slots=True)
class MachineType:
    """One machine type.

    Attributes:
        name: `g2-standard-12`.
        vcpus: virtual CPUs.
        memory_gib: memory in GiB; Compute Engine's lists say GB and mean GiB.
        gpus: GPU counts by GKE's accelerator name. A machine that comes with GPUs has one count of one
            accelerator; one that takes them (N1) has several; CPU machines have none.
        gpus_included: whether the GPUs are part of the machine rather than attached to it.
        local_ssd: whether local SSDs can be attached; `bundled` ones are always there and billed.
        bundled_local_ssd_gb: size of the bundled ones.
        boot_disk: the disk type that suits it; the newest families take Hyperdisk only.
        architecture: `amd64` or `arm64`.
    """

    name: str
    vcpus: int
    memory_gib: float
    gpus: Mapping[str, tuple[int, ...]]
    gpus_included: bool
    local_ssd: LocalSsd
    bundled_local_ssd_gb: int
    boot_disk: str
    architecture: str

    @property
    def family(self) -> str:
        """The machine family: `g2`."""
        return self.name.partition("-")[0]


@cache
def machine_types() -> Mapping[str, MachineType]:
    """Every machine type in the catalog by name."""
    return {row["machine_type"]: _machine_type(row) for row in rows("machine_types")}


@cache
def accelerators_of_machines() -> Mapping[str, tuple[str, ...]]:
    """The machine types that come with or take an accelerator, by its name."""
    found: dict[str, list[str]] = {}
    for machine in machine_types().values():
        for accelerator in machine.gpus:
            found.setdefault(accelerator, []).append(machine.name)
    return {accelerator: tuple(names) for accelerator, names in found.items()}


@cache
def provisioning_limits() -> Mapping[tuple[str, str], str]:
    """Ways of buying a machine that do not exist, `(machine type, provisioning)`, and what to use instead."""
    return {(row["machine_type"], row["refused"]): row["instead"] for row in rows("provisioning_limits")}


def _machine_type(row: Mapping[str, str]) -> MachineType:
    vcpus, memory = int(row["vcpus"]), float(row["memory_gb"])
    gpus = {row["accelerator"]: (int(row["gpus"]),)} if row["accelerator"] else _attachable(row, vcpus, memory)
    return MachineType(
        name=row["machine_type"],
        vcpus=vcpus,
        memory_gib=memory,
        gpus=gpus,
        gpus_included=bool(row["accelerator"]),
        local_ssd=cast("LocalSsd", row["local_ssd"]),
        bundled_local_ssd_gb=int(row["bundled_local_ssd_gb"] or 0),
        boot_disk=row["boot_disk"],
        architecture=row["architecture"],
    )


def _attachable(row: Mapping[str, str], vcpus: int, memory: float) -> dict[str, tuple[int, ...]]:
    counts: dict[str, tuple[int, ...]] = {}
    family = row["machine_type"].partition("-")[0]
    for limit in rows("attachable_gpus"):
        fits = vcpus <= int(limit["max_vcpus"]) and memory <= float(limit["max_memory_gb"])
        if limit["family"] == family and fits:
            counts[limit["accelerator"]] = (*counts.get(limit["accelerator"], ()), int(limit["gpus"]))
    return counts
