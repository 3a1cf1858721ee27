"""Every rule, and the proof of a plan by all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ..core.plan import Plan
from ..reading.index import Index
from . import (
    budget,
    capacity,
    drains,
    gpus,
    hardening,
    images,
    loading,
    memory,
    names,
    quota,
    rollout,
    scheduling,
    services,
    traffic,
    volumes,
)
from .finding import Finding
from .rule import Rule

_MODULES = (
    names,
    memory,
    scheduling,
    gpus,
    capacity,
    quota,
    loading,
    rollout,
    volumes,
    drains,
    services,
    traffic,
    hardening,
    images,
    budget,
)
RULES: Mapping[str, Rule] = MappingProxyType({rule.id: rule for module in _MODULES for rule in module.RULES})
"""Every rule by its id, in the order they are told where the plan does not decide."""


def prove(plan: Plan, index: Index | None = None) -> list[Finding]:
    """Everything the rules find in a plan: errors first, then in the plan's order, pools before components.

    Args:
        plan: what to prove.
        index: that of the plan, from whoever has made one.
    """
    index = index or Index(plan)
    return in_order(index, found_by(index, RULES.values()))


def found_by(index: Index, rules: Iterable[Rule]) -> list[Finding]:
    """Everything that some rules find in a plan, rule after rule."""
    return [finding for rule in rules for finding in rule.check(index)]


def in_order(index: Index, found: Iterable[Finding]) -> list[Finding]:
    """Findings as they are told: errors first, then in the plan's order; of one place, in the order they are given."""
    return sorted(found, key=lambda finding: (finding.severity != "error", index.position(finding.path)))
