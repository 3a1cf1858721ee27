"""What one node costs an hour: machine, GPUs, boot disk and local SSDs, each with its price or why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from ..catalog.machines import LOCAL_SSD_GB, machine_types
from ..catalog.prices import HOURS, UNITS, Prices, billed_as, largest_discounts
from ..core.price import Kind, PriceRow, Unit
from .line import LineKind
from .nodes import Choice


class Case(IntEnum):
    """Which figure of three is asked for: its place in a `Cost`."""

    LEAST = 0
    EXPECTED = 1
    MOST = 2


class Cost(NamedTuple):
    """The price of a unit: the lowest, what is expected and the highest; where a price is known exactly, all alike."""

    least: float
    expected: float
    most: float


@dataclass(frozen=True, slots=True)
class PricedComponent:
    """One thing a node is paid for.

    Attributes:
        kind: what sort of thing it is.
        what: what it is called.
        units: how many units of it a node has.
        unit: what the price buys.
        price: of one unit; `None` when unknown.
        as_of: the day of the price.
        source: where it can be looked up.
        unknown: why there is no price; empty when there is.
    """

    kind: LineKind
    what: str
    units: float
    unit: Unit
    price: Cost | None
    as_of: str = ""
    source: str = ""
    unknown: str = ""

    @property
    def hourly(self) -> Cost | None:
        """What it costs a node in an hour; `None` when unknown."""
        if self.price is None:
            return None
        times = self.units / (1 if self.unit == "hour" else HOURS)
        return Cost(*(value * times for value in self.price))


def components(choice: Choice, prices: Prices, region: str) -> tuple[PricedComponent, ...]:
    """Everything one node is paid for; GPUs that come with a machine are in its price, and not named again.

    Args:
        choice: the node.
        prices: the table.
        region: where it runs.
    """
    return tuple(_components(choice, prices, region))


def _components(choice: Choice, prices: Prices, region: str) -> Iterator[PricedComponent]:
    machine = machine_types().get(choice.machine)
    bought = choice.provisioning
    gpus = f"{choice.gpus} {choice.accelerator.removeprefix('nvidia-').removeprefix('tesla-').upper()}"
    if not choice.machine or machine is None:
        yield PricedComponent(
            "node", choice.machine or "a machine", 1, "hour", None, unknown="its machine type is not known"
        )
        return
    included = machine.gpus_included
    kind: LineKind = "gpu" if included else "host" if choice.gpus else "node"
    what = f"{choice.machine} with {gpus}" if included else choice.machine
    yield priced(prices, "machine", choice.machine, region, bought, kind=kind, what=what)
    if choice.gpus and not included:
        what = f"{gpus} attached to {choice.machine}"
        yield priced(prices, "gpu", choice.accelerator, region, bought, kind="gpu", what=what, units=choice.gpus)
    if choice.disk_type:
        what = f"boot disk of {choice.disk_gb:,} GB, {choice.disk_type}"
        yield priced(prices, "disk", choice.disk_type, region, "", kind="disk", what=what, units=choice.disk_gb)
    if choice.local_ssds:
        gb = choice.local_ssds * LOCAL_SSD_GB
        what = f"local SSD of {gb:,} GB"
        yield priced(prices, "disk", "local-ssd", region, bought, kind="disk", what=what, units=gb)


def priced(
    prices: Prices,
    sort: Kind,
    name: str,
    region: str,
    provisioning: str,
    *,
    kind: LineKind,
    what: str,
    units: float = 1,
) -> PricedComponent:
    """A thing with its price, or why there is none. Another region's price is said in `what`.

    Where a way of buying has no price of its own but is known to be at most so much cheaper than on-demand, the price
    is a band: what it costs at least, and the on-demand price, which is also what is expected.
    """
    row = prices.find(sort, name, region, billed_as(provisioning))
    if row is not None:
        price = Cost(row.usd, row.usd, row.usd)
        return PricedComponent(kind, _where(what, row, region), units, row.unit, price, row.as_of, row.source)
    discount = largest_discounts().get(provisioning)
    full = prices.find(sort, name, region, "on-demand") if discount else None
    if discount and full:
        off, day, source = discount
        price = Cost(full.usd * (1 - off), full.usd, full.usd)
        as_of = min(full.as_of, day)
        what = _where(f"{what}, {provisioning}: on-demand less up to {off:.0%}", full, region)
        return PricedComponent(kind, what, units, full.unit, price, as_of, f"{full.source}; {source}")
    bought = f" {provisioning}" if provisioning else ""
    return PricedComponent(kind, what, units, UNITS[sort], None, unknown=f"no price of {name}{bought}")


def _where(what: str, row: PriceRow, region: str) -> str:
    return what if row.region in ("", region) or not region else f"{what} (price of {row.region})"
