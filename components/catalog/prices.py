"""What things cost: dated list prices, never presented as today's, that a repository can override with its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import cast, get_args

from ..core.price import Kind, PriceRow, Unit
from .machines import MachineType, machine_types
from .table import rows

REGION = "us-central1"
"""The region that stands in for one the table lacks."""
HOURS = 730
"""Hours of a month, as Google's own calculator has it.

Source: Cyclenerd/google-cloud-pricing-cost-calculator@dac31281 build/pricing.pl.
"""
_CORES = 4
"""vCPUs below which a machine is too small to name: an engine's own processes and the node's share them."""
KINDS: tuple[str, ...] = get_args(Kind)
_MONTHLY: Mapping[str, Unit] = {"disk": "GiB-month", "storage": "GiB-month", "disk-throughput": "MiB/s-month"}
UNITS: Mapping[str, Unit] = {kind: _MONTHLY.get(kind, "hour") for kind in KINDS}
"""What each kind is sold by."""
WAYS = ("on-demand", "spot", "flex-start", "")
"""Ways of buying that a row can be of; empty where there is only one."""


class Prices:
    """A table of prices: of rows with the same kind, name, way and region the last one holds."""

    def __init__(self, given: Iterable[PriceRow]) -> None:
        self._rows = {row.key: row for row in given}
        self._named: dict[tuple[str, str, str], list[PriceRow]] = {}
        for row in self._rows.values():
            self._named.setdefault(row.key[:3], []).append(row)

    @property
    def rows(self) -> tuple[PriceRow, ...]:
        """Every price, in the table's order."""
        return tuple(self._rows.values())

    def overridden(self, given: Iterable[PriceRow]) -> Prices:
        """The same table with the rows of another one in the place of its own."""
        return Prices((*self.rows, *given))

    def find(self, kind: Kind, name: str, region: str, provisioning: str = "") -> PriceRow | None:
        """The price of something; `None` when the table has none.

        The region's own comes first, then one that holds everywhere, then that of us-central1, then any: the row tells
        which region it is of.
        """
        found = self._named.get((kind, name, provisioning), ())
        order = {region: 0, "": 1, REGION: 2}
        return min(found, key=lambda row: order.get(row.region, 3), default=None)


@cache
def prices() -> Prices:
    """The catalog's prices."""
    return Prices(
        PriceRow(
            kind=cast("Kind", row["kind"]),
            name=row["name"],
            provisioning=row["provisioning"],
            region=row["region"],
            unit=cast("Unit", row["unit"]),
            usd=float(row["usd"]),
            as_of=row["as_of"],
            source=row["source"],
        )
        for row in rows("prices")
    )


@cache
def largest_discounts() -> Mapping[str, tuple[float, str, str]]:
    """How much less than on-demand a way of buying without prices of its own costs at most, with date and source."""
    return {
        row["provisioning"]: (float(row["at_most_off"]), row["as_of"], row["source"])
        for row in rows("provisioning_discounts")
    }


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
    bought = billed_as(provisioning)
    host = prices().find("machine", machine, region, bought)
    if host is None:
        return None
    if machine_types()[machine].gpus_included:
        return Price(host.usd, host.region, host.as_of, host.source)
    attached = prices().find("gpu", accelerator, region, bought)
    if attached is None:
        return None
    return Price(
        host.usd + gpus * attached.usd,
        host.region,
        min(host.as_of, attached.as_of),
        host.source,
    )


def billed_as(provisioning: str) -> str:
    """The way of buying whose price holds: a reservation is billed like on-demand, used or not."""
    return "on-demand" if provisioning == "reservation" else provisioning


@cache
def smallest_machine(accelerator: str, gpus: int) -> MachineType | None:
    """The smallest machine type with exactly so many GPUs that can feed them, one with a price if there is any."""
    able = [machine for machine in machine_types().values() if gpus in machine.gpus.get(accelerator, ())]
    able = [machine for machine in able if machine.vcpus >= _CORES] or able
    able.sort(key=lambda machine: (machine.vcpus, machine.memory_gib))
    ways = ("on-demand", "spot")
    priced = [machine for machine in able if any(hourly(machine.name, accelerator, gpus, way) for way in ways)]
    return next(iter(priced or able), None)
