"""An OCI image or artifact as a model cache."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from ..core.config import Config, patterned
from .gcs_fuse import Folder

_REPOSITORY = r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?(:\d+)?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*"


class ImageCache(Config):
    """An OCI image or artifact with the model's files, pulled like any image and mounted read-only.

    As exact as a digest, signed and scanned like other images, shared by all pods of a node, and kept by the node
    between pods; a new node pulls and unpacks all of it before the pod starts, and the node's disk must hold it.
    Needs Kubernetes 1.35 with containerd 2.1 or newer: there image volumes are on by default, since 1.36 they are
    stable (kubernetes/kubernetes#136711, kubernetes/enhancements keps/sig-node/4639-oci-volume-source).
    """

    kind: Literal["image-volume"]
    """The cache's kind."""
    reference: Annotated[
        str,
        patterned(
            rf"^{_REPOSITORY}(:[\w][\w.-]{{0,127}})?@sha256:[0-9a-f]{{64}}$",
            "an image with its digest, such as registry.example.com/models/llama@sha256:…",
            max_length=500,
        ),
    ]
    """The image or artifact with its digest: weights that change under a tag would change what is served."""
    folder: Folder | None = None
    """Folder with the model's files; the engine is then given this folder for a Hub repository. Omitted: the image's
    root is a Hub cache, as `hf download` leaves it in HF_HOME."""
    pull_policy: Literal["IfNotPresent", "Always"] = "IfNotPresent"
    """When nodes pull it; with a digest, Always only asks the registry for leave again. Omitted: IfNotPresent."""


def volume(name: str, cache: ImageCache) -> dict[str, Any]:
    """The pod's volume."""
    return {"name": name, "image": {"reference": cache.reference, "pullPolicy": cache.pull_policy}}
