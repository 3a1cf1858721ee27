"""Where a model server keeps model files: disks that live as long as a pod, claims, and what others have filled."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from pydantic import Field

from ..core.config import Bytes, Config, DnsName, Flag
from ..core.manifest import metadata, object_item, without_none
from ..core.names import physical_name
from ..core.plan import Item
from . import gcs_fuse, hyperdisk_ml, image_volume
from .download import DownloadConfig
from .gcs_fuse import GcsFuseCache
from .hyperdisk_ml import HyperdiskMlCache
from .image_volume import ImageCache

VOLUME = "model-cache"
CLAIM_MODE = "inference/cache-access-mode"
"""Annotation of a pod whose cache is a claim of somebody else's that one node can mount: how, for the proofs."""
AccessMode = Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany"]


class NodeDisk(Config):
    """The node's own disk, gone with the pod.

    Nothing to pay or to manage, any number of replicas in any zone; but every pod downloads the model again, from the
    Hub, which must be up for it. Writing is fastest where the pool has local SSD, which this then is.
    """

    kind: Literal["node-disk"] = "node-disk"
    """The cache's kind."""
    size: Bytes = "50Gi"
    """Most it may hold; the pod asks for as much ephemeral storage. Omitted: 50Gi."""


class ReplicaDisk(Config):
    """A persistent disk for each replica, made with the pod and deleted with it.

    For models larger than the node's disk. Any number of replicas in any zone, each paying for a disk of its own; every
    pod downloads the model again, from the Hub.
    """

    kind: Literal["replica-disk"]
    """The cache's kind."""
    size: Bytes
    """Size of each disk."""
    storage_class: DnsName | None = None
    """Storage class. Omitted: the cluster's default."""


class Claim(Config):
    """A PersistentVolumeClaim that the stack creates and every replica mounts.

    The model is downloaded once and stays when pods go. ReadWriteMany serves any number of replicas, on GKE from
    Filestore, which is paid for by the TiB and read at a rate that grows with its size. ReadWriteOnce is an ordinary
    disk, cheaper and faster, but of one node in one zone: one replica, and no second one during updates.

    With `download`, a Job fills it before any pod serves; without, the first pod does.
    """

    kind: Literal["claim"]
    """The cache's kind."""
    size: Bytes
    """Size of the volume."""
    access_mode: Literal["ReadWriteOnce", "ReadWriteMany"]
    """ReadWriteMany for more than one replica: a ReadWriteOnce disk attaches to one node only. A ReadOnlyMany claim
    would stay empty: fill it elsewhere, and name it as existing-claim."""
    storage_class: DnsName | None = None
    """Storage class. Omitted: the cluster's default, which is ReadWriteOnce on GKE."""
    name: DnsName | None = None
    """The claim's name. Omitted: the model server's, followed by -cache."""
    protect: Flag = True
    """Whether Pulumi refuses to delete it with all its files. Omitted: it does, but for a ReadWriteOnce claim with
    `download`: each revision has one of its own, which goes with it."""
    download: DownloadConfig | None = None
    """A Job that fills it, once for each revision, before pods serve from it. Omitted: pods download what is missing
    and can write to it."""


class ExistingClaim(Config):
    """A PersistentVolumeClaim that is there already, with a Hub cache in it or room for one.

    What it costs, how fast it is and how many replicas can mount it is for who made it to say.
    """

    kind: Literal["existing-claim"]
    """The cache's kind."""
    name: DnsName
    """The claim's name, in the model server's namespace."""
    access_mode: AccessMode
    """How it can be mounted; ReadOnlyMany mounts it read-only."""


CacheConfig = Annotated[
    NodeDisk | ReplicaDisk | Claim | ExistingClaim | GcsFuseCache | HyperdiskMlCache | ImageCache,
    Field(discriminator="kind"),
]
"""One kind of model cache."""


def claim_name(server: str, cache: Claim, content: str) -> str:
    """The name of the claim the stack creates.

    A disk that a Job fills is of one content: the next revision's Job could not mount it while pods serve from it on
    another node.

    Args:
        server: the model server's name.
        cache: the claim.
        content: what is served from it, `model@revision`.
    """
    name = cache.name or f"{server}-cache"
    return physical_name(name, _digest(content)) if is_of_one_content(cache) else name


def is_of_one_content(cache: CacheConfig) -> bool:
    """Whether the claim is made anew for each revision."""
    return isinstance(cache, Claim) and cache.download is not None and cache.access_mode == "ReadWriteOnce"


def is_filled(cache: CacheConfig) -> bool:
    """Whether the model is in it before the first pod starts."""
    match cache:
        case NodeDisk() | ReplicaDisk() | ExistingClaim():
            return False
        case Claim():
            return cache.download is not None
        case GcsFuseCache() | HyperdiskMlCache() | ImageCache():
            return True


def is_read_only(cache: CacheConfig) -> bool:
    """Whether pods can only read it."""
    return is_filled(cache) or (isinstance(cache, ExistingClaim) and cache.access_mode == "ReadOnlyMany")


def folder(cache: CacheConfig) -> str | None:
    """The folder in it that holds the model's files and is no Hub cache."""
    return cache.folder if isinstance(cache, GcsFuseCache | HyperdiskMlCache | ImageCache) else None


def volumes(server: str, cache: CacheConfig, content: str) -> list[dict[str, Any]]:
    """The pod's volumes for the cache; the first one is `VOLUME`.

    Args:
        server: the model server's name.
        cache: the cache.
        content: what is served from it, `model@revision`.
    """
    match cache:
        case NodeDisk():
            return [{"name": VOLUME, "emptyDir": {"sizeLimit": cache.size}}]
        case ReplicaDisk():
            template = {"spec": _claim_spec(cache, "ReadWriteOnce")}
            return [{"name": VOLUME, "ephemeral": {"volumeClaimTemplate": template}}]
        case Claim():
            return [{"name": VOLUME, "persistentVolumeClaim": {"claimName": claim_name(server, cache, content)}}]
        case ExistingClaim():
            claim: dict[str, Any] = {"claimName": cache.name}
            if cache.access_mode == "ReadOnlyMany":
                claim["readOnly"] = True
            return [{"name": VOLUME, "persistentVolumeClaim": claim}]
        case GcsFuseCache():
            return gcs_fuse.volumes(VOLUME, cache)
        case HyperdiskMlCache():
            return [hyperdisk_ml.volume(VOLUME, server, cache)]
        case ImageCache():
            return [image_volume.volume(VOLUME, cache)]


def pod_annotations(cache: CacheConfig) -> dict[str, str]:
    """Annotations that the cache needs on the pod."""
    return gcs_fuse.pod_annotations(cache) if isinstance(cache, GcsFuseCache) else {}


def egress_ranges(cache: CacheConfig) -> tuple[str, ...]:
    """Addresses that the cache is read from, on port 443."""
    if not isinstance(cache, GcsFuseCache):
        return ()
    return gcs_fuse.PRIVATE_RANGES if cache.private_access else ()


def needs_public_addresses(cache: CacheConfig) -> bool:
    """Whether the cache is read from public addresses that nobody can name."""
    return isinstance(cache, GcsFuseCache) and not cache.private_access


def needs_google_identity(cache: CacheConfig) -> bool:
    """Whether pods ask the metadata server who they are in Google Cloud."""
    return isinstance(cache, GcsFuseCache)


def claim_items(server: str, namespace: str, cache: CacheConfig, *, content: str, timeout_seconds: int) -> list[Item]:
    """The claim, when the stack creates one, and what it is bound to.

    A claim that binds at once but finds no provisioner blocks everything after it, hence the timeout
    (seen on a real engine with Pulumi 3.272 and the Kubernetes provider 4.34.2).
    """
    if isinstance(cache, HyperdiskMlCache):
        return hyperdisk_ml.items(server, namespace, cache, timeout_seconds=timeout_seconds)
    if not isinstance(cache, Claim):
        return []
    manifest = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(claim_name(server, cache, content), namespace, {"app": server}),
        "spec": _claim_spec(cache, cache.access_mode),
    }
    once = is_of_one_content(cache)
    role = f"cache-{_digest(content)}" if once else "cache"
    return [object_item(role, server, manifest, timeout_seconds=timeout_seconds, protect=cache.protect and not once)]


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:8]


def _claim_spec(cache: Claim | ReplicaDisk, access_mode: AccessMode) -> dict[str, Any]:
    return without_none(
        accessModes=[access_mode],
        storageClassName=cache.storage_class,
        resources={"requests": {"storage": cache.size}},
    )
