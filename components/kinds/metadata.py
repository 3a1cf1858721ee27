"""What every object says of itself: labels, annotations, and the group its API belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .lenient import inside, pairs, text


def labels_of(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The labels of an object."""
    return pairs(inside(manifest, "metadata").get("labels"))


def annotations_of(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The annotations of an object."""
    return pairs(inside(manifest, "metadata").get("annotations"))


def group_of(manifest: Mapping[str, Any]) -> str:
    """The API group of an object, whatever the version: `apps`; empty for the core's."""
    return text(manifest.get("apiVersion")).rpartition("/")[0]
