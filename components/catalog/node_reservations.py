"""What GKE keeps of a node for itself, and what is left for pods."""

from __future__ import annotations

from functools import cache

from ..core.quantity import GIB
from .machines import LOCAL_SSD_GB, MachineType
from .table import rows

KIB, MIB = 2.0**10, 2.0**20


def allocatable(machine: MachineType, *, disk_gb: int, local_ssds: int) -> dict[str, float]:
    """What our pods can have of a node: GKE's allocatable, less what GKE's own DaemonSets ask for on each node.

    Args:
        machine: the node's machine type.
        disk_gb: its boot disk in GB; Compute Engine's GB are GiB.
        local_ssds: local SSDs that back its ephemeral storage; with none, the boot disk does.

    Returns:
        `cpu` in cores, `memory` and `ephemeral-storage` in bytes.
    """
    storage = _on_local_ssd(local_ssds) if local_ssds else _on_boot_disk(disk_gb * GIB)
    return {
        "cpu": _round_down(machine.vcpus - _graded("cpu_share", machine.vcpus) - _value("daemonsets_cpu"), 1e-3),
        "memory": _round_down(_memory(machine.memory_gib * GIB) - _value("daemonsets_memory") * GIB, 1.0),
        "ephemeral-storage": _round_down(max(storage, 0.0), 1.0),
    }


def _memory(physical: float) -> float:
    kernel = physical * _value("kernel_memory_share") + _value("kernel_memory") * MIB
    kernel += min(physical * _value("kernel_correction_share"), _value("kernel_correction_limit") * MIB)
    return physical - kernel - _graded("memory_share", physical / MIB) * MIB - _value("eviction_memory") * MIB


def _on_boot_disk(disk: float) -> float:
    system = min(
        disk * _value("disk_system_share"),
        disk * _value("disk_system_sloped_share") + _value("disk_system_sloped") * GIB,
        _value("disk_system_limit") * GIB,
    )
    operating_system = disk * _value("disk_os_share") + (_value("disk_os") + _value("disk_buffer")) * GIB
    return disk - operating_system - disk * _value("disk_eviction_share") - system


def _on_local_ssd(count: int) -> float:
    disk = count * LOCAL_SSD_GB * GIB
    system = max(value for above, value in _steps("local_ssd_system") if count >= above) * GIB
    measured = _steps("local_ssd_filesystem")
    overhead = next((value for limit, value in measured if count <= limit), measured[-1][1]) * KIB
    return disk - overhead - disk * _value("disk_eviction_share") - system


def _graded(what: str, amount: float) -> float:
    """A reservation whose rate falls with size: each rate holds from its threshold to the next."""
    steps = _steps(what)
    ends = [above for above, _ in steps[1:]] + [amount]
    return sum(
        max(min(amount, end) - above, 0.0) * rate for (above, rate), end in zip(steps, ends, strict=True)
    )  # fmt: skip


def _value(what: str) -> float:
    return _table()[what][0][1]


def _steps(what: str) -> tuple[tuple[float, float], ...]:
    return _table()[what]


@cache
def _table() -> dict[str, tuple[tuple[float, float], ...]]:
    table: dict[str, tuple[tuple[float, float], ...]] = {}
    for row in rows("node_reservations"):
        table[row["what"]] = (*table.get(row["what"], ()), (float(row["above"] or 0), float(row["value"])))
    return table


def _round_down(amount: float, unit: float) -> float:
    return round(amount // unit * unit, 3)
