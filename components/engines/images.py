"""An engine's images, the digests found published for their tags, and the tags that cannot work.

They are in the engine's own table, `images.tsv`. No digest is invented.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from ..catalog.table import engine_rows


@cache
def _tags(engine: str) -> Mapping[tuple[str, str], dict[str, str]]:
    return {(row["repository"], row["tag"]): row for row in engine_rows(engine, "images")}


@cache
def image(engine: str, repository: str, tag: str) -> str:
    """The reference for a tag: with its digest where one is known, without where none is published.

    Args:
        engine: the engine's `kind`.
        repository: where its image is.
        tag: which one.
    """
    digest = _tags(engine).get((repository, tag), {}).get("digest", "")
    return f"{repository}:{tag}@{digest}" if digest else f"{repository}:{tag}"


def refusal(engine: str, repository: str, tag: str) -> str:
    """Why a tag cannot be used; empty when nothing is known against it."""
    return _tags(engine).get((repository, tag), {}).get("refused", "")


def usable_tags(engine: str, repository: str) -> tuple[str, ...]:
    """The tags of a repository that are known to exist."""
    known = _tags(engine).items()
    return tuple(tag for (where, tag), row in known if where == repository and not row["refused"])
