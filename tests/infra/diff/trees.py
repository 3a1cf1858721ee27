"""Real resources, and the same with something changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

from hypothesis import strategies as st

from components.catalog.object_fields import traits
from infra.diff.snapshots.from_plan import resources_of
from infra.plan.environments import load

from .stacks import STACKS


@cache
def real_resources() -> tuple[tuple[str, dict[str, Any]], ...]:
    """The kinds and properties of every resource of the shipped environments and of those that tests have."""
    return tuple(
        (one.kind, json.loads(json.dumps(one.properties)))
        for path in STACKS
        for one in resources_of(load(path, None).plan)
    )


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, inner in entries:
        yield (*path, key)
        yield from leaves(inner, (*path, key))


def changed(data: st.DataObject, tree: dict[str, Any]) -> dict[str, Any]:
    """The tree with some of its values taken out, changed or swapped."""
    made = deepcopy(tree)
    for _ in range(data.draw(st.integers(1, 4))):
        places = list(leaves(made))
        if not places:
            break
        *above, last = data.draw(st.sampled_from(places))
        inside: Any = made
        for step in above:
            inside = inside[step]
        match data.draw(st.sampled_from(("delete", "change", "turn"))):
            case "delete":
                del inside[last]
            case "change":
                inside[last] = data.draw(st.sampled_from(["x", 7, True, {"a": "b"}, ["--a", "b"]]))
            case _:
                inside[last] = [*reversed(inside[last])] if isinstance(inside[last], list) else inside[last]
    return made


def shuffled(data: st.DataObject, kind: str, tree: Any, place: str = "") -> Any:
    """The same tree to whoever reads it: keyed lists, sets and flags in another order."""
    if isinstance(tree, dict):
        names = data.draw(st.permutations(list(tree)))
        return {name: shuffled(data, kind, tree[name], f"{place}.{name}".removeprefix(".")) for name in names}
    if isinstance(tree, list):
        entries = [shuffled(data, kind, entry, place) for entry in tree]
        return data.draw(st.permutations(entries)) if {"key", "set"} & traits(kind, place).keys() else entries
    if "quantity" in traits(kind, place) and str(tree).isdigit():
        return data.draw(st.sampled_from([tree, f"{tree}000m", f"{tree}.0"]))
    return tree
