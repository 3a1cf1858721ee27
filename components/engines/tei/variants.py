"""TEI's images: one for each kind of GPU, one for all of them, one for CPUs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ...catalog.table import engine_rows


@dataclass(frozen=True, slots=True)
class TeiVariant:
    """One of the images that TEI is published as.

    Attributes:
        name: what its build is called, `ada-lovelace`.
        tag_prefix: what stands before the release in its tag, `89-`.
        min_compute_capability: lowest CUDA compute capability it starts on; 0 for an image without CUDA.
        max_compute_capability: highest one; 0 for an image without CUDA.
    """

    name: str
    tag_prefix: str
    min_compute_capability: float
    max_compute_capability: float


@cache
def variant(name: str) -> TeiVariant:
    """An image by its build's name.

    Raises:
        KeyError: when there is none of that name.
    """
    return {found.name: found for found in variants()}[name]


@cache
def variants() -> tuple[TeiVariant, ...]:
    """Every image, in the table's order."""
    return tuple(
        TeiVariant(
            row["variant"],
            row["tag_prefix"],
            float(row["min_compute_capability"] or 0),
            float(row["max_compute_capability"] or 0),
        )
        for row in engine_rows("tei", "variants")
    )
