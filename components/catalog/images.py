"""Engine images, the digests found published for their tags, and the tags that cannot work. No digest is invented."""

from __future__ import annotations

from functools import cache

from .table import rows


@cache
def _tags(repository: str) -> dict[str, dict[str, str]]:
    return {row["tag"]: row for row in rows("images") if row["repository"] == repository}


@cache
def image(repository: str, tag: str) -> str:
    """The reference for a tag: with its digest where one is known, without where none is published."""
    digest = _tags(repository).get(tag, {}).get("digest", "")
    return f"{repository}:{tag}@{digest}" if digest else f"{repository}:{tag}"


def refusal(repository: str, tag: str) -> str:
    """Why a tag cannot be used; empty when nothing is known against it."""
    return _tags(repository).get(tag, {}).get("refused", "")


def usable_tags(repository: str) -> tuple[str, ...]:
    """The tags of a repository that are known to exist."""
    return tuple(tag for tag, row in _tags(repository).items() if not row["refused"])
