"""Disks and file shares that claims make, beside the nodes' own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from math import ceil
from typing import TYPE_CHECKING, Any

from ..catalog.prices import Prices
from ..catalog.table import rows
from ..errors import dotted
from ..plan import Part
from ..quantity import gib
from ..serving.hyperdisk_ml import DISK_TYPE
from .line import Line, Quantity
from .machine_price import Component, Cost, priced

if TYPE_CHECKING:
    from ..proofs.index import Index
    from ..proofs.workload import Workload

_NOTHING: Mapping[str, Any] = {}


@cache
def _storage_classes() -> Mapping[str, tuple[str, int]]:
    """What GKE's own storage classes make, and the least it is sold in, in GiB; the default one has no name."""
    return {row["storage_class"]: (row["price"], int(row["least_gib"])) for row in rows("storage_classes")}


def volume_lines(index: Index, prices: Prices, region: str) -> Iterator[tuple[Part, Line]]:
    """A line for each claim, and for the claims that come and go with pods, each with its component.

    A claim that is there already and a bucket are somebody else's, and cost the environment nothing.
    """
    made = {item.object_name: item.properties.get("parameters", _NOTHING) for _, item in index.objects("StorageClass")}
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
        copies = max(1, len(_zones(bound.get(spec.get("volumeName", ""), _NOTHING))))
        found, size = _sold(item.object_name, spec, made, prices, region)
        yield part, _line(part, found, size, (copies, copies, copies))
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
) -> tuple[Component, int]:
    """What a claim is sold as, and how many GiB of it."""
    storage_class = spec.get("storageClassName", "")
    own = made.get(storage_class, _NOTHING).get("type", "")
    sold, least = (own, 1) if own else _storage_classes().get(storage_class, ("", 1))
    size = max(ceil(gib(spec["resources"]["requests"]["storage"])), least)
    if sold:
        what = f"{name}: {size:,} GiB, {sold}"
        return priced(prices, "disk", sold, region, "", kind="storage", what=what), size
    why = f"it is not known what the storage class {storage_class} makes"
    return Component("storage", f"{name}: {size:,} GiB", 1, "GiB-month", None, unknown=why), size


def _line(part: Part, found: Component, size: int, count: tuple[int, int, float | None]) -> Line:
    minimum, maximum, expected = count
    quantity = Quantity(minimum * size, maximum * size, None if expected is None else expected * size)
    return line_of(found, dotted(part.path) or part.key, quantity)


def line_of(found: Component, at: str, quantity: Quantity, provisioning: str = "") -> Line:
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
