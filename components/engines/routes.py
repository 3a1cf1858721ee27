"""The routes by which clients ask each engine for text, as data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from ..catalog.table import engine_rows


@cache
def routes_of(engine: str) -> Mapping[str, str]:
    """Route to whose form of request it takes; empty for an engine we know nothing of."""
    return MappingProxyType({row["route"]: row["form"] for row in engine_rows(engine, "routes")})
