"""What is known of images, by name: what they need of a pod, what tool they have, their size, a tag's digest.

What is true of an engine's image is in the engine's folder, in the tables `hardening.tsv`, `image_tools.tsv`,
`image_sizes.tsv` and `images.tsv`; what is true of others is in the catalog. A mirror of an image is the same image:
the registry does not matter, except for digests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from ..catalog.table import engine_rows, rows
from .images import image
from .typed import TYPED

_GB = 10**9


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
def needs_of(name: str) -> Mapping[str, ImageNeed]:
    """What an image needs, by what it allows; an image without a row needs nothing.

    Args:
        name: the last part of its name, without tag, `text-generation-inference`.
    """
    needs = (row for row in (*rows("hardening"), *_of_engines("hardening")) if row["image"] == name)
    return {row["allows"]: ImageNeed(row["allows"], row["why"], row["source"]) for row in needs}


def http_tool(reference: str) -> str:
    """`curl` or `bash`, whichever an image is known to have; empty for an image we know nothing of.

    Args:
        reference: its reference; the registry and the tag do not matter.
    """
    return _tools().get(reference.partition("@")[0].rpartition("/")[2].partition(":")[0], "")


@cache
def _tools() -> Mapping[str, str]:
    return {row["image"]: row["tool"] for row in (*rows("image_tools"), *_of_engines("image_tools"))}


@cache
def image_bytes(name: str) -> float | None:
    """What a node pulls for an image, compressed; `None` when nobody said.

    Args:
        name: the last part of its name, without tag.
    """
    sizes = (float(row["compressed_gb"]) * _GB for row in _of_engines("image_sizes") if row["image"] == name)
    return next(sizes, None)


def with_digest(repository: str, tag: str) -> str:
    """The reference for a tag of any engine's image, with its digest; empty when no table has one."""
    references = (image(engine.kind, repository, tag) for engine in TYPED)
    return next((reference for reference in references if "@" in reference), "")


def _of_engines(table: str) -> Iterator[dict[str, str]]:
    for engine in TYPED:
        yield from engine_rows(engine.kind, table)
