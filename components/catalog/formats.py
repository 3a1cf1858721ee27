"""How weights are stored: data types and quantization formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from .quantization import Capability, capability, methods
from .table import rows


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
    """

    name: str
    bits: int
    group: int
    scale_bits: int
    zero_bits: int
    covers: str

    @property
    def bytes_each(self) -> float:
        """Bytes of one weight with its share of scales and zero points."""
        shared = (self.scale_bits + self.zero_bits) / self.group if self.group else 0.0
        return (self.bits + shared) / 8


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
        )
        for row in rows("weight_formats")
    }


def weight_format(word: str, engine: str = "") -> WeightFormat | None:
    """The format that a word means: an engine's own, or one that people use, such as `gptq-int4`."""
    given = word.lower()
    for method in methods(engine):
        if method.name == given:
            return weight_formats().get(method.format)
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
