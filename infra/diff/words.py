"""Words that the diff's sentences share."""

from __future__ import annotations

from collections.abc import Iterable

from components.serving.cold_start import duration

from .pods import Band

_MINUTE, _LONG = 60, 120


def counted(number: int, noun: str) -> str:
    """`1 pod`, `4 pods`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def dash(low: int, high: int | None) -> str:
    """`4`, `1-4` or `1 or more`, with a dash as print has it."""
    if high is None:
        return f"{low} or more"
    return f"{low}" if low == high else f"{low}–{high}"  # noqa: RUF001 - a range is set with an en dash


def listed(words: Iterable[str], most: int = 3) -> str:
    """Words with commas, the first of them and how many more there are."""
    names = list(words)
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most} more"


def minutes(start: Band | None, times: int) -> str:
    """How long that many starts after each other take: `about 9–14 min`, `3 min or more`."""  # noqa: RUF002
    if start is None:
        return "an unknown time"
    low = start.low * times
    if start.high is None:
        return f"{duration(low)} or more"
    high = start.high * times
    if low >= _LONG and high >= _LONG:
        first, last = round(low / _MINUTE), round(high / _MINUTE)
        return f"about {first} min" if first == last else f"{first}–{last} min"  # noqa: RUF001
    return f"about {duration(low)}" if low == high else f"{duration(low)} to {duration(high)}"
