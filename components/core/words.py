"""Lists and times as people read them, in what proofs find and in what is told of a change."""

from __future__ import annotations

from collections.abc import Iterable

_MINUTE, _LONG = 60, 120
"""Seconds of one, and from how many on they are told."""


def listed(words: Iterable[str], most: int = 4) -> str:
    """Words with commas, the first `most` of them and how many more there are: `a, b, c and 4 more`."""
    names = list(words)
    rest = len(names) - most
    return ", ".join(names) if rest <= 0 else f"{', '.join(names[:most])} and {rest:,} more"


def duration(seconds: float) -> str:
    """`40 s` or `3 min`."""
    return f"{seconds:.0f} s" if seconds < _LONG else f"{seconds / _MINUTE:.0f} min"


def duration_range(low: float, high: float | None) -> str:
    """`40 s to 3 min`; `40 s or more` when nobody knows the most."""
    return f"{duration(low)} or more" if high is None else f"{duration(low)} to {duration(high)}"


def about(low: float, high: float | None) -> str:
    """The same in a sentence, with the minutes of both as one range: `9–14 min`, `about 9 min`."""  # noqa: RUF002
    if high is None or (low != high and low < _LONG):
        return duration_range(low, high)
    if low < _LONG:
        return f"about {duration(low)}"
    first, last = round(low / _MINUTE), round(high / _MINUTE)
    return f"about {first} min" if first == last else f"{first}–{last} min"  # noqa: RUF001 - a range has an en dash
