"""What an engine's image for AMD GPUs lacks, as data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from ..catalog.table import rows


@cache
def _refusals() -> Mapping[tuple[str, str, str], str]:
    return {(row["engine"], row["field"], row["value"]): row["reason"] for row in rows("rocm_refusals")}


def rocm_refusal(engine: str, field: str, value: str) -> str:
    """Why a setting cannot be had on AMD GPUs, and what can; empty when nothing is known against it."""
    return _refusals().get((engine, field, value), "")
