"""What a change of a field does to a resource: which replace it, restart pods, move requests, or do nothing."""

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple

from .table import rows

How = Literal["delete-first", "replace", "refused", "nodes", "in-place"]
"""How the change is made:

delete-first  the provider deletes the object and makes it anew: the new one has the same name
replace       the provider deletes the resource and makes it anew
refused       the API server refuses it until the object is deleted
nodes         in place, and GKE makes all nodes of the pool anew
in-place      in place
"""
ADDED, REMOVED = "+", "-"
"""Fields of rows about a resource that its component gains or loses while the component itself stays."""


class ReplacementRule(NamedTuple):
    """One row.

    Attributes:
        kind: the resource's; `*` for all.
        field: the field, and everything below it; empty for all others, `+` and `-` for the resource itself.
        how: how the change is made.
        effect: what it does to users, in the words of `infra.diff.changes.report.Effect`.
        reason: why, in a few words.
        source: what says so.
    """

    kind: str
    field: str
    how: How
    effect: str
    reason: str
    source: str


@cache
def rule_of(kind: str, place: str) -> ReplacementRule:
    """The rule for a field: the one that names it most exactly, those of its kind first.

    Args:
        kind: the resource's kind.
        place: the field without names of list entries, `spec.template.spec.containers.image`, `+` or `-`.
    """
    known = replacement_rules()
    for owner in (kind, "*"):
        field = place
        while True:
            if (found := known.get((owner, field))) is not None:
                return found
            if not field or field in (ADDED, REMOVED):
                break
            field = field.rpartition(".")[0]
    return known["*", ""]


@cache
def replacement_rules() -> dict[tuple[str, str], ReplacementRule]:
    """All rules by kind and field."""
    return {
        (row["kind"], row["field"]): ReplacementRule(
            row["kind"],
            row["field"],
            row["how"],  # type: ignore[arg-type]  # a test compares them with How
            row["effect"],
            row["reason"],
            row["source"],
        )
        for row in rows("replacements")
    }
