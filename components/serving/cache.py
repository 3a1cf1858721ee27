"""Where a model server keeps model files: a disk of the node, a disk of the replica, or a claim."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ..config import Bytes, Config, DnsName, Flag
from ..manifest import metadata, object_item, without_none
from ..plan import Item

VOLUME = "model-cache"
CLAIM_MODE = "inference/cache-access-mode"
"""Annotation of a pod whose cache is a claim of somebody else's that one node can mount: how, for the proofs."""
AccessMode = Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany"]


class NodeDisk(Config):
    """The node's own disk: fastest where the pool has local SSD, gone with the pod."""

    kind: Literal["node-disk"] = "node-disk"
    """The cache's kind."""
    size: Bytes = "50Gi"
    """Most it may hold; the pod asks for as much ephemeral storage. Omitted: 50Gi."""


class ReplicaDisk(Config):
    """A persistent disk for each replica, made with the pod and deleted with it."""

    kind: Literal["replica-disk"]
    """The cache's kind."""
    size: Bytes
    """Size of each disk."""
    storage_class: DnsName | None = None
    """Storage class. Omitted: the cluster's default."""


class Claim(Config):
    """A PersistentVolumeClaim that the stack creates and every replica mounts."""

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
    """Whether Pulumi refuses to delete it with all its files. Omitted: it does."""


class ExistingClaim(Config):
    """A PersistentVolumeClaim that is there already."""

    kind: Literal["existing-claim"]
    """The cache's kind."""
    name: DnsName
    """The claim's name, in the model server's namespace."""
    access_mode: AccessMode
    """How it can be mounted; ReadOnlyMany mounts it read-only."""


CacheConfig = Annotated[NodeDisk | ReplicaDisk | Claim | ExistingClaim, Field(discriminator="kind")]
"""One kind of model cache."""


def claim_name(server: str, cache: Claim) -> str:
    """The name of the claim the stack creates."""
    return cache.name or f"{server}-cache"


def volume(server: str, cache: CacheConfig) -> dict[str, Any]:
    """The pod's volume for the cache."""
    match cache:
        case NodeDisk():
            return {"name": VOLUME, "emptyDir": {"sizeLimit": cache.size}}
        case ReplicaDisk():
            return {"name": VOLUME, "ephemeral": {"volumeClaimTemplate": {"spec": _claim_spec(cache, "ReadWriteOnce")}}}
        case Claim():
            return {"name": VOLUME, "persistentVolumeClaim": {"claimName": claim_name(server, cache)}}
        case ExistingClaim():
            claim: dict[str, Any] = {"claimName": cache.name}
            if cache.access_mode == "ReadOnlyMany":
                claim["readOnly"] = True
            return {"name": VOLUME, "persistentVolumeClaim": claim}


def claim_items(server: str, namespace: str, cache: CacheConfig, *, timeout_seconds: int) -> list[Item]:
    """The claim, when the stack creates one.

    A claim that binds at once but finds no provisioner blocks everything after it, hence the timeout
    (seen on a real engine with Pulumi 3.272 and the Kubernetes provider 4.34.2).
    """
    if not isinstance(cache, Claim):
        return []
    manifest = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(claim_name(server, cache), namespace, {"app": server}),
        "spec": _claim_spec(cache, cache.access_mode),
    }
    return [object_item("cache", server, manifest, timeout_seconds=timeout_seconds, protect=cache.protect)]


def _claim_spec(cache: Claim | ReplicaDisk, access_mode: AccessMode) -> dict[str, Any]:
    return without_none(
        accessModes=[access_mode],
        storageClassName=cache.storage_class,
        resources={"requests": {"storage": cache.size}},
    )
