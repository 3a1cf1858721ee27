"""What engines do with GPU memory, version by version: shares, buffers and what comes on top, each with its source."""

from __future__ import annotations

import re
from functools import cache

from .table import engine_rows, rows

_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
Version = tuple[int, ...]
ANY = "any"
"""Stands for every engine: what a GPU's driver and libraries take whoever calls them."""
NEWEST: Version = (9999,)
"""Stands for a version that nobody gave: the newest one's behaviour is assumed."""


@cache
def version_of(text: str) -> Version:
    """The numbers a version begins with: `v0.11.1` and `0.11-era` give (0, 11, 1) and (0, 11); else `NEWEST`."""
    found = re.match(r"v?(\d+(?:\.\d+)+)", text)
    return _numbers(found[1]) if found else NEWEST


def release(engine: str, text: str) -> str:
    """The version that a date stands for: `Nov-2024` or `2024` is the newest the table has from before it ended.

    A year stands for its first months. What is no date is returned as it is.
    """
    found = re.fullmatch(r"(?:([A-Z][a-z]{2})-)?(20\d\d)", text)
    if found is None:
        return text
    month = f"{_MONTHS.index(found[1]) // 3 + 1:02}" if (found[1] or "?") in _MONTHS else "03"
    known = [row["version"] for row in engine_rows(engine, "releases") if row["date"] <= f"{found[2]}-{month}-31"]
    return known[-1] if known else text


@cache
def fact(engine: str, name: str, version: Version = NEWEST) -> float:
    """A number of an engine's table as it was at a version.

    Args:
        engine: the engine's `kind`; `any` for what is true whatever the engine.
        name: what it is called there.
        version: the engine's version. Omitted: the newest.

    Raises:
        KeyError: when the table has none.
    """
    number = known_fact(engine, name, version)
    if number is None:
        raise KeyError(f"{engine} {name}")
    return number


@cache
def known_fact(engine: str, name: str, version: Version = NEWEST) -> float | None:
    """The same, or `None` when the table has none."""
    best: tuple[Version, float] | None = None
    for row in rows("engine_memory") if engine == ANY else engine_rows(engine, "memory"):
        if row["fact"] == name:
            since = _numbers(row["since"])
            if since <= version and (best is None or since >= best[0]):
                best = (since, float(row["value"]))
    return best[1] if best else None


def _numbers(text: str) -> Version:
    """The numbers of a version without closing zeros, so that 0.6 is 0.6.0."""
    numbers = [int(number) for number in text.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
