"""How each engine quantizes: its methods, the format each means, and the versions and GPUs that run it, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from .engine_memory import version_of
from .table import engine_rows

Capability = tuple[int, int]
"""CUDA compute capability, so that `(8, 9) >= (8, 0)`."""


@dataclass(frozen=True, slots=True)
class Method:
    """A quantization that an engine has, in its own word, for weights of one format.

    Attributes:
        engine: the engine's `kind`.
        name: the engine's word, such as `bitsandbytes-nf4`.
        format: name of the weights' format; empty where the checkpoint decides it.
        min_compute_capability: the oldest GPUs it runs on.
        needs_quantized_weights: whether the model's repository must hold weights quantized this way; otherwise the
            engine quantizes while it loads.
        since: first version that has it so; empty for any.
        until: first version that has it so no more; empty for none.
    """

    engine: str
    name: str
    format: str
    min_compute_capability: Capability
    needs_quantized_weights: bool
    since: str
    until: str

    def is_in(self, version: str) -> bool:
        """Whether a version of the engine has it so; a version that nobody gave is the newest."""
        asked = version_of(version)
        begun = not self.since or asked >= version_of(self.since)
        return begun and not (self.until and asked >= version_of(self.until))


@cache
def methods(engine: str) -> tuple[Method, ...]:
    """What an engine has or had, in the table's order: a word's own format comes before others that it loads."""
    return tuple(
        Method(
            engine,
            row["method"],
            row["format"],
            capability(row["min_compute_capability"]),
            row["needs_quantized_weights"] == "yes",
            row["since"],
            row["until"],
        )
        for row in engine_rows(engine, "quantization")
    )


@cache
def methods_of(engine: str, version: str = "") -> Mapping[str, Method]:
    """The methods of a version of an engine by name; empty for an engine we know nothing of.

    Args:
        engine: the engine's `kind`.
        version: its version. Omitted: the newest.
    """
    # The first row of a word is what it means alone.
    return MappingProxyType({method.name: method for method in reversed(methods(engine)) if method.is_in(version)})


def capability(text: str) -> Capability:
    """`8.9` as a pair."""
    major, _, minor = text.partition(".")
    return int(major), int(minor or 0)
