"""Kubernetes manifests as plan items: type tokens, common labels, and values without nulls."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any, NoReturn

from .plan import Item

MANAGED_BY = {"app.kubernetes.io/managed-by": "inference"}
"""On every object we write, so that a person can list them."""


class Shared(dict[str, Any]):
    """A part of manifests that is the same in many objects: made once, written as text once, changed by nobody.

    A copy by `copy.deepcopy` or `dict` is an ordinary mapping.
    """

    __hash__ = object.__hash__  # type: ignore[assignment]  # a writer remembers it by identity

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return {key: deepcopy(value, memo) for key, value in self.items()}

    def __reduce__(self) -> tuple[type[Shared], tuple[dict[str, Any]]]:
        return Shared, (dict(self),)  # as a whole: entry by entry, as a dict is pickled, would be a change

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("this mapping is part of other objects too; change a copy")

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = pop = popitem = setdefault = clear = _refuse


@cache
def object_token(api_version: str, kind: str) -> str:
    """The Pulumi type token of a Kubernetes object.

    Seen with Pulumi 3.272 and pulumi-kubernetes 4.34: resources registered by it preview unchanged against a state
    that the typed classes wrote.
    """
    return f"kubernetes:{api_version if '/' in api_version else 'core/' + api_version}:{kind}"


def object_item(
    role: str,
    component: str,
    manifest: Mapping[str, Any],
    *,
    after: tuple[str, ...] = (),
    timeout_seconds: int | None = None,
    ignore_changes: tuple[str, ...] = (),
    protect: bool = False,
) -> Item:
    """A Kubernetes object of a component; its Pulumi name is `<component>-<role>`."""
    return Item(
        role=role,
        type=object_token(manifest["apiVersion"], manifest["kind"]),
        name=f"{component}-{role}",
        properties=manifest,
        after=after,
        timeout_seconds=timeout_seconds,
        ignore_changes=ignore_changes,
        protect=protect,
    )


def metadata(
    name: str,
    namespace: str | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """`metadata` with our label; empty parts are left out."""
    result: dict[str, Any] = {"name": name}
    if namespace:
        result["namespace"] = namespace
    result["labels"] = {**(labels or {}), **MANAGED_BY}
    if annotations:
        result["annotations"] = dict(annotations)
    return result


def without_none(**fields: Any) -> dict[str, Any]:
    """The fields that are set; Pulumi would send a nested null on to the cluster."""
    return {name: value for name, value in fields.items() if value is not None}
