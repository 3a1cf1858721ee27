"""What a plan is to Pulumi: the URN of each of its objects, and what a change of the plan asks `pulumi up` to do."""

from __future__ import annotations

from typing import Any

from components.core.plan import Item, Plan
from infra.stack.project import load_project

from .api import Api
from .environments import Loaded, manifest, shipped
from .place import REPOSITORY

PROVIDER = "pulumi:providers:kubernetes::kubernetes"
"""How the URN of the cluster's provider ends."""


def urns(plan: Plan) -> dict[str, Item]:
    """Every object of a plan by its URN, in the plan's order.

    Built as the engine does: the parent's type before the object's own (pulumi/pulumi@1b594989
    sdk/go/common/resource/urn/urn.go).
    """
    start = f"urn:pulumi:{plan.environment}::{load_project(REPOSITORY).name}::"
    return {f"{start}{part.token}${item.type}::{item.name}": item for part, item in plan.objects()}


def implied(before: Plan, after: Plan) -> list[tuple[str, str]]:
    """The updates that lead from one plan to another with the same objects, in the order of the one to come."""
    old, new = urns(before), urns(after)
    assert old.keys() == new.keys()
    return [("update", urn) for urn, item in new.items() if item.properties != old[urn].properties]


def uids(api: Api, plan: Plan) -> dict[str, str]:
    """The UID of every object of a plan that is in the cluster, and of every pod, by kind and name."""
    found = [api.find(manifest(item)) for item in urns(plan).values()]
    spaces = {item.object_name for _, item in plan.objects("Namespace")}
    pods = [pod for space in spaces for pod in api.list("v1", "Pod", space)]
    return {f"{one['kind']}/{one['metadata']['name']}": str(one["metadata"]["uid"]) for one in [*found, *pods] if one}


def local(**changes: Any) -> Loaded:
    """The shipped `local`, its model with other settings."""
    start = shipped("local")
    values = start.environment.model_dump(mode="json", exclude_unset=True)["models"]
    (name,) = values
    return start.with_values(models={name: {**values[name], **changes}})
