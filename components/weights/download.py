"""The Job that fills a claim with one revision of a model, before any pod serves it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from ..core.config import Bytes, Config, Cpu, Image, Seconds, patterned
from ..core.errors import MisfitError
from ..core.manifest import MANAGED_BY, metadata, object_item, without_none
from ..core.names import physical_name
from ..core.plan import Item
from ..engines.engine import Launch, pod_security
from ..tenancy.network import dns_egress, public_https
from .hub_token import TokenParts

ZONE_LABEL = "topology.kubernetes.io/zone"
_RETRIES = 3
_USER = 10001
"""uid of a download in an image of one's own."""
HUB_CACHE_VARIABLES = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
"""What says where a Hub cache is, the last two without the hub/ below it (huggingface_hub 2.4.0 constants.py)."""
_SCRATCH = "/tmp"  # noqa: S108 - a path inside the container, an emptyDir of its own

REVISION = "inference/model-revision"
"""Annotation of pods: the commit, branch or tag of the model they serve, or download."""
Pattern = Annotated[str, patterned(r"^[^\s]+$", "a file pattern such as *.safetensors", max_length=200)]


class DownloadConfig(Config):
    """A Job that fills the claim before pods serve from it, once for each revision.

    Every file is checked against the Hub's SHA-256, or its git hash. Pods then mount the claim read-only, stay offline
    and need no token; only the Job reaches the Hub. The next revision gets a Job of its own; on a ReadWriteMany claim
    the files of the last one stay beside it.
    """

    image: Image | None = None
    """Image with a `python3` that has huggingface_hub, run as a user that is not root. A lean one starts sooner than
    an engine's, which is pulled to a node without GPUs for this. Omitted: the engine's own."""
    include: tuple[Pattern, ...] = ()
    """File patterns to download, such as *.safetensors. Omitted: all files but those of `exclude`."""
    exclude: tuple[Pattern, ...] = ("original/*",)
    """File patterns to leave out. Omitted: original/*, where Meta's repositories keep the weights a second time and
    no engine looks."""
    cpu: Cpu = "2"
    """Cores requested. Omitted: 2."""
    memory: Bytes = "8Gi"
    """Memory requested, and its limit; Xet's buffers were seen to take 6.6 GB (unslothai/unsloth-zoo#972). Omitted:
    8Gi."""
    deadline_seconds: Annotated[Seconds, Field(ge=60)] = 7200
    """Seconds after which it is given up; deployments wait this long. Omitted: 7200."""


@dataclass(frozen=True, slots=True)
class Download:
    """What one Job downloads, and for whom.

    Attributes:
        server: the model server's name.
        namespace: its namespace.
        config: the download's settings.
        model: the model's repository.
        revision: the commit to download.
        launch: how the engine serves it; gives the image, and the user that must be able to read the files.
        claim: the claim to fill.
        zones: zones one of which the claim's disk must be in; empty for a claim that is in all of them.
        token: where the Hub token comes from.
    """

    server: str
    namespace: str
    config: DownloadConfig
    model: str
    revision: str
    launch: Launch
    claim: str
    zones: tuple[str, ...] = ()
    token: TokenParts | None = None

    def job(self, *, after: tuple[str, ...]) -> Item:
        """The Job. Its names tell what it does, so another download is another Job.

        Args:
            after: roles that must exist first.

        Raises:
            MisfitError: when the engine's image cannot download.
        """
        if self.config.image is None and not self.launch.python:
            fix = "name one that has, in cache.download.image"
            message = f"the image of {self.launch.container} is not known to have Python with huggingface_hub; {fix}"
            raise MisfitError(message, at=("cache", "download", "image"))
        labels = {"app": account_name(self.server)}
        spec = {
            "backoffLimit": _RETRIES,
            "activeDeadlineSeconds": self.config.deadline_seconds,
            "template": {
                "metadata": {
                    "labels": {**labels, **MANAGED_BY},
                    "annotations": {"inference/downloads": self.model, REVISION: self.revision},
                },
                "spec": self._pod(),
            },
        }
        # A Job's template cannot change, so whatever is in it is part of the name.
        digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:6]
        role = f"download-{self.revision[:8]}-{digest}"
        manifest = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            # No ttlSecondsAfterFinished: a Job that is gone would be made and run again by the next deployment.
            "metadata": metadata(physical_name(self.server, role), self.namespace, labels),
            "spec": spec,
        }
        return object_item(role, self.server, manifest, after=after, timeout_seconds=self.config.deadline_seconds)

    def _pod(self) -> dict[str, Any]:
        security = self.launch.security
        if self.config.image:
            # Never root in an image of one's own; the group stays the server's, so that both can use the claim.
            security = replace(security, user=security.user or _USER)
        token = self.token or TokenParts("", "")
        return without_none(
            restartPolicy="OnFailure",
            serviceAccountName=account_name(self.server),
            automountServiceAccountToken=False,
            enableServiceLinks=False,
            securityContext=pod_security(security),
            affinity=_in_zones(self.zones),
            containers=[
                {
                    "name": "download",
                    "image": self.config.image or self.launch.image,
                    "command": ["python3" if self.config.image else self.launch.python, "-c", _script()],
                    "env": [*self._env(), *([token.variable("HF_TOKEN")] if self.token else [])],
                    "resources": {
                        "requests": {"cpu": self.config.cpu, "memory": self.config.memory},
                        "limits": {"memory": self.config.memory},
                    },
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [
                        {"name": "claim", "mountPath": self.launch.cache_path},
                        {"name": "scratch", "mountPath": _SCRATCH},
                        *token.mounts,
                    ],
                }
            ],
            volumes=[
                {"name": "claim", "persistentVolumeClaim": {"claimName": self.claim}},
                {"name": "scratch", "emptyDir": {}},
                *token.volumes,
            ],
        )

    def _env(self) -> list[dict[str, Any]]:
        variables = {
            "MODEL_ID": self.model,
            "MODEL_REVISION": self.revision,
            "INCLUDE": " ".join(self.config.include),
            "EXCLUDE": " ".join(self.config.exclude),
            "HF_HOME": self.launch.cache_path,
            # Where servers with that HF_HOME look, whatever the image sets.
            "HF_HUB_CACHE": cached(self.launch.cache_path),
            "HOME": f"{_SCRATCH}/home",
            "USER": "download",
            # Chunks kept for later downloads would fill the claim with everything twice.
            "HF_XET_CACHE": f"{_SCRATCH}/xet",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            # Images that set it may lack its package, and Xet has replaced it (huggingface_hub 1.0).
            "HF_HUB_ENABLE_HF_TRANSFER": "0",
        }
        return [{"name": name, "value": value} for name, value in variables.items()]


def cached(cache_path: str, model: str = "", revision: str = "") -> str:
    """Where a Hub cache is, or in it the files of one commit of a model (huggingface_hub 2.4.0 constants.py)."""
    hub = f"{cache_path}/hub"
    return f"{hub}/models--{model.replace('/', '--')}/snapshots/{revision}" if model else hub


def account_name(server: str) -> str:
    """The name of the download's ServiceAccount and NetworkPolicy, by which its pods are known too."""
    return physical_name(server, "download")


def surroundings(server: str, namespace: str) -> list[Item]:
    """What the Jobs of one server share: an account without rights, and a policy that lets them reach the Hub."""
    name = account_name(server)
    labels = {"app": name}
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(name, namespace, labels),
        "automountServiceAccountToken": False,
    }
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(name, namespace, labels),
        "spec": {
            "podSelector": {"matchLabels": labels},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [dns_egress(), public_https()],
        },
    }
    return [
        object_item("download-account", server, account),
        object_item("download-network-policy", server, policy),
    ]


@cache
def _script() -> str:
    """The text of `fill.py`; read when first asked for."""
    return Path(__file__).with_name("fill.py").read_text(encoding="utf-8")


def _in_zones(zones: tuple[str, ...]) -> dict[str, Any] | None:
    """Where a disk is made decides which nodes can ever mount it."""
    if not zones:
        return None
    term = {"matchExpressions": [{"key": ZONE_LABEL, "operator": "In", "values": list(zones)}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
