"""What engines do with GPU memory, version by version: shares, buffers and what comes on top, each with its source."""

from __future__ import annotations

import re
from functools import cache

from .table import rows

Version = tuple[int, ...]
NEWEST: Version = (9999,)
"""Stands for a version that nobody gave: the newest one's behaviour is assumed."""


@cache
def version_of(text: str) -> Version:
    """The numbers a version begins with: `v0.11.0` and `0.11-era` give (0, 11); `NEWEST` for anything else."""
    found = re.match(r"v?(\d+(?:\.\d+)+)", text)
    return tuple(int(number) for number in found[1].split(".")) if found else NEWEST


@cache
def fact(engine: str, name: str, version: Version = NEWEST) -> float:
    """A number of the table as it was at a version.

    Raises:
        KeyError: when the table has none.
    """
    best: tuple[Version, float] | None = None
    for row in rows("engine_memory"):
        if (row["engine"], row["fact"]) == (engine, name):
            since = tuple(int(number) for number in row["since"].split("."))
            if since <= version and (best is None or since >= best[0]):
                best = (since, float(row["value"]))
    if best is None:
        raise KeyError(f"{engine} {name}")
    return best[1]
