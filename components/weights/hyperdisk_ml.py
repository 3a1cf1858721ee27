"""A Hyperdisk ML volume as a model cache: one filled disk that up to 2,500 machines read at once."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ..catalog.zones import is_zone
from ..core.config import Bytes, Config, DnsName, patterned
from ..core.errors import MisfitError, Problem
from ..core.manifest import metadata, object_item
from ..core.names import physical_name
from ..core.plan import Item
from .gcs_fuse import Folder

DRIVER = "pd.csi.storage.gke.io"
ZONE_LABEL = "topology.gke.io/zone"
"""By which the disk driver tells zones (kubernetes-sigs/gcp-compute-persistent-disk-csi-driver@b560165c)."""
MULTI_ZONE = "multi-zone"
"""Stands for the zone in a handle: the disks of that name in each zone are one volume (controller.go, same commit)."""
TYPE = "hyperdisk-ml"
DISK_TYPE = "inference/disk-type"
"""Annotation of our PersistentVolumes, whose specs do not tell what kind of disk they are."""
_READ_AHEAD = "read_ahead_kb=4096"
"""For sequential reads of large files (GoogleCloudPlatform/accelerated-platforms@9320f3b2 hyperdisk-ml manifests)."""
_HANDLE = r"^projects/[a-z][-a-z0-9:.]*/zones/[a-z0-9-]+/disks/[a-z]([-a-z0-9]*[a-z0-9])?$"


class HyperdiskMlCache(Config):
    """A Hyperdisk ML disk that is filled already, mounted read-only by every replica.

    The fastest way to many replicas on many nodes at once: they share the throughput it was given, and pay for it by
    the hour whether they read or not. Zonal: pods run where the disk is, in one zone or, as a multi-zone volume, in
    each it was copied to. Not every machine can attach it (no N1, so no T4). Made from a disk, by its handle, or from
    a VolumeSnapshot, which the driver copies to each zone.
    """

    kind: Literal["hyperdisk-ml"]
    """The cache's kind."""
    size: Bytes
    """The disk's size; from a snapshot, at least the size of what it was taken of."""
    disk: Annotated[str, patterned(_HANDLE, "projects/PROJECT/zones/ZONE/disks/NAME")] | None = None
    """The filled disk; with multi-zone for the zone, the disks of that name in all `zones`, each with the label
    goog-gke-multi-zone. Omitted: the volume is made from `snapshot`."""
    snapshot: DnsName | None = None
    """A VolumeSnapshot in the model server's namespace to make the volume from. Omitted: `disk` is mounted."""
    zones: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    """Zones the volume is in. Omitted: the disk's own; a snapshot and a multi-zone disk must name them."""
    throughput_mib: Annotated[int, Field(strict=True, ge=400, le=2_097_152)] | None = None
    """MiB/s a disk made from a snapshot is given, 400 to 2,097,152; all nodes share it. Omitted: what Compute Engine
    gives a disk of that size."""
    folder: Folder | None = None
    """Folder with the model's files; the engine is then given this folder for a Hub repository. Omitted: the disk is
    a Hub cache, as `hf download` leaves it in HF_HOME."""

    @model_validator(mode="after")
    def _fits(self) -> HyperdiskMlCache:
        problems = [
            Problem(("zones", place), f'got "{zone}"; must be a zone such as us-central1-a')
            for place, zone in enumerate(self.zones)
            if not is_zone(zone)
        ]
        if (self.disk is None) == (self.snapshot is None):
            said = "neither is given" if self.disk is None else "disk is given too"
            problems.append(Problem(("snapshot",), f"{said}; name either the filled disk or a VolumeSnapshot of one"))
        if not self.zones and (self.snapshot or self._zone == MULTI_ZONE):
            what = "the volume made from a snapshot" if self.snapshot else "a multi-zone disk"
            problems.append(Problem(("zones",), f"is empty, and {what} is in the zones named here; name them"))
        if self.disk and self.zones and self._zone != MULTI_ZONE and set(self.zones) != {self._zone}:
            fix = f"drop zones, or write {MULTI_ZONE} for the zone in disk"
            problems.append(Problem(("zones",), f"got {', '.join(self.zones)}; the disk is in {self._zone}: {fix}"))
        if self.disk and self.throughput_mib:
            message = "is given to disks made from a snapshot; this disk has its own: gcloud compute disks update"
            problems.append(Problem(("throughput_mib",), message))
        MisfitError.raise_all(problems)
        return self

    @property
    def _zone(self) -> str:
        return self.disk.split("/")[3] if self.disk else ""

    @property
    def reach(self) -> tuple[str, ...]:
        """The zones of the nodes that can mount it."""
        return self.zones or (self._zone,)


def claim_name(server: str, cache: HyperdiskMlCache) -> str:
    """The name of the claim that the pods mount."""
    return physical_name(server, _role(cache))


def volume(name: str, server: str, cache: HyperdiskMlCache) -> dict[str, Any]:
    """The pod's volume."""
    return {"name": name, "persistentVolumeClaim": {"claimName": claim_name(server, cache), "readOnly": True}}


def _role(cache: HyperdiskMlCache) -> str:
    """No claim or volume can change: another disk is another claim, which the next pods mount."""
    digest = hashlib.sha256(json.dumps(cache.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()
    return f"weights-{digest[:8]}"


def items(server: str, namespace: str, cache: HyperdiskMlCache, *, timeout_seconds: int) -> list[Item]:
    """The claim, and what it is bound to: a volume for a disk, a storage class for a snapshot.

    Both are cluster-wide, so their names carry the namespace.
    """
    role = _role(cache)
    shared = physical_name(namespace, server, role)
    labels = {"app": server}
    claim: dict[str, Any] = {
        "accessModes": ["ReadOnlyMany"],
        "resources": {"requests": {"storage": cache.size}},
        "storageClassName": shared,
    }
    if cache.disk:
        # The class exists nowhere: it keeps the claim from any other volume, and the volume from any other claim.
        claim["volumeName"] = shared
        origin, source = f"{role}-volume", _volume(shared, namespace, server, cache)
    else:
        claim["dataSource"] = {
            "apiGroup": "snapshot.storage.k8s.io",
            "kind": "VolumeSnapshot",
            "name": cache.snapshot,
        }
        origin, source = f"{role}-class", _class(shared, labels, cache)
    manifest = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(claim_name(server, cache), namespace, labels),
        "spec": claim,
    }
    return [
        object_item(origin, server, source),
        object_item(role, server, manifest, after=(origin,), timeout_seconds=timeout_seconds),
    ]


def _volume(name: str, namespace: str, server: str, cache: HyperdiskMlCache) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": metadata(name, None, {"app": server}, {DISK_TYPE: TYPE}),
        "spec": {
            "storageClassName": name,
            "capacity": {"storage": cache.size},
            "accessModes": ["ReadOnlyMany"],
            # The disk is not the stack's: it stays when the model goes.
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": namespace, "name": claim_name(server, cache)},
            "csi": {"driver": DRIVER, "volumeHandle": cache.disk, "fsType": "ext4", "readOnly": True},
            "mountOptions": [_READ_AHEAD],
            "nodeAffinity": {
                "required": {
                    "nodeSelectorTerms": [
                        {
                            "matchExpressions": [
                                {"key": ZONE_LABEL, "operator": "In", "values": list(cache.reach)},
                            ]
                        }
                    ]
                }
            },
        },
    }


def _class(name: str, labels: dict[str, str], cache: HyperdiskMlCache) -> dict[str, Any]:
    parameters = {"type": TYPE, "enable-multi-zone-provisioning": "true"}
    if cache.throughput_mib:
        parameters["provisioned-throughput-on-create"] = f"{cache.throughput_mib}Mi"
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": metadata(name, None, labels),
        "provisioner": DRIVER,
        "parameters": parameters,
        "mountOptions": [_READ_AHEAD],
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
        "allowVolumeExpansion": False,
        "allowedTopologies": [{"matchLabelExpressions": [{"key": ZONE_LABEL, "values": list(cache.zones)}]}],
    }
