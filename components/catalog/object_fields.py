"""How fields of Kubernetes objects and cloud resources compare: what keys their lists, what the server adds."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Literal

from .table import rows

Trait = Literal["key", "set", "flags", "quantity", "default", "assigned", "server"]
"""What a row says of a field, entries of lists and names of free maps left out of its place:

key       a list whose entries are told apart by these fields of theirs, as the API server merges them, or because
          their order means nothing
set       a list whose order means nothing
flags     a command line's arguments
quantity  a number with a unit
default   the value that is there when nothing is said
assigned  filled in by the cluster when nothing is said, with a value of its own
server    kept by the API server, and nobody's to set
"""
POD = "pod"
"""The kind of rows about pods' specs, wherever a kind has one."""
ANY = "*"
"""The kind of rows about every object; as a step of a place: any name."""
_POD_SPECS = (
    "spec.jobTemplate.spec.template.spec",
    "spec.leaderWorkerTemplate.leaderTemplate.spec",
    "spec.leaderWorkerTemplate.workerTemplate.spec",
    "spec.template.spec",
)
"""Where kinds have pods' specs (kubernetes/kubernetes api/openapi-spec, kubernetes-sigs/lws api/leaderworkerset/v1)."""


@cache
def traits(kind: str, place: str) -> dict[Trait, str]:
    """What is known of a field, by trait.

    Args:
        kind: the object's or resource's kind.
        place: where the field is, `spec.template.spec.containers.ports`.
    """
    known = _table()
    inside = next((place[len(spec) + 1 :] for spec in _POD_SPECS if place.startswith(f"{spec}.")), None)
    if inside is None and kind == "Pod" and place.startswith("spec."):
        inside = place.removeprefix("spec.")
    found: dict[Trait, str] = {}
    for owner, spot in ((ANY, place), (kind, place), (POD, inside)):
        if spot is not None:
            # The names in free maps may have dots themselves, `limits.nvidia.com/gpu`.
            around = spot
            while around:
                around = around.rpartition(".")[0]
                found |= known.get((owner, f"{around}.{ANY}"), {})
            found |= known.get((owner, spot), {})
    return found


@cache
def default_of(kind: str, place: str) -> tuple[Any, ...]:
    """The value that a field has when nothing is said, alone in a tuple; empty when none is known."""
    told = traits(kind, place).get("default")
    return () if told is None else (json.loads(told),)


@cache
def _table() -> dict[tuple[str, str], dict[Trait, str]]:
    found: dict[tuple[str, str], dict[Trait, str]] = {}
    for row in rows("object_fields"):
        trait: Trait = row["trait"]  # type: ignore[assignment]  # a test compares them with Trait
        found.setdefault((row["kind"], row["field"]), {})[trait] = row["value"]
    return found
