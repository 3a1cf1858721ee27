"""Inference Endpoints of Hugging Face: what one costs, and from how much use on nodes of one's own are cheaper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..catalog.prices import HOURS, Prices, prices
from ..catalog.table import rows


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One instance an endpoint can run on.

    Attributes:
        name: `gcp/nvidia-l4/x1`: vendor, instance type and size.
        gpus: how many GPUs it has.
        usd_per_hour: its price, billed by the minute while it starts and runs.
        note: what is different about its GPU; empty when it is the same.
        as_of: the day of the price.
        source: where it can be looked up.
    """

    name: str
    gpus: int
    usd_per_hour: float
    note: str
    as_of: str
    source: str


def endpoints(accelerator: str, gpus: int, table: Prices | None = None) -> Iterator[Endpoint]:
    """The instances with a GPU and at least so many of them, cheapest first.

    Args:
        accelerator: GKE's name of the GPU.
        gpus: GPUs of one replica.
        table: the prices. Omitted: the catalog's.
    """
    kinds = {row["instance_type"]: row["note"] for row in rows("managed_gpus") if row["accelerator"] == accelerator}
    found = []
    for row in (table or prices()).rows:
        if row.kind != "managed-endpoint":
            continue
        _, kind, size = row.name.split("/")
        count = int(size.removeprefix("x"))
        if kind in kinds and count >= gpus:
            found.append(Endpoint(row.name, count, row.usd, kinds[kind], row.as_of, row.source))
    yield from sorted(found, key=lambda one: one.usd_per_hour)


def break_even_hours(own_usd_per_hour: float, managed_usd_per_hour: float, *, own_sleeps: bool = False) -> float:
    """Hours of use a month below which the managed endpoint is cheaper, one replica each; 0 never, 730 always.

    The endpoint scales to zero, and costs only what it is used. A node of one's own is paid for around the clock,
    unless it goes away with its pods, and then the cheaper hour decides.

    Args:
        own_usd_per_hour: what a replica takes of its node's cost.
        managed_usd_per_hour: the endpoint's price.
        own_sleeps: whether replica and node are there only while they are used.
    """
    if own_sleeps:
        return float(HOURS) if managed_usd_per_hour < own_usd_per_hour else 0.0
    return min(float(HOURS), HOURS * own_usd_per_hour / managed_usd_per_hour) if managed_usd_per_hour else float(HOURS)
