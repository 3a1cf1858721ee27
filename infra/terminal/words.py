"""Numbers as people read them, and lists of names in sentences."""

from __future__ import annotations

from collections.abc import Iterable

from components.core.words import listed

_CENT = 0.005


def counted(number: int, noun: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def span(least: int, most: int | None) -> str:
    """`3`, `1-4` or, without a bound, `1 or more`; with a dash as print has it."""
    if most is None:
        return f"{least} or more"
    return f"{least}" if least == most else f"{least}–{most}"  # noqa: RUF001 - a range is set with an en dash


def joined(words: Iterable[str], most: int) -> str:
    """Words as a part of a sentence: `a, b and c` where all are told, `a, b, c and 4 more` where not."""
    names = list(words)
    if len(names) > most:
        return listed(names, most)
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def dollars(amount: float | None, *, whole_from: float = 100) -> str:
    """`$1,204`, `$0.36`, `unknown`.

    Args:
        amount: US dollars; `None` when nobody knows.
        whole_from: the amount from which on nobody reads cents.
    """
    if amount is None:
        return "unknown"
    size = abs(amount)
    if size < _CENT:
        return "$0"
    text = f"${size:,.0f}" if size >= whole_from or size == int(size) else f"${size:,.2f}"
    return f"−{text}" if amount < 0 else text  # noqa: RUF001 - a minus


def bytes_in_words(count: int) -> str:
    """`12 kB`, `1.6 MB`."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"  # noqa: PLR2004
