"""Proofs for a component used on its own, in a program that has no environment file."""

from __future__ import annotations

from ..core.errors import ConfigError, Problem
from ..core.plan import NodeShape, Part, Plan
from ..proofs.rules import prove


def proved(part: Part, nodes: tuple[NodeShape, ...]) -> Part:
    """The part, once no rule refuses it on these nodes.

    Args:
        part: what a builder returned.
        nodes: the nodes it may run on; empty when they are not known.

    Raises:
        ConfigError: every refusal at once, with what fixes it.
    """
    refused = [finding for finding in prove(Plan("", (part,), nodes=nodes)) if finding.severity == "error"]
    if refused:
        raise ConfigError(
            Problem(found.path[2:], "; ".join((f"[{found.rule}] {found.message}", *found.remedies)))
            for found in refused
        )
    return part
