"""What a resource is called on both sides of a diff."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from components.core.providers import in_cluster

from .snapshot import Resource

_DEFAULT = "default"


def resource_key(type_token: str, namespace: str, name: str) -> str:
    """A resource's identity: `Deployment.apps production/llama`, `Service production/llama`, `NodePool l4`.

    The API version is not part of it: an object that moves from v1beta1 to v1 is the same object. Nor is the namespace
    `default`, which a plan may leave out and a live cluster never does.

    Args:
        type_token: Pulumi's, `kubernetes:apps/v1:Deployment`.
        namespace: the object's; empty where it has none.
        name: the physical name.
    """
    place = "" if namespace in ("", _DEFAULT) else f"{namespace}/"
    return f"{_kind(type_token)} {place}{name}"


def bare_resource(token: str, namespace: str, name: str, properties: Mapping[str, Any]) -> Resource:
    """A resource where the origin knows nothing of what we know: no component, no place in a stack, no role."""
    return Resource(
        key=resource_key(token, namespace, name),
        type=token,
        kind=kind_of(token),
        namespace=namespace,
        name=name,
        component="",
        at=(),
        role="",
        properties=properties,
    )


def resource_label(type_token: str, namespace: str, name: str) -> str:
    """How people name it: `Deployment production/llama`, without the API group."""
    place = f"{namespace}/" if namespace else ""
    return f"{kind_of(type_token)} {place}{name}"


def kind_of(type_token: str) -> str:
    """The last word of a type: `Deployment`, `NodePool`."""
    return type_token.rpartition(":")[2]


@cache
def _kind(type_token: str) -> str:
    version, _, kind = type_token.partition(":")[2].rpartition(":")
    group = version.partition("/")[0]
    if not in_cluster(type_token) or group == "core" or "/" not in version:
        return kind
    return f"{kind}.{group}"
