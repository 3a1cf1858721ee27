"""Kubernetes quantities as numbers: exact where they are compared, floats for proofs that add them up."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache

_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|u|n)?")
_UNITS = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1),
    "k": Fraction(10**3), "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12), "P": Fraction(10**15),
    "E": Fraction(10**18), "Ki": Fraction(2**10), "Mi": Fraction(2**20), "Gi": Fraction(2**30), "Ti": Fraction(2**40),
    "Pi": Fraction(2**50), "Ei": Fraction(2**60),
}  # fmt: skip
MIB = 2.0**20
GIB = 2.0**30


@cache
def exact(quantity: str) -> Fraction | None:
    """A quantity as an exact number in its base unit; `None` when it is none."""
    found = _QUANTITY.fullmatch(quantity)
    try:
        return Fraction(found[1]) * _UNITS[found[2] or ""] if found else None
    except ValueError:  # 1.2.3
        return None


@cache
def number(quantity: str | float) -> float:
    """The value of a quantity in its base unit: cores for CPU, bytes for memory.

    Raises:
        ValueError: if the text is not a Kubernetes quantity.
    """
    value = exact(str(quantity))
    if value is None:
        raise ValueError(f"{str(quantity)!r} is not a Kubernetes quantity")
    return float(value)
