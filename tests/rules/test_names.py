"""One name means one thing, so that a search for it leads to one place."""

from __future__ import annotations

from collections import defaultdict

from .sources import SOURCES


def test_a_class_name_is_unique() -> None:
    """Private names count too, with or without their underscore."""
    places: dict[str, list[str]] = defaultdict(list)
    for source in SOURCES:
        if source.folder in ("components", "infra", "runtime"):
            for node in source.classes:
                places[node.name.strip("_")].append(f"{source.name}:{node.lineno}")
    assert {name: at for name, at in places.items() if len(at) > 1} == {}
