"""What ConfigMaps and Secrets hold, and who may do what: objects without a `spec`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .lenient import entries, inside, text

_FIELDS = ("stringData", "data")


def files_of(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a ConfigMap holds, by its keys."""
    return inside(manifest, "data")


def secret_values(manifest: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a Secret holds, with its keys; a key may stand in plain text and encoded."""
    for field in _FIELDS:
        yield from inside(manifest, field).items()


def bound_accounts(manifest: Mapping[str, Any], namespace: str) -> Iterator[tuple[str, str]]:
    """The ServiceAccounts that a RoleBinding or ClusterRoleBinding is about, each with its namespace.

    Args:
        manifest: the binding.
        namespace: where it is.
    """
    for subject in entries(manifest.get("subjects")):
        if subject.get("kind") == "ServiceAccount":
            yield text(subject.get("namespace"), namespace), text(subject.get("name"))
