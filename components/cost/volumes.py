"""Disks and file shares that claims make, beside the nodes' own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from math import ceil
from typing import Any

from ..catalog.prices import Prices
from ..catalog.table import rows
from ..core.errors import dotted
from ..core.plan import Part
from ..core.quantity import GIB, MIB
from ..kinds.lenient import NOTHING, amount
from ..kinds.volume import PersistentVolume, StorageClass, VolumeClaim
from ..reading.index import Index
from ..reading.workload import Workload, namespace_of
from ..weights.hyperdisk_ml import DISK_TYPE, TYPE
from .line import Line, Quantity
from .machine_price import Cost, PricedComponent, priced

_MIB_S_BY_GIB, _LEAST_MIB_S = 24, 400
"""MiB/s that Compute Engine gives a Hyperdisk ML disk by its GiB where nobody says how many, and the least it gives
(cloud.google.com/compute/docs/disks/hd-types/hyperdisk-ml; 24,576 MB/s for 1 TiB:
GoogleCloudPlatform/accelerated-platforms@9320f3b2 use-cases/inferencing/serving/vllm/hyperdisk-ml/README.md)."""


@cache
def _storage_classes() -> Mapping[str, tuple[str, int]]:
    """What GKE's own storage classes make, and the least it is sold in, in GiB; the default one has no name."""
    return {row["storage_class"]: (row["price"], int(row["least_gib"])) for row in rows("storage_classes")}


def volume_lines(index: Index, prices: Prices, region: str) -> Iterator[tuple[Part, Line]]:
    """A line for each claim, and for the claims that come and go with pods, each with its component.

    A claim that is there already and a bucket are somebody else's, and cost the environment nothing. A Hyperdisk ML
    disk is paid for by its size and by the throughput it was given, in each of its zones.
    """
    made: dict[str, Mapping[str, Any]] = {name: found.parameters for name, found in index.storage_classes.items()}
    for volume in index.volumes.values():
        # Its class exists nowhere: it only ties the claim to the volume.
        made[volume.storage_class] = {"type": volume.annotations.get(DISK_TYPE, "")}
    for part, item in index.objects("PersistentVolumeClaim"):
        claim = index.claims[namespace_of(item), item.object_name]
        own = index.storage_classes.get(claim.storage_class)
        copies = max(1, len(_zones(index.volumes.get(claim.volume), own)))
        found, size = _sold(item.object_name, claim, made, prices, region)
        yield part, _line(part, found, size, (copies, copies, copies))
        if made.get(claim.storage_class, NOTHING).get("type") == TYPE:
            found, speed = _throughput(item.object_name, own and own.parameters, size, prices, region)
            yield part, _line(part, found, speed, (copies, copies, copies))
    for pod in index.workloads:
        if pod.role == "worker" and not pod.runs:
            continue
        count = (pod.least, pod.most, pod.least if pod.least == pod.most else None)
        for name, claim in _of_pods(pod):
            what = f"{name} of each pod of {pod.item.object_name}"
            found, size = _sold(what, claim, made, prices, region)
            yield pod.part, _line(pod.part, found, size, count)


def _of_pods(pod: Workload) -> Iterator[tuple[str, VolumeClaim]]:
    for volume in pod.template.volumes:
        if volume.template is not None:
            yield volume.name, volume.template
    for claim in pod.controller.claims:
        yield claim.name, claim


def _zones(volume: PersistentVolume | None, made: StorageClass | None) -> tuple[str, ...]:
    """The zones a claim's volume is in: a multi-zone volume is a disk in each; none where the scheduler picks one."""
    if volume is not None and volume.zones:
        return volume.zones
    return made.zones if made is not None and made.in_every_zone else ()


def _sold(
    name: str, claim: VolumeClaim, made: Mapping[str, Mapping[str, Any]], prices: Prices, region: str
) -> tuple[PricedComponent, int]:
    """What a claim is sold as, and how many GiB of it."""
    own = made.get(claim.storage_class, NOTHING).get("type", "")
    sold, least = (own, 1) if own else _storage_classes().get(claim.storage_class, ("", 1))
    size = max(ceil((amount(claim.size) or 0) / GIB), least)
    if sold:
        what = f"{name}: {size:,} GiB, {sold}"
        return priced(prices, "disk", sold, region, "", kind="storage", what=what), size
    why = f"it is not known what the storage class {claim.storage_class} makes"
    return PricedComponent("storage", f"{name}: {size:,} GiB", 1, "GiB-month", None, unknown=why), size


def _throughput(
    name: str, parameters: Mapping[str, Any] | None, size: int, prices: Prices, region: str
) -> tuple[PricedComponent, int]:
    """What a Hyperdisk ML disk's throughput is sold as, and how many MiB/s of it; no parameters where it is there."""
    if parameters is None:
        why = "the disk was made elsewhere, with a throughput of its own: gcloud compute disks describe"
        return PricedComponent("storage", f"{name}: throughput, {TYPE}", 1, "MiB/s-month", None, unknown=why), 0
    given = amount(parameters.get("provisioned-throughput-on-create"))
    speed = ceil(given / MIB) if given else max(_MIB_S_BY_GIB * size, _LEAST_MIB_S)
    what = f"{name}: {speed:,} MiB/s, {TYPE}"
    return priced(prices, "disk-throughput", TYPE, region, "", kind="storage", what=what), speed


def _line(part: Part, found: PricedComponent, size: int, count: tuple[int, int, float | None]) -> Line:
    minimum, maximum, expected = count
    quantity = Quantity(minimum * size, maximum * size, None if expected is None else expected * size)
    return line_of(found, dotted(part.path) or part.key, quantity)


def line_of(found: PricedComponent, at: str, quantity: Quantity, provisioning: str = "") -> Line:
    """A line for so many units of something with a price, or of something without."""
    price = found.price or Cost(0, 0, 0)
    return Line(
        at,
        found.what,
        found.kind,
        quantity,
        found.unit,
        provisioning,
        usd_per_unit=price.most if found.price else None,
        usd_per_unit_least=price.least if found.price else None,
        usd_per_unit_expected=price.expected if found.price else None,
        as_of=found.as_of,
        source=found.source,
        unknown=found.unknown,
    )
