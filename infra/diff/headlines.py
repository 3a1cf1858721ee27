"""What happens to each component, in words."""

from __future__ import annotations

from collections.abc import Sequence

from .impact import Impact
from .pair import Pair, component_of
from .report import EFFECTS, Change, Headline


def headlines(pairs: Sequence[Pair], changes: Sequence[Change], impact: Impact) -> tuple[Headline, ...]:
    """One row a component that changes, worst first."""
    worst: dict[object, Change] = {}
    for pair, change in zip(pairs, changes, strict=True):
        group = component_of(pair.resource)
        if group not in worst or EFFECTS.index(change.effect) < EFFECTS.index(worst[group].effect):
            worst[group] = change
    rows = [
        Headline(one.component, one.at, one.effect, f"`{one.resource}`: {one.reason}", one.means)
        for one in worst.values()
    ]
    return tuple(sorted(rows, key=lambda row: EFFECTS.index(row.effect)))
