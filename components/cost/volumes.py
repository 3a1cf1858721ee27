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
from ..core.quantity import MIB, gib, number
from ..reading.index import Index
from ..reading.workload import Workload
from ..weights.hyperdisk_ml import DISK_TYPE, TYPE
from .line import Line, Quantity
from .machine_price import Cost, PricedComponent, priced

_NOTHING: Mapping[str, Any] = {}
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
    classes = {item.object_name: item.properties for _, item in index.objects("StorageClass")}
    made = {name: properties.get("parameters", _NOTHING) for name, properties in classes.items()}
    bound = {}
    for _, item in index.objects("PersistentVolume"):
        spec = item.properties["spec"]
        bound[item.object_name] = spec.get("nodeAffinity", _NOTHING)
        # Its class exists nowhere: it only ties the claim to the volume.
        made[spec.get("storageClassName", "")] = {
            "type": item.properties["metadata"].get("annotations", _NOTHING).get(DISK_TYPE, "")
        }
    for part, item in index.objects("PersistentVolumeClaim"):
        spec = item.properties["spec"]
        storage_class = spec.get("storageClassName", "")
        zones = _zones(bound.get(spec.get("volumeName", ""), _NOTHING)) or _zones_of_class(classes.get(storage_class))
        copies = max(1, len(zones))
        found, size = _sold(item.object_name, spec, made, prices, region)
        yield part, _line(part, found, size, (copies, copies, copies))
        if made.get(storage_class, _NOTHING).get("type") == TYPE:
            own = storage_class in classes
            found, speed = _throughput(item.object_name, made[storage_class] if own else None, size, prices, region)
            yield part, _line(part, found, speed, (copies, copies, copies))
    for pod in index.workloads:
        if pod.role == "worker" and not pod.runs:
            continue
        count = (pod.least, pod.most, pod.least if pod.least == pod.most else None)
        for name, spec in _of_pods(pod):
            what = f"{name} of each pod of {pod.item.object_name}"
            found, size = _sold(what, spec, made, prices, region)
            yield pod.part, _line(pod.part, found, size, count)


def _of_pods(pod: Workload) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for volume in pod.spec.get("volumes", ()):
        if "ephemeral" in volume:
            yield volume["name"], volume["ephemeral"]["volumeClaimTemplate"]["spec"]
    for template in pod.item.properties["spec"].get("volumeClaimTemplates", ()):
        yield template["metadata"]["name"], template["spec"]


def _sold(
    name: str, spec: Mapping[str, Any], made: Mapping[str, Mapping[str, Any]], prices: Prices, region: str
) -> tuple[PricedComponent, int]:
    """What a claim is sold as, and how many GiB of it."""
    storage_class = spec.get("storageClassName", "")
    own = made.get(storage_class, _NOTHING).get("type", "")
    sold, least = (own, 1) if own else _storage_classes().get(storage_class, ("", 1))
    size = max(ceil(gib(spec["resources"]["requests"]["storage"])), least)
    if sold:
        what = f"{name}: {size:,} GiB, {sold}"
        return priced(prices, "disk", sold, region, "", kind="storage", what=what), size
    why = f"it is not known what the storage class {storage_class} makes"
    return PricedComponent("storage", f"{name}: {size:,} GiB", 1, "GiB-month", None, unknown=why), size


def _throughput(
    name: str, parameters: Mapping[str, Any] | None, size: int, prices: Prices, region: str
) -> tuple[PricedComponent, int]:
    """What a Hyperdisk ML disk's throughput is sold as, and how many MiB/s of it; no parameters where it is there."""
    if parameters is None:
        why = "the disk was made elsewhere, with a throughput of its own: gcloud compute disks describe"
        return PricedComponent("storage", f"{name}: throughput, {TYPE}", 1, "MiB/s-month", None, unknown=why), 0
    given = parameters.get("provisioned-throughput-on-create")
    speed = ceil(number(given) / MIB) if given else max(_MIB_S_BY_GIB * size, _LEAST_MIB_S)
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


def _zones_of_class(storage_class: Mapping[str, Any] | None) -> list[str]:
    """The zones in which a storage class makes a disk for each claim; none where the scheduler picks one zone."""
    if not storage_class or storage_class.get("parameters", _NOTHING).get("enable-multi-zone-provisioning") != "true":
        return []
    return [
        zone
        for topology in storage_class.get("allowedTopologies", ())
        for expression in topology["matchLabelExpressions"]
        for zone in expression["values"]
    ]


def _zones(affinity: Mapping[str, Any]) -> list[str]:
    """The zones a volume is in: a multi-zone volume is a disk in each."""
    terms = affinity.get("required", _NOTHING).get("nodeSelectorTerms", ())
    return [
        zone
        for term in terms
        for expression in term.get("matchExpressions", ())
        if "zone" in expression["key"]
        for zone in expression["values"]
    ]
