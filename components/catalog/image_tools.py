"""What engine images have that can ask their own server whether it is well, as data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from .table import rows


@cache
def _tools() -> Mapping[str, str]:
    return {row["image"]: row["tool"] for row in rows("image_tools")}


def http_tool(image: str) -> str:
    """`curl` or `bash`, whichever an image is known to have; empty for an image we know nothing of.

    Args:
        image: its reference; the registry and the tag do not matter, because a mirror has the same in it.
    """
    return _tools().get(image.partition("@")[0].rpartition("/")[2].partition(":")[0], "")
