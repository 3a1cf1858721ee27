"""What an image needs that a hardened container lacks. An image without a row needs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from .table import rows


@dataclass(frozen=True, slots=True)
class ImageNeed:
    """One thing an image cannot do without.

    Attributes:
        allows: `root`, `writable-root`, `privileged`, `host-path`, or a capability such as `SYS_ADMIN`.
        why: what breaks without it.
        source: where that can be looked up.
    """

    allows: str
    why: str
    source: str


@cache
def needs_of(image: str) -> Mapping[str, ImageNeed]:
    """What an image needs, by what it allows.

    Args:
        image: the last part of its name, without tag, `text-generation-inference`: a mirror of an image needs the same.
    """
    found = (row for row in rows("hardening") if row["image"] == image)
    return {row["allows"]: ImageNeed(row["allows"], row["why"], row["source"]) for row in found}
