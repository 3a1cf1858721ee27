"""A priority class: which pods are placed first, and which give way."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ..core.config import Config
from ..core.errors import ConfigError, Path, Problem
from ..core.manifest import metadata, object_item
from ..core.plan import Part

MAX_VALUE = 1_000_000_000
"""Above it are only Kubernetes' own classes (k8s.io/kubernetes pkg/apis/scheduling/types.go,
HighestUserDefinablePriority)."""
_RESERVED = "system-"
GIVEN = ("system-cluster-critical", "system-node-critical")
"""The classes of every cluster (k8s.io/kubernetes pkg/apis/scheduling/v1/helpers.go, SystemPriorityClasses)."""


class PriorityClassConfig(Config):
    """How much a pod matters.

    Kubernetes cannot change a class's value or policy: Pulumi replaces the class, and running pods keep what they
    started with.
    """

    value: Annotated[int, Field(strict=True, ge=-(2**31), le=MAX_VALUE)]
    """Priority; a higher one is placed first. Pods without a class have 0. At most 1,000,000,000."""
    preemption_policy: Literal["PreemptLowerPriority", "Never"] = "PreemptLowerPriority"
    """Whether waiting pods of this class evict lower ones. Omitted: they do, so that production gets a GPU that a
    batch job holds; `Never` waits its turn, at the head of the queue."""
    description: str = ""
    """When to use it, for people who list classes. Omitted: none."""


def priority_class(name: str, config: PriorityClassConfig, *, after: tuple[str, ...] = (), path: Path = ()) -> Part:
    """A priority class.

    Raises:
        ConfigError: when the name is one that only Kubernetes may use.
    """
    if name.startswith(_RESERVED):
        message = f'"{name}": names that start with {_RESERVED} belong to Kubernetes; drop the prefix'
        raise ConfigError([Problem(path, message)])
    manifest: dict[str, Any] = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": metadata(name),
        "value": config.value,
        "preemptionPolicy": config.preemption_policy,
    }
    if config.description:
        manifest["description"] = config.description
    item = object_item("priority-class", name, manifest)
    return Part("PriorityClass", name, (item,), {"priority_class": name}, after=after, path=path)
