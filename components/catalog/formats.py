"""How weights are stored: data types, quantization formats, and which engine runs which on what GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from .table import rows

Capability = tuple[int, int]
"""CUDA compute capability, so that `(8, 9) >= (8, 0)`."""


@dataclass(frozen=True, slots=True)
class WeightFormat:
    """One way to quantize weights.

    Attributes:
        name: what the catalog calls it, `awq`.
        bits: of one weight.
        group: weights that share a scale; 0 when so many do that it does not count.
        scale_bits: bits of that scale.
        zero_bits: bits of the group's zero point.
        covers: `linear`, every layer but embedding, head, norms and vision; or `feed-forward` only.
        prequantized: whether the weights must be quantized before they are served.
    """

    name: str
    bits: int
    group: int
    scale_bits: int
    zero_bits: int
    covers: str
    prequantized: bool

    @property
    def bytes_each(self) -> float:
        """Bytes of one weight with its share of scales and zero points."""
        shared = (self.scale_bits + self.zero_bits) / self.group if self.group else 0.0
        return (self.bits + shared) / 8


@dataclass(frozen=True, slots=True)
class Method:
    """A quantization that an engine has, in its own word.

    Attributes:
        engine: the engine's `kind`.
        name: the engine's word, such as `bitsandbytes-nf4`.
        format: name of the weights' format.
        min_capability: lowest compute capability that runs it.
        since: first version that has it; empty for any.
        until: first version that has it no more; empty for none.
    """

    engine: str
    name: str
    format: str
    min_capability: Capability
    since: str
    until: str


@cache
def weight_formats() -> Mapping[str, WeightFormat]:
    """Every format by name."""
    return {
        row["format"]: WeightFormat(
            row["format"],
            int(row["bits"]),
            int(row["group"]),
            int(row["scale_bits"]),
            int(row["zero_bits"]),
            row["covers"],
            row["ready"] == "ready",
        )
        for row in rows("weight_formats")
    }


@cache
def methods(engine: str) -> tuple[Method, ...]:
    """What an engine can quantize or load quantized."""
    return tuple(
        Method(
            row["engine"],
            row["method"],
            row["format"],
            capability(row["min_capability"]),
            row["since"],
            row["until"],
        )
        for row in rows("quantizations")
        if row["engine"] == engine
    )


def weight_format(word: str, engine: str = "") -> WeightFormat | None:
    """The format that a word means: an engine's own, or one that people use, such as `gptq-int4`."""
    given = word.lower()
    for method in methods(engine):
        if method.name == given:
            return weight_formats()[method.format]
    if given in weight_formats():
        return weight_formats()[given]
    for row in rows("weight_formats"):
        if given in row["words"].split(","):
            return weight_formats()[row["format"]]
    return None


@cache
def dtype(word: str) -> str | None:
    """The data type that a word means: `bfloat16` for `bf16`; `None` for no data type."""
    for row in rows("dtypes"):
        if word.lower() in (row["dtype"], *row["words"].split(",")):
            return row["dtype"]
    return None


@cache
def dtype_bytes(name: str) -> int:
    """Bytes of one element of a data type by its catalog name."""
    return next(int(row["bytes"]) for row in rows("dtypes") if row["dtype"] == name)


@cache
def dtype_capability(name: str) -> Capability:
    """Lowest compute capability that computes in a data type."""
    return next(capability(row["min_capability"]) for row in rows("dtypes") if row["dtype"] == name)


def capability(text: str) -> Capability:
    """`8.9` as a pair."""
    major, _, minor = text.partition(".")
    return int(major), int(minor or 0)
