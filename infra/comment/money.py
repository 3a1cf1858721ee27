"""What a change costs, in words: the difference a month, the band it comes from, and what is not in it.

Reads what `components.cost.delta` gives, as plain data; a figure that nobody knows is said to be unknown, never zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from components.cost.figures import BandFigures, CostChange, LineChange, LineFigures, ModelChange, TokenFigures

from ..terminal.words import dollars

_CENT = 0.005
_LISTED = 4
FEWEST, MOST = "at minimum replicas", "at maximum"
"""The two ends of the band."""


def difference(amount: float | None) -> str:
    """`+ $412`, `− $30`, `$0`, `unknown`."""  # noqa: RUF002 - a minus
    if amount is None or abs(amount) < _CENT:
        return dollars(amount)
    return f"{'+' if amount > 0 else '−'} {dollars(abs(amount))}"  # noqa: RUF001 - a minus


def band(total: BandFigures | None) -> str:
    """`$1,204 – $4,816`; the most may be unknown."""  # noqa: RUF002 - as print has it
    if total is None:
        return "nothing"
    low, high, known = total.get("min_usd"), total.get("max_usd"), total.get("known_max_usd")
    if high is None and known is not None:
        # What has no upper bound, or no price, comes on top.
        return f"{dollars(low)} – {dollars(known)} + ?"  # noqa: RUF001 - as print has it
    if high is None and not low:
        return "unknown"
    if low == high:
        return dollars(low)
    return f"{dollars(low)} – {dollars(high)}"  # noqa: RUF001 - as print has it


def in_short(cost: CostChange | None) -> str:
    """For the verdict: `+ $412 a month at most`; empty when nobody estimated it.

    Both ends of the band where one alone would mislead: a minimum that changes more than the maximum, or the other way.
    """
    if cost is None:
        return ""
    base, head = cost.get("base"), cost.get("head")
    if _is_unknown(base) and head and not _is_unknown(head):
        return f"{band(head)} a month, before unknown"
    least, most = cost.get("min_usd"), cost.get("max_usd")
    if least is not None and most is not None and abs(least) < _CENT > abs(most):
        return "same cost"
    if least is not None and most is not None and abs(least - most) < _CENT:
        return f"{difference(most)} a month"
    if most is not None and (least is None or (abs(least) <= abs(most) and least * most >= 0)):
        return f"{difference(most)} a month at most"
    if least is None or (most is None and abs(least) < _CENT):
        return "cost unknown"
    return f"{difference(least)} a month {FEWEST}, {_same(most)} {MOST}"


def _is_unknown(total: BandFigures | None) -> bool:
    """Whether nobody estimated an environment that is there."""
    return total is not None and total.get("min_usd") is None


def _same(amount: float | None) -> str:
    return "the same" if amount is not None and abs(amount) < _CENT else difference(amount)


def in_full(cost: CostChange | None) -> str:
    """The cost line: the band before and after, what makes the difference, and what is unknown."""
    if cost is None:
        return "cost: not estimated"
    base, head = cost.get("base"), cost.get("head")
    before, after = band(base), band(head)
    words = [f"cost a month: {after if before == after else f'{before} → {after}'}"]
    if cost.get("as_of"):
        words[0] += f" (prices of {cost['as_of']})"
    expected = [total.get("expected_usd") for total in (base, head) if total and not _is_unknown(total)]
    if any(amount is not None for amount in expected):
        words.append(f"expected {' → '.join(dict.fromkeys(dollars(amount) for amount in expected))}")
    words += _causes(cost.get("lines") or (), cost.get("max_usd"))
    words.append(_per_token(cost.get("models") or ()))
    ceiling, most = cost.get("ceiling_usd"), (head.get("max_usd") or head.get("known_max_usd")) if head else None
    if ceiling is not None and most is not None and most > ceiling:
        words.append(f"above the ceiling of {dollars(ceiling)}")
    unknown = cost.get("unknown") or ()
    if unknown:
        words.append(f"not counted: {_first(unknown)}")
    if unpriced := cost.get("unpriced") or ():
        words.append(f"?: {_first(unpriced)}")
    return " · ".join(word for word in words if word)


def _first(found: Sequence[str]) -> str:
    return f"{found[0]} and {len(found) - 1:,} more" if len(found) > 1 else found[0]


def lines(cost: CostChange | None) -> Iterator[tuple[str, str, str, str, str]]:
    """Each line that differs: where, what, a month before, a month after, the difference at most."""
    for one in _by_size((cost or {}).get("lines") or ()):
        yield (
            str(one.get("at", "")),
            _what(one),
            _side(one.get("before")),
            _side(one.get("after")),
            difference(one.get("max_usd")),
        )


def _what(one: LineChange) -> str:
    """What is paid for, before and after where that differs."""
    names = [str(side.get("what") or "") for side in (one.get("before"), one.get("after")) if side]
    return " → ".join(dict.fromkeys(name for name in names if name)) or str(one.get("what", ""))


def _side(priced: LineFigures | None) -> str:
    if priced is None:
        return "–"  # noqa: RUF001 - nothing
    why = priced.get("unknown")
    expected = priced.get("expected_usd")
    return f"unknown: {why}" if why else band(priced) + (f", expected {dollars(expected)}" if expected else "")


def _by_size(found: Sequence[LineChange]) -> list[LineChange]:
    """The unknown first, then the largest differences."""
    return sorted(found, key=lambda one: (one.get("max_usd") is not None, -abs(one.get("max_usd") or 0.0)))


def _causes(found: Sequence[LineChange], total: float | None) -> list[str]:
    """The places that cost more or less: by their most, by their least where the most stays."""
    places: dict[str, LineChange] = {}
    for one in found:
        at = str(one.get("at"))
        place = places.setdefault(at, {"at": at, "min_usd": 0.0, "max_usd": 0.0})
        place["min_usd"] = _sum(place["min_usd"], one.get("min_usd"))
        place["max_usd"] = _sum(place["max_usd"], one.get("max_usd"))
    moved = _by_size(list(places.values()))
    told = [f"`{one['at']}` {words}" for one in moved if (words := _moved(one["min_usd"], one["max_usd"]))]
    shown = told[:_LISTED] + ([f"{len(told) - _LISTED:,} more places"] if len(told) > _LISTED else [])
    known = [most for one in moved if (most := one["max_usd"]) is not None]
    if total is not None and len(known) == len(moved) and abs(sum(known) - total) >= 1:
        shown.append("pods that fit several pools count once in the total")
    return shown


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _moved(least: float | None, most: float | None) -> str:
    if most is None:
        return "by an unknown amount"
    if abs(most) >= _CENT:
        return f"{difference(most)} at most"
    return f"{difference(least)} {FEWEST}" if least is not None and abs(least) >= _CENT else ""


def _per_token(found: Sequence[ModelChange]) -> str:
    """What a million tokens cost, of the models where that changes and both figures are known."""
    told = []
    for one in found:
        before, after = (
            side.get("usd_per_million_tokens") if side else None for side in (one.get("before"), one.get("after"))
        )
        if after and before != after:
            told.append(f"`{one.get('at')}` {f'{_span(before)} → ' if before else ''}{_span(after)}")
    if not told:
        return ""
    more = f" and {len(told) - _LISTED:,} more" if len(told) > _LISTED else ""
    return f"a million tokens: {', '.join(told[:_LISTED])}{more}"


def _span(figure: TokenFigures) -> str:
    least, most = dollars(figure.get("min")), dollars(figure.get("max"))
    return least if least == most else f"{least} – {most}"  # noqa: RUF001 - as print has it
