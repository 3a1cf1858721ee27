"""Which share of requests a change of a route moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from components.kinds.route import Destination, route_of

from ..changes.pair import Pair
from ..snapshots.snapshot import Resource

_WHOLE = 100


class Share(NamedTuple):
    """What one destination of a rule gets, in percent."""

    rule: int
    to: str
    before: float
    after: float


def shares(pair: Pair) -> list[Share]:
    """The destinations whose share of a rule's requests changes; rules are paired by their position."""
    if pair.before is None or pair.after is None:
        return []
    old, new = _rules(pair.before), _rules(pair.after)
    return [
        Share(number, to, before.get(to, 0), after.get(to, 0))
        for number, (before, after) in enumerate(zip(old, new, strict=False))
        for to in dict.fromkeys((*after, *before))
        if before.get(to, 0) != after.get(to, 0)
    ]


def moved_shares(pair: Pair) -> str:
    """`10 % of requests move to canary`; empty where no share changes."""
    found = [one for one in shares(pair) if one.after > one.before]
    return "; ".join(f"{percent(one.after - one.before)} of requests move to {one.to}" for one in found)


def percent(share: float) -> str:
    """`25 %`."""
    return f"{round(share, 1):g} %"


def _rules(resource: Resource) -> list[Mapping[str, float]]:
    route = route_of(resource.kind, resource.properties, resource.namespace)
    return [_weighed(rule.shares) for rule in route.rules if rule.section == "http"] if route else []


def _weighed(destinations: Sequence[Destination]) -> Mapping[str, float]:
    weights: dict[str, float] = {}
    for to in destinations:
        name = to.subset or to.host
        # One destination without a weight gets everything, several of them are alike.
        weights[name] = weights.get(name, 0) + (1 if to.weight is None else to.weight)
    total = sum(weights.values())
    return {name: weight * _WHOLE / total for name, weight in weights.items()} if total else weights
