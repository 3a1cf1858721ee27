"""Helpers that read what a model server became."""

from __future__ import annotations

from typing import Any

from components.core.plan import Part


def manifest(part: Part, kind: str, name: str | None = None) -> dict[str, Any]:
    """The only object of a kind, or the one of that name."""
    found = [item.properties for item in part.items if item.kind == kind and name in (None, item.object_name)]
    assert len(found) == 1, f"{len(found)} {kind} in {part.key}"
    return dict(found[0])


def kinds(part: Part) -> list[str]:
    """The kinds of a part's objects, in order."""
    return [item.kind for item in part.items]


def pod(part: Part, name: str | None = None) -> dict[str, Any]:
    """The pod spec of the only Deployment, or of the one of that name."""
    return dict(manifest(part, "Deployment", name)["spec"]["template"]["spec"])


def container(part: Part, name: str | None = None) -> dict[str, Any]:
    """Its only container."""
    containers = pod(part, name)["containers"]
    assert len(containers) == 1
    return dict(containers[0])


def variables(part: Part, name: str | None = None) -> dict[str, str]:
    """The container's plain environment variables."""
    return {entry["name"]: entry["value"] for entry in container(part, name)["env"] if "value" in entry}
