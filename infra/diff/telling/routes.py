"""Which share of requests a change of a route moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..compare import inside
from ..pair import Pair
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
    old, new = list(_rules(pair.before)), list(_rules(pair.after))
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


def _rules(route: Resource) -> Iterator[Mapping[str, float]]:
    spec = inside(route.properties, "spec")
    if route.kind == "VirtualService":
        for rule in _entries(spec, "http"):
            yield _weighed([(inside(one, "destination"), one.get("weight")) for one in _entries(rule, "route")])
    elif route.kind == "HTTPRoute":
        for rule in _entries(spec, "rules"):
            yield _weighed([(one, one.get("weight")) for one in _entries(rule, "backendRefs")])


def _entries(tree: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = tree.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list | tuple) else []


def _weighed(destinations: Sequence[tuple[Mapping[str, Any], Any]]) -> Mapping[str, float]:
    weights: dict[str, float] = {}
    for target, weight in destinations:
        name = str(target.get("subset") or target.get("name") or target.get("host", ""))
        # One destination without a weight gets everything, several of them are alike.
        weights[name] = weights.get(name, 0) + (weight if isinstance(weight, int | float) else 1)
    total = sum(weights.values())
    return {name: weight * _WHOLE / total for name, weight in weights.items()} if total else weights
