"""What the file of one item says."""

from __future__ import annotations

from typing import Any

from components.core.plan import Item


def contents(item: Item) -> Any:
    """What an item's file says: an object as it is, anything else with what a reader needs to know about it."""
    if item.is_object:
        return item.properties
    if item.is_chart:
        given = item.properties
        repository = given.get("repositoryOpts", {}).get("repo")
        chart: dict[str, Any] = {"name": item.object_name, "chart": given["chart"]}
        chart |= {key: value for key, value in (("version", given.get("version")), ("repository", repository)) if value}
        # The values come last: stages.txt cuts them from the file for Helm.
        return chart | {key: given[key] for key in ("namespace", "values") if key in given}
    resource: dict[str, Any] = {"type": item.type, "name": item.name}
    if item.protect:
        resource["protect"] = True
    if item.ignore_changes:
        resource["ignoreChanges"] = list(item.ignore_changes)
    if item.timeout_seconds is not None:
        resource["timeoutSeconds"] = item.timeout_seconds
    return resource | {"properties": item.properties}
