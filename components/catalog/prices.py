"""What machines cost by the hour: dated list prices, never presented as today's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from .machines import MachineType, machine_types
from .table import rows

REGION = "us-central1"
"""The region most prices are of."""


@dataclass(frozen=True, slots=True)
class Price:
    """One machine with its GPUs.

    Attributes:
        usd_per_hour: its price.
        region: the region the price is of; another one than asked for where the table lacks that.
        as_of: the day of the oldest price in it.
        source: where it can be looked up.
    """

    usd_per_hour: float
    region: str
    as_of: str
    source: str


@cache
def hourly(
    machine: str, accelerator: str, gpus: int, provisioning: str = "on-demand", region: str = REGION
) -> Price | None:
    """The price of a machine with GPUs; `None` when the table has none for that way of buying it.

    Args:
        machine: its type.
        accelerator: GKE's name of its GPUs.
        gpus: GPUs attached to it; those that come with a machine are in its price.
        provisioning: `on-demand`, `spot`, `flex-start` or `reservation`, which is billed like on-demand.
        region: where; the table's own region stands in for one it lacks.
    """
    bought = "on-demand" if provisioning == "reservation" else provisioning
    host = _find("machine_type", machine, bought, region)
    if host is None:
        return None
    if machine_types()[machine].gpus_included:
        return host
    attached = _find("accelerator", accelerator, bought, region)
    if attached is None:
        return None
    return Price(
        host.usd_per_hour + gpus * attached.usd_per_hour,
        host.region,
        min(host.as_of, attached.as_of),
        host.source,
    )


@cache
def smallest_machine(accelerator: str, gpus: int) -> MachineType | None:
    """The smallest machine type with exactly so many GPUs, among those with a price where there are any."""
    able = [machine for machine in machine_types().values() if gpus in machine.gpus.get(accelerator, ())]
    able.sort(key=lambda machine: (machine.vcpus, machine.memory_gib))
    ways = ("on-demand", "spot")
    priced = [machine for machine in able if any(hourly(machine.name, accelerator, gpus, way) for way in ways)]
    return next(iter(priced or able), None)


def _find(column: str, name: str, provisioning: str, region: str) -> Price | None:
    found = [row for row in rows("prices") if name and row[column] == name and row["provisioning"] == provisioning]
    found.sort(key=lambda row: (row["region"] != region, row["region"] != REGION))
    if not found:
        return None
    row = found[0]
    return Price(float(row["usd_per_hour"]), row["region"], row["as_of"], row["source"])
