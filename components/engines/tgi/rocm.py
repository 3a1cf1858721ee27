"""What TGI's image for AMD GPUs lacks, as data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from ...catalog.table import engine_rows


@cache
def _refusals() -> Mapping[tuple[str, str], str]:
    return {(row["field"], row["value"]): row["reason"] for row in engine_rows("tgi", "rocm_refusals")}


def rocm_refusal(field: str, value: str) -> str:
    """Why a setting cannot be had on AMD GPUs, and what can; empty when nothing is known against it."""
    return _refusals().get((field, value), "")
