"""Values out of manifests that anybody may have written: whatever is not what an API takes counts as not given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from types import MappingProxyType
from typing import Any

from ..core.quantity import number

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""What a mapping is that is not there."""


def inside(tree: Any, *names: str) -> Mapping[str, Any]:
    """The mapping at some place of a tree; an empty one where there is none."""
    for name in names:
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree if isinstance(tree, Mapping) else NOTHING


def entries(value: Any) -> list[Mapping[str, Any]]:
    """The mappings in a list; none where it is no list."""
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list | tuple) else []


def words(value: Any) -> tuple[str, ...]:
    """The scalars in a list, as text; none where it is no list."""
    if not isinstance(value, list | tuple):
        return ()
    return tuple(
        word if isinstance(word, str) else str(word)
        for word in value
        if word is not None and not isinstance(word, Mapping | list | tuple)
    )


def text(value: Any, absent: str = "") -> str:
    """A text, or a number as one; `absent` for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else absent


def whole(value: Any, absent: int) -> int:
    """A whole number; `absent` for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else absent


def pairs(value: Any) -> Mapping[str, Any]:
    """Labels or annotations: a mapping without mappings and lists in it. The values are as given, texts or not."""
    if not isinstance(value, Mapping):
        return NOTHING
    if any(isinstance(entry, Mapping | list | tuple) or entry is None for entry in value.values()):
        return {key: entry for key, entry in value.items() if not isinstance(entry, Mapping | list | tuple | None)}
    return value


def amount(quantity: Any) -> float | None:
    """A Kubernetes quantity in its base unit; `None` for what is none."""
    if not isinstance(quantity, str | int | float) or isinstance(quantity, bool):
        return None
    try:
        value = number(quantity)
    except ValueError:
        return None
    return value if isfinite(value) else None


def thousandths(quantity: Any) -> int | None:
    """A Kubernetes quantity in thousandths of its base unit, so that sums are exact; `None` for what is none."""
    value = amount(quantity)
    return None if value is None else round(value * 1000)


def share(value: Any, of: int, rounded: Callable[[float], int]) -> int:
    """A number, or a share such as `25%` of a number, as whole pods; 0 for what is neither."""
    digits = str(value)
    is_share = digits.endswith("%")
    digits = digits.removesuffix("%")
    if not (digits.isascii() and digits.isdigit()):
        return 0
    return rounded(int(digits) * of / 100) if is_share else int(digits)
