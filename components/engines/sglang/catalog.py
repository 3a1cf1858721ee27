"""What SGLang has by name: parsers of tool calls and reasoning, and the GPUs its attention kernels run on."""

from __future__ import annotations

from functools import cache

from ...catalog.table import engine_rows


@cache
def parsers(field: str, release: tuple[int, ...]) -> tuple[str, ...]:
    """The parsers of a release.

    Args:
        field: `tool_call_parser` or `reasoning_parser`.
        release: as numbers, `(0, 5, 20)`.
    """
    known = engine_rows("sglang", "parsers")
    return tuple(row["name"] for row in known if row["field"] == field and _since(row) <= release)


@cache
def attention_gpus(backend: str) -> tuple[float, float]:
    """The lowest and the highest CUDA compute capability that attention kernels run on; 0 where nothing bounds them."""
    for row in engine_rows("sglang", "attention"):
        if row["backend"] == backend:
            return float(row["min_compute_capability"] or 0), float(row["max_compute_capability"] or 0)
    return 0.0, 0.0


def _since(row: dict[str, str]) -> tuple[int, ...]:
    return tuple(map(int, row["since"].removeprefix("v").split("."))) if row["since"] else ()
