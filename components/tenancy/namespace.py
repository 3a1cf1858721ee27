"""A namespace with its Pod Security level, its quota and a network policy that denies by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from ..core.config import Bytes, Config, Cpu, Flag, LabelKey, LabelValue, Size
from ..core.errors import ConfigError, MisfitError, Path, Problem
from ..core.manifest import metadata, object_item
from ..core.plan import GPU, Item, Part
from .network import dns_egress
from .pod_security import LABEL_PREFIX, Level

_GIVEN = ("default", "kube-system", "kube-public", "kube-node-lease")
"""Namespaces that every cluster has; creating one fails."""


class QuotaConfig(Config):
    """What all pods of a namespace may ask for together.

    Once a resource is counted, Kubernetes refuses every pod there that does not state a request for it
    (k8s.io/kubernetes pkg/quota/v1/evaluator/core/pods.go, `Constraints`). Our components always state theirs;
    a pod started by hand, such as a debugging shell, must too.
    """

    gpus: Size | None = None
    """GPUs, whole ones or shared clients as the device plugin counts them. 0 keeps the namespace free of GPUs.
    Omitted: not limited."""
    cpu: Cpu | None = None
    """CPU cores requested. Omitted: not limited."""
    memory: Bytes | None = None
    """Bytes of memory requested. Omitted: not limited."""
    storage: Bytes | None = None
    """Bytes of all persistent volume claims. Omitted: not limited."""
    pods: Size | None = None
    """Pods that have not finished. Omitted: not limited."""

    def hard(self) -> dict[str, str]:
        """The limits under the names Kubernetes counts them by.

        An extended resource is only counted as `requests.<name>`: it cannot be overcommitted, so there is no
        `limits.` key (kubernetes.io/docs/concepts/policy/resource-quotas).
        """
        limits = {
            f"requests.{GPU}": self.gpus,
            "requests.cpu": self.cpu,
            "requests.memory": self.memory,
            "requests.storage": self.storage,
            "pods": self.pods,
        }
        return {name: str(value) for name, value in limits.items() if value is not None}


class NamespaceConfig(Config):
    """A namespace that the stack creates."""

    pod_security: Level = "baseline"
    """Pod Security Standard that is enforced, audited and warned about. Omitted: an environment takes the strictest
    level that all its pods there reach, `restricted` where every engine runs non-root (vLLM's does, TGI's cannot);
    without such pods, and for the component on its own, `baseline`, which every supported engine's image reaches.
    `privileged` is only for pods that mount host folders, such as the DCGM exporter."""
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """More labels, such as `team: search`. Omitted: none but ours."""
    annotations: dict[LabelKey, str] = Field(default_factory=dict)
    """Annotations. Omitted: none."""
    quota: QuotaConfig | None = None
    """What its pods may ask for together. Omitted: no quota."""
    isolate: Flag = True
    """Whether pods without a policy of their own are cut off: no way in, and out only to DNS. Our components bring
    policies that open what they need. Omitted: isolated."""
    protect: Flag = False
    """Whether Pulumi refuses to delete it; deleting a namespace deletes every volume claim in it. Omitted: false;
    what holds data in it has its own protection."""

    @model_validator(mode="after")
    def _levels_are_set_once(self) -> Self:
        MisfitError.raise_all(
            [
                Problem(("labels", key), "is written from pod_security; remove the label and set pod_security instead")
                for key in self.labels
                if key.startswith(LABEL_PREFIX)
            ]
        )
        return self


def namespace(name: str, config: NamespaceConfig, *, after: tuple[str, ...] = (), path: Path = ()) -> Part:
    """The parts of a namespace: itself, its quota and its default network policy.

    Args:
        name: physical name of the namespace.
        config: its settings.
        after: parts that come first.
        path: where the configuration stands.

    Raises:
        ConfigError: when every cluster has the namespace already, or its name is reserved.
    """
    if name in _GIVEN or name.startswith("kube-"):
        raise ConfigError([Problem(path, f'"{name}" belongs to Kubernetes; choose a name of your own')])
    items = [
        object_item(
            "namespace",
            name,
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": metadata(name, labels=_labels(config), annotations=config.annotations),
            },
            protect=config.protect,
        )
    ]
    if config.quota and config.quota.hard():
        items.append(_quota(name, config.quota.hard()))
    if config.isolate:
        items.append(_default_deny(name))
    return Part(
        "Namespace",
        name,
        tuple(items),
        {"namespace": name, "pod_security": config.pod_security},
        after=after,
        path=path,
    )


def _labels(config: NamespaceConfig) -> dict[str, str]:
    levels = {f"{LABEL_PREFIX}{mode}": config.pod_security for mode in ("enforce", "audit", "warn")}
    return {**config.labels, **levels}


def _quota(name: str, hard: Mapping[str, str]) -> Item:
    manifest = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": metadata("quota", name),
        "spec": {"hard": dict(hard)},
    }
    return object_item("quota", name, manifest, after=("namespace",))


def _default_deny(name: str) -> Item:
    spec: dict[str, Any] = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "egress": [dns_egress()]}
    manifest = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata("default-deny", name),
        "spec": spec,
    }
    return object_item("default-deny", name, manifest, after=("namespace",))
