"""What a change costs: two estimates as JSON, base and head, compared line by line.

Works on the JSON alone, because the base may be an estimate of older code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from .figures import (
    BandFigures,
    CostChange,
    EstimateFigures,
    LineChange,
    LineFigures,
    ModelChange,
    ModelFigures,
)
from .line import rounded

_NOTHING: EstimateFigures = {}
_UNKNOWN: BandFigures = {"min_usd": None, "expected_usd": None, "max_usd": None}
UNKNOWN: EstimateFigures = {"total": {"min_usd": None, "expected_usd": None, "max_usd": None}}
"""The estimate of an environment that is there and that nobody estimated: not the same as one that costs nothing."""


def delta(base: EstimateFigures | None, head: EstimateFigures | None) -> CostChange:
    """The difference of two estimates.

    Args:
        base: the estimate before, as `Estimate.as_json` gives it; `None` where there was no environment, `UNKNOWN`
            where nobody knows what it cost.
        head: the estimate after; `None` where there is none any more.

    Returns:
        Totals before and after, the differences (`None` where they are not known), the lines and models that differ,
        what of them is unknown, what has no price on either side, the day of the oldest price and the head's ceiling.
        A line without a price that stays as it is leaves the difference known.
    """
    before, after = base or _NOTHING, head or _NOTHING
    known = base is not UNKNOWN and head is not UNKNOWN
    lines = _lines(before, after) if known else []
    unknown = sorted({f"{line['at']}: {line['what']}: {side['unknown']}" for line in lines for side in _sides(line)
                      if side.get("unknown")})  # fmt: skip
    return {
        "base": before.get("total"),
        "head": after.get("total"),
        **(_difference(before, after, lines) if known else _UNKNOWN),
        "as_of": min((day for day in (before.get("as_of"), after.get("as_of")) if day), default=None),
        "lines": lines,
        "models": _models(before, after) if known else [],
        "unknown": unknown,
        "unpriced": [why for why in (after or before).get("unknown") or () if why not in unknown],
        "ceiling_usd": after.get("ceiling_usd"),
    }


def _difference(before: EstimateFigures, after: EstimateFigures, lines: Sequence[LineChange]) -> BandFigures:
    """The difference of the totals, in which pods that fit several pools count once.

    A total without a maximum counts as far as it is known, since what is unknown on both sides alike does not differ.
    """
    first, second = before.get("total"), after.get("total")
    if not lines:
        return {"min_usd": 0.0, "expected_usd": 0.0, "max_usd": 0.0}
    if any(side.get("unknown") for line in lines for side in _sides(line)):
        return _UNKNOWN
    return {
        "min_usd": _minus(_least(second), _least(first)),
        "expected_usd": _expected(first, second, lines),
        "max_usd": _minus(_most(second), _most(first)),
    }


def _least(total: BandFigures | None) -> float | None:
    """An environment that is not there costs nothing."""
    return total.get("min_usd") if total else 0.0


def _most(total: BandFigures | None) -> float | None:
    """The most as far as it is known."""
    if not total:
        return 0.0
    most = total.get("max_usd")
    return total.get("known_max_usd") if most is None else most


def _expected(first: BandFigures | None, second: BandFigures | None, lines: Iterable[LineChange]) -> float | None:
    """The difference of what is expected; of the lines that differ where a total does not state it."""
    left = first.get("expected_usd", 0.0) if first else 0.0
    right = second.get("expected_usd", 0.0) if second else 0.0
    if left is not None and right is not None:
        return _minus(right, left)
    changes = [line["expected_usd"] for line in lines]
    return rounded(sum(change for change in changes if change is not None)) if None not in changes else None


def _lines(before: EstimateFigures, after: EstimateFigures) -> list[LineChange]:
    """The lines that differ, in the head's order, those that are gone last.

    Lines are the same thing when they stand at the same place and are of the same kind, in their order: another machine
    type in the same pool is one line that changed.
    """
    left, right = _by_place(before), _by_place(after)
    changes: list[LineChange] = []
    for key in [*right, *(key for key in left if key not in right)]:
        one, other = left.get(key), right.get(key)
        shown = other if other is not None else one
        if shown is None or (one is not None and other is not None and _compared(one) == _compared(other)):
            continue
        changes.append({"at": shown["at"], "what": shown["what"], "before": one, "after": other, **_band(one, other)})
    return changes


def _compared(line: LineFigures) -> tuple[object, ...]:
    """What makes a line another one; its date and source do not."""
    return (
        line.get("what"), line.get("provisioning"), line.get("quantity"), line.get("unit"), line.get("usd_per_unit"),
        line.get("min_usd"), line.get("expected_usd"), line.get("max_usd"), line.get("unknown"),
    )  # fmt: skip


def _by_place(estimate: EstimateFigures) -> dict[tuple[str, str, int], LineFigures]:
    """The lines by where they stand, their kind, and which of those they are.

    A claim keeps its name whatever its size, so that one that is added beside it does not take its place.
    """
    placed: dict[tuple[str, str, int], LineFigures] = {}
    for line in estimate.get("lines") or ():
        name = line["what"].partition(":")[0] if line["kind"] == "storage" else ""
        place = (line["at"], f"{line['kind']}/{name}")
        number = 0
        while (*place, number) in placed:
            number += 1
        placed[(*place, number)] = line
    return placed


def _models(before: EstimateFigures, after: EstimateFigures) -> list[ModelChange]:
    left, right = ({model["at"]: model for model in side.get("models") or ()} for side in (before, after))
    changes: list[ModelChange] = []
    for at in [*right, *(at for at in left if at not in right)]:
        one, other = left.get(at), right.get(at)
        if one != other:
            band = _band(one, other)
            changes.append(
                {"at": at, "before": one, "after": other, "min_usd": band["min_usd"], "max_usd": band["max_usd"]}
            )
    return changes


def _band(one: LineFigures | ModelFigures | None, other: LineFigures | ModelFigures | None) -> BandFigures:
    return {
        "min_usd": _change(one, other, "min_usd"),
        "expected_usd": _change(one, other, "expected_usd"),
        "max_usd": _change(one, other, "max_usd"),
    }


def _change(
    one: BandFigures | None, other: BandFigures | None, name: Literal["min_usd", "expected_usd", "max_usd"]
) -> float | None:
    """The difference; what is not there costs nothing, what is there without a price is not known."""
    return _minus(0.0 if other is None else other.get(name), 0.0 if one is None else one.get(name))


def _minus(right: float | None, left: float | None) -> float | None:
    return None if right is None or left is None else rounded(right - left)


def _sides(line: LineChange) -> Iterable[LineFigures]:
    return (side for side in (line["before"], line["after"]) if side is not None)
