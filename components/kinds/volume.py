"""What claims, volumes and storage classes say: how much is kept where, and who may mount it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .lenient import entries, inside, pairs, text, words
from .selector import requirements

_ZONE = "zone"
"""In the name of every label that says where a disk is."""


class VolumeClaim(NamedTuple):
    """What a PersistentVolumeClaim says, or a template of claims.

    Attributes:
        name: its own name; empty where its pods have it.
        size: the quantity it asks for; 0 where it says none.
        storage_class: its class; empty for the cluster's default.
        modes: its access modes.
        volume: the volume it is bound to; empty where the class makes one.
    """

    name: str
    size: Any
    storage_class: str
    modes: tuple[str, ...]
    volume: str


def claim_of(manifest: Mapping[str, Any]) -> VolumeClaim:
    """What a claim says."""
    spec = inside(manifest, "spec")
    size = inside(spec, "resources", "requests").get("storage")
    return VolumeClaim(
        text(inside(manifest, "metadata").get("name")),
        size if isinstance(size, str | int | float) else 0,
        text(spec.get("storageClassName")),
        words(spec.get("accessModes")),
        text(spec.get("volumeName")),
    )


class StorageClass(NamedTuple):
    """What a StorageClass says.

    Attributes:
        parameters: what it tells the driver that makes its disks.
        zones: where the disks may be.
        in_every_zone: whether a claim gets a disk in each of its zones (GKE's `enable-multi-zone-provisioning`).
    """

    parameters: Mapping[str, Any]
    zones: tuple[str, ...]
    in_every_zone: bool


def storage_class(manifest: Mapping[str, Any]) -> StorageClass:
    """What a StorageClass says."""
    parameters = pairs(manifest.get("parameters"))
    zones = tuple(
        zone
        for topology in entries(manifest.get("allowedTopologies"))
        for wanted in requirements(topology.get("matchLabelExpressions"))
        for zone in wanted.values
    )
    return StorageClass(parameters, zones, parameters.get("enable-multi-zone-provisioning") == "true")


class PersistentVolume(NamedTuple):
    """What a PersistentVolume says.

    Attributes:
        annotations: its annotations.
        storage_class: its class; empty where it has none.
        zones: where it is; empty where it says nothing.
    """

    annotations: Mapping[str, Any]
    storage_class: str
    zones: tuple[str, ...]


def persistent_volume(manifest: Mapping[str, Any]) -> PersistentVolume:
    """What a PersistentVolume says."""
    spec = inside(manifest, "spec")
    zones = tuple(
        zone
        for term in entries(inside(spec, "nodeAffinity", "required").get("nodeSelectorTerms"))
        for wanted in requirements(term.get("matchExpressions"))
        if _ZONE in wanted.key
        for zone in wanted.values
    )
    return PersistentVolume(
        pairs(inside(manifest, "metadata", "annotations")), text(spec.get("storageClassName")), zones
    )
