"""What a ComputeClass says: which nodes GKE may make, best first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .lenient import entries, inside


class NodeChoice(NamedTuple):
    """One of the nodes that GKE may make: whether it is a Spot node, and its disk, empty where nothing is said."""

    spot: bool
    storage: Mapping[str, Any]


def node_choices(manifest: Mapping[str, Any]) -> tuple[NodeChoice, ...]:
    """What a ComputeClass lets GKE make, in its order."""
    return tuple(
        NodeChoice(bool(choice.get("spot")), inside(choice, "storage"))
        for choice in entries(inside(manifest, "spec").get("priorities"))
    )
