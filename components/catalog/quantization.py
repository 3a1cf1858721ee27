"""Which quantization methods each engine has, and what each needs, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from .table import rows


@dataclass(frozen=True, slots=True)
class Method:
    """One quantization method of one engine.

    Attributes:
        engine: the engine's `kind`.
        name: the method, in the engine's own word.
        min_compute_capability: the oldest GPUs it runs on, by CUDA compute capability, so that `(8, 9) >= (8, 0)`.
        needs_quantized_weights: whether the model's repository must hold weights quantized this way; otherwise the
            engine quantizes while it loads.
    """

    engine: str
    name: str
    min_compute_capability: tuple[int, int]
    needs_quantized_weights: bool


@cache
def methods_of(engine: str) -> Mapping[str, Method]:
    """The methods of an engine by name; empty for an engine we know nothing of."""
    return MappingProxyType(
        {
            row["method"]: Method(
                engine,
                row["method"],
                _capability(row["min_compute_capability"]),
                row["needs_quantized_weights"] == "yes",
            )
            for row in rows("quantization")
            if row["engine"] == engine
        }
    )


def _capability(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)
