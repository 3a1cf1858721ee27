"""Where each GPU can be had. Capacity and quota are other questions; ask the cloud."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from .table import rows

ZONES_COMMAND = "gcloud compute accelerator-types list"
"""The live answer; the tables are as old as their rows say."""


@cache
def zones_by_accelerator() -> Mapping[str, tuple[str, ...]]:
    """Zones known to have each GPU, by its name."""
    return _grouped("accelerator_zones", "zone")


@cache
def regions_by_accelerator() -> Mapping[str, tuple[str, ...]]:
    """Regions that have each GPU in at least one zone, by its name."""
    return _grouped("accelerator_regions", "region")


def is_zone(location: str) -> bool:
    """Whether a location is a zone, `us-central1-a`, rather than a region."""
    return len(location.rpartition("-")[2]) == 1


def region_of(location: str) -> str:
    """The region of a zone or region."""
    return location.rpartition("-")[0] if is_zone(location) else location


def zones_in_region(accelerator: str, region: str) -> tuple[str, ...]:
    """The zones of a region known to have a GPU; empty when it has none or they are not known."""
    return tuple(zone for zone in zones_by_accelerator().get(accelerator, ()) if region_of(zone) == region)


def lacks(accelerator: str, zone: str) -> bool:
    """Whether a zone is known not to have a GPU: the region has none, or has it in other zones only."""
    region = region_of(zone)
    if region not in regions_by_accelerator().get(accelerator, ()):
        return True
    known = zones_in_region(accelerator, region)
    return bool(known) and zone not in known


def _grouped(table: str, column: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for row in rows(table):
        found.setdefault(row["accelerator"], []).append(row[column])
    return {accelerator: tuple(places) for accelerator, places in found.items()}
