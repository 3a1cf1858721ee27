"""A Cloud Storage bucket as a model cache, mounted by GKE's Cloud Storage FUSE driver.

Names of attributes, annotations and options: GoogleCloudPlatform/gcs-fuse-csi-driver@5fcdc04a pkg/csi_driver/utils.go,
pkg/webhook/mutatingwebhook.go. The options for weights that never change are those Google recommends:
GoogleCloudPlatform/accelerated-platforms@9320f3b2 use-cases/inferencing/cost-optimization/gcsfuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from ..core.config import Bytes, Config, Cpu, Flag, Size, patterned
from ..core.quantity import number

DRIVER = "gcsfuse.csi.storage.gke.io"
CACHE_VOLUME = "gke-gcsfuse-cache"
"""The driver's sidecar keeps its file cache in a volume of this name, where the pod has one (sidecar_spec.go)."""
ANNOTATIONS = "gke-gcsfuse/"
"""Begins the pod annotations that the driver's webhook reads."""
PRIVATE_RANGES = ("199.36.153.4/30", "199.36.153.8/30")
"""restricted.googleapis.com and private.googleapis.com.

Source: docs.cloud.google.com/vpc/docs/configure-private-google-access.
"""

_BUFFERS = "1Gi"
"""Disk for the sidecar's buffers where its cache is elsewhere."""
_USUAL = {"cpu": "250m", "memory": "256Mi", "ephemeral-storage": "5Gi"}
"""What the driver's webhook asks for where no annotation says otherwise (pkg/webhook/config.go)."""

Folder = Annotated[
    str,
    patterned(r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*$", "a path such as models/llama", max_length=300),
]
"""A relative path that leads nowhere else."""


class GcsFuseCache(Config):
    """A Cloud Storage bucket that somebody else has filled, mounted read-only in every replica.

    Cheap to keep, any number of replicas in any zone of the bucket's region, and no copy to manage; the first read of
    a pod comes over the network, faster the larger the machine. Filling it is not the stack's: `hf download` with
    HF_HOME on a mounted bucket, or an upload of the model's files to a folder of their own for each revision.

    The pods act on the bucket as their Kubernetes ServiceAccount (Workload Identity): give it, or the
    `gcp_service_account` it stands for, roles/storage.objectViewer. GKE adds a sidecar to each pod, which reaches
    Pod Security's restricted level; its requests count against the node's.
    """

    kind: Literal["gcs-fuse"]
    """The cache's kind."""
    bucket: Annotated[
        str, patterned(r"^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", "a bucket's name, without gs://", max_length=63)
    ]
    """The bucket's name, without gs://; in the region of the nodes."""
    prefix: Folder | None = None
    """Folder of the bucket to mount alone. Omitted: the whole bucket."""
    folder: Folder | None = None
    """Folder with the model's files, below the prefix; the engine is then given this folder for a Hub repository.
    Omitted: what is mounted is a Hub cache, as `hf download` leaves it in HF_HOME."""
    file_cache: Bytes = "50Gi"
    """Most the sidecar keeps of what it read, downloading each file in parallel parts; at least the model's size.
    Omitted: 50Gi."""
    file_cache_medium: Literal["disk", "memory"] = "disk"
    """Where it is kept: on the node's disk, best where the pool has local SSD, or in memory the node must have to
    spare. Omitted: the disk."""
    prefetch: Flag = True
    """Whether a second sidecar lists the bucket at mount, so that the engine's first look at each file is answered
    at once. Omitted: it does."""
    read_ahead_kib: Annotated[Size, Field(le=65536)] = 1024
    """What the kernel reads ahead of the engine, in KiB; 0 leaves the kernel's 128. Omitted: 1024."""
    private_access: Flag = False
    """Whether the cluster's DNS leads storage.googleapis.com to Private Google Access (private or
    restricted.googleapis.com); the pods may then call nothing but those addresses. Omitted: they may call public
    addresses on port 443, because Cloud Storage has no fixed ones."""
    sidecar_cpu: Cpu = "1"
    """Cores requested for the sidecar. Omitted: 1."""
    sidecar_memory: Bytes = "1Gi"
    """Memory requested for the sidecar, besides a cache in memory. Omitted: 1Gi."""


def volumes(name: str, cache: GcsFuseCache) -> list[dict[str, Any]]:
    """The mounted bucket, and the file cache's own volume when it is in memory."""
    attributes = {
        "bucketName": cache.bucket,
        "mountOptions": ",".join(_options(cache)),
        "fileCacheCapacity": cache.file_cache,
        "fileCacheForRangeRead": "true",
        # A pod that may not read the bucket fails at its first read instead, which says the same.
        "skipCSIBucketAccessCheck": "true",
    }
    if cache.prefetch:
        attributes["gcsfuseMetadataPrefetchOnMount"] = "true"
    found: list[dict[str, Any]] = [
        {"name": name, "csi": {"driver": DRIVER, "readOnly": True, "volumeAttributes": attributes}}
    ]
    if cache.file_cache_medium == "memory":
        found.append({"name": CACHE_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": cache.file_cache}})
    return found


def pod_annotations(cache: GcsFuseCache) -> dict[str, str]:
    """The pod's annotations: they have the sidecar added, and say what it asks for.

    A limit of 0 is none: the sidecar is killed, and the mount with it, when it reaches one.
    """
    memory, disk = cache.sidecar_memory, cache.file_cache
    if cache.file_cache_medium == "memory":
        memory, disk = f"{round((number(memory) + number(disk)) / 2**20)}Mi", _BUFFERS
    settings = {
        "volumes": "true",
        "cpu-request": cache.sidecar_cpu,
        "cpu-limit": "0",
        "memory-request": memory,
        "memory-limit": "0",
        "ephemeral-storage-request": disk,
        "ephemeral-storage-limit": "0",
    }
    return {f"{ANNOTATIONS}{name}": value for name, value in settings.items()}


def sidecar_requests(notes: Mapping[str, str]) -> dict[str, str]:
    """What the sidecar of a pod with these annotations asks of its node; empty when none is added."""
    if notes.get(f"{ANNOTATIONS}volumes", "").lower() != "true":
        return {}
    return {name: notes.get(f"{ANNOTATIONS}{name}-request", usual) for name, usual in _USUAL.items()}


def _options(cache: GcsFuseCache) -> Iterator[str]:
    yield "implicit-dirs"
    yield "file-cache:enable-parallel-downloads:true"
    # The files never change: nothing that was once looked up needs to be looked up again.
    yield "metadata-cache:ttl-secs:-1"
    yield "metadata-cache:stat-cache-max-size-mb:-1"
    yield "metadata-cache:type-cache-max-size-mb:-1"
    yield "metadata-cache:negative-ttl-secs:0"
    yield "file-system:kernel-list-cache-ttl-secs:-1"
    if cache.read_ahead_kib:
        yield f"read_ahead_kb={cache.read_ahead_kib}"
    if cache.prefix:
        yield f"only-dir={cache.prefix}"
