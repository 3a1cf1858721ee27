"""Values out of manifests that anybody may have written: whatever is not what an API takes counts as not given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from math import isfinite
from typing import Any

from ..core.quantity import number

NOTHING: Mapping[str, Any] = {}
"""What a mapping is that is not there."""
_LISTS = (list, tuple)
_NESTED = (dict, *_LISTS)


def inside(tree: Any, *names: str) -> Mapping[str, Any]:
    """The mapping at some place of a tree; an empty one where there is none."""
    for name in names:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else NOTHING


def entries(value: Any) -> list[Mapping[str, Any]]:
    """The mappings in a list; none where it is no list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, _LISTS) else []


def words(value: Any) -> tuple[str, ...]:
    """The scalars in a list, as text; none where it is no list."""
    if not isinstance(value, _LISTS):
        return ()
    return tuple(
        word if isinstance(word, str) else str(word) for word in value if isinstance(word, str) or _is_scalar(word)
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
    if not isinstance(value, dict):
        return NOTHING
    for entry in value.values():
        if not isinstance(entry, str) and not _is_scalar(entry):
            return {key: entry for key, entry in value.items() if _is_scalar(entry)}
    return value


def _is_scalar(value: Any) -> bool:
    return value is not None and not isinstance(value, _NESTED)


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
    return _thousandths(quantity if isinstance(quantity, str) else amount(quantity))


@cache
def _thousandths(quantity: str | float | None) -> int | None:
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
