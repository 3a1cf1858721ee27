"""What a change costs: two estimates as JSON, base and head, compared line by line.

Works on the JSON alone, because the base may be an estimate of older code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .line import rounded

Json = Mapping[str, Any]
_BANDS = ("min_usd", "expected_usd", "max_usd")
_COMPARED = ("what", "provisioning", "quantity", "unit", "usd_per_unit", *_BANDS, "unknown")
"""What makes a line another one; its date and source do not."""
_NOTHING: Json = {}
UNKNOWN: Json = {"total": dict.fromkeys(_BANDS)}
"""The estimate of an environment that is there and that nobody estimated: not the same as one that costs nothing."""


def delta(base: Json | None, head: Json | None) -> dict[str, Any]:
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
        **(_difference(before, after, lines) if known else dict.fromkeys(_BANDS)),
        "as_of": min((day for day in (before.get("as_of"), after.get("as_of")) if day), default=None),
        "lines": lines,
        "models": _models(before, after) if known else [],
        "unknown": unknown,
        "unpriced": [why for why in (after or before).get("unknown") or () if why not in unknown],
        "ceiling_usd": after.get("ceiling_usd"),
    }


def _difference(before: Json, after: Json, lines: Sequence[Json]) -> dict[str, float | None]:
    """The difference of the totals, in which pods that fit several pools count once.

    A total without a maximum counts as far as it is known, since what is unknown on both sides alike does not differ.
    """
    first, second = before.get("total") or _NOTHING, after.get("total") or _NOTHING
    if not lines:
        return dict.fromkeys(_BANDS, 0.0)
    if any(side.get("unknown") for line in lines for side in _sides(line)):
        return dict.fromkeys(_BANDS)
    return {
        "min_usd": _minus(_known(second, "min_usd"), _known(first, "min_usd")),
        "expected_usd": _expected(first, second, lines),
        "max_usd": _minus(_known(second, "max_usd"), _known(first, "max_usd")),
    }


def _known(total: Json, name: str) -> float | None:
    """A total as far as it is known; an environment that is not there costs nothing."""
    value = total.get(name) if total else 0.0
    found: float | None = total.get(f"known_{name}") if value is None else value
    return found


def _expected(first: Json, second: Json, lines: Iterable[Json]) -> float | None:
    """The difference of what is expected; of the lines that differ where a total does not state it."""
    left, right = first.get("expected_usd", 0.0), second.get("expected_usd", 0.0)
    if (left is not None or not first) and (right is not None or not second):
        return _minus(right or 0.0, left or 0.0)
    changes = [line["expected_usd"] for line in lines]
    return None if None in changes else rounded(sum(changes))


def _lines(before: Json, after: Json) -> list[dict[str, Any]]:
    """The lines that differ, in the head's order, those that are gone last.

    Lines are the same thing when they stand at the same place and are of the same kind, in their order: another machine
    type in the same pool is one line that changed.
    """
    left, right = _by_place(before), _by_place(after)
    found = []
    for key in [*right, *(key for key in left if key not in right)]:
        one, other = left.get(key), right.get(key)
        if one is not None and other is not None and all(one.get(name) == other.get(name) for name in _COMPARED):
            continue
        shown = other if other is not None else one or _NOTHING
        found.append(
            {"at": shown["at"], "what": shown["what"], "before": one, "after": other}
            | {name: _change(one, other, name) for name in _BANDS}
        )
    return found


def _by_place(estimate: Json) -> dict[tuple[str, str, int], Json]:
    """The lines by where they stand, their kind, and which of those they are.

    A claim keeps its name whatever its size, so that one that is added beside it does not take its place.
    """
    found: dict[tuple[str, str, int], Json] = {}
    for line in estimate.get("lines") or ():
        name = str(line["what"]).partition(":")[0] if line["kind"] == "storage" else ""
        place = (str(line["at"]), f"{line['kind']}/{name}")
        number = 0
        while (*place, number) in found:
            number += 1
        found[(*place, number)] = line
    return found


def _models(before: Json, after: Json) -> list[dict[str, Any]]:
    left, right = ({model["at"]: model for model in side.get("models") or ()} for side in (before, after))
    found = []
    for at in [*right, *(at for at in left if at not in right)]:
        one, other = left.get(at), right.get(at)
        if one != other:
            found.append(
                {"at": at, "before": one, "after": other}
                | {name: _change(one, other, name) for name in ("min_usd", "max_usd")}
            )
    return found


def _change(one: Json | None, other: Json | None, name: str) -> float | None:
    """The difference; what is not there costs nothing, what is there without a price is not known."""
    return _minus(0.0 if other is None else other.get(name), 0.0 if one is None else one.get(name))


def _minus(right: float | None, left: float | None) -> float | None:
    return None if right is None or left is None else rounded(right - left)


def _sides(line: Json) -> Iterable[Json]:
    return (side for side in (line["before"], line["after"]) if side is not None)
