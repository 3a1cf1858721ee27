"""Resources that go under one name and come under another with the same content."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable

from ..snapshots.snapshot import Resource


def renames(gone: Iterable[Resource], new: Iterable[Resource]) -> dict[str, Resource]:
    """For each new resource that is an old one under another name or in another namespace, the old one, by new key.

    Contents are the same when they are the same text once the resource's own name, its component's and its namespace
    are taken out of it: these stand in labels, selectors and references all over.
    """
    candidates: dict[str, list[Resource]] = defaultdict(list)
    for one in gone:
        candidates[_content(one)].append(one)
    found: dict[str, Resource] = {}
    for one in new if candidates else ():
        if same := candidates.get(_content(one)):
            found[one.key] = same.pop(0)
    return found


def _content(resource: Resource) -> str:
    text = json.dumps(resource.properties, sort_keys=True, default=str)
    name, component = resource.name, resource.component.rpartition("/")[2] or resource.name
    for word in sorted({name, component}, key=len, reverse=True):
        text = _without(text, word)
    if resource.namespace:
        text = text.replace(f'"namespace": "{resource.namespace}"', "\0").replace(f".{resource.namespace}.svc", "\0")
    return f"{resource.kind}\0{text}"


def _without(text: str, word: str) -> str:
    """A text without a word, which is whole: a model called qwen may serve one of that family, qwen2."""
    # Not by an expression: each word would be one of its own, and compiling thousands takes seconds.
    first, *rest = text.split(word) if word else [text]
    pieces = [first]
    before = first[-1:]
    for piece in rest:
        pieces += [word if before.isalnum() or piece[:1].isalnum() else "\0", piece]
        before = piece[-1:] or word[-1:]
    return "".join(pieces)
