"""What a namespace lets its pods do: disruption budgets, network policies and quotas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from .lenient import amount, inside, words
from .selector import Selector, selector_of

Way = Literal["Ingress", "Egress"]
"""Who opens a connection to a pod, and to whom a pod opens one."""


class DisruptionBudget(NamedTuple):
    """What a PodDisruptionBudget says.

    Attributes:
        selector: the pods it is about; `None` for none.
        unavailable: how many of them may be gone at once, a number or a share such as `25%`; `None` where it says how
            many must stay.
        available: how many of them must stay.
    """

    selector: Selector | None
    unavailable: Any
    available: Any


def disruption_budget(manifest: Mapping[str, Any]) -> DisruptionBudget:
    """What a PodDisruptionBudget says."""
    spec = inside(manifest, "spec")
    selector = spec.get("selector")
    return DisruptionBudget(
        selector_of(selector) if isinstance(selector, dict) else None,
        spec.get("maxUnavailable"),
        spec.get("minAvailable", 0),
    )


class NetworkRules(NamedTuple):
    """What a NetworkPolicy says: the pods it isolates, and in which ways."""

    selector: Selector
    ways: frozenset[Way]


def network_rules(manifest: Mapping[str, Any]) -> NetworkRules:
    """What a NetworkPolicy says; without types it is about callers, and about what is called where it names that."""
    spec = inside(manifest, "spec")
    named = words(spec.get("policyTypes")) or (("Ingress", "Egress") if spec.get("egress") else ("Ingress",))
    ways: tuple[Way, ...] = ("Ingress", "Egress")
    return NetworkRules(selector_of(spec.get("podSelector")), frozenset(way for way in ways if way in named))


class Quota(NamedTuple):
    """What a ResourceQuota says.

    Attributes:
        hard: the most of each resource, as quantities; what is none is left out.
        is_scoped: whether it counts some pods only.
    """

    hard: Mapping[str, Any]
    is_scoped: bool


def quota(manifest: Mapping[str, Any]) -> Quota:
    """What a ResourceQuota says."""
    spec = inside(manifest, "spec")
    hard = {name: given for name, given in inside(spec, "hard").items() if amount(given) is not None}
    return Quota(hard, "scopes" in spec or "scopeSelector" in spec)
