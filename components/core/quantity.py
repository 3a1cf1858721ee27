"""Kubernetes quantities as numbers, for proofs that add them up."""

from __future__ import annotations

from functools import cache

_UNITS = {
    "": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip
GIB = 2.0**30


@cache
def number(quantity: str | float) -> float:
    """The value of a quantity in its base unit: cores for CPU, bytes for memory.

    Raises:
        ValueError: if the text is not a Kubernetes quantity.
    """
    text = str(quantity)
    digits = text.rstrip("mkKMGTPEi")
    unit = text[len(digits) :]
    if unit not in _UNITS:
        raise ValueError(f"{text!r} is not a Kubernetes quantity")
    return float(digits) * _UNITS[unit]


def gib(quantity: str | float) -> float:
    """A quantity of bytes in GiB."""
    return number(quantity) / GIB
