"""Differences put into a tree: what makes sure that they say all that differs."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from components.catalog.object_fields import traits
from infra.diff.changes.compare import POSITIONAL, Difference, PathStep, _Walk, flag_values
from infra.diff.changes.report import ABSENT


def applied(kind: str, found: Sequence[Difference], tree: dict[str, Any]) -> dict[str, Any]:
    """A copy of `tree` with every difference made, those that take entries out of lists by position last to first."""
    made: dict[str, Any] = deepcopy(tree)
    taken = [one for one in found if one.after is ABSENT and one.steps[-1].sort == "index"]
    # Of a flag that comes again the last goes first: `--flag#2` is what is left of two.
    fewer = [one for one in found if one.after is ABSENT and one.steps[-1].sort == "flag"]
    for one in reversed(fewer):
        _apply(kind, made, one.steps, "", ABSENT)
    for one in found:
        if one not in taken and one not in fewer:
            _apply(kind, made, one.steps, "", one.after, new=one.before is ABSENT)
    for one in sorted(taken, key=lambda one: -one.steps[-1].name):
        _apply(kind, made, one.steps, "", ABSENT)
    return made


def _apply(kind: str, node: Any, steps: Sequence[PathStep], place: str, after: Any, *, new: bool = False) -> None:
    step, rest = steps[0], steps[1:]
    if step.sort == "field":
        below = f"{place}.{step.name}" if place else step.name
        if rest and rest[0].sort == "flag":
            node[step.name] = _with_flag(node[step.name], str(rest[0].name), after)
        elif rest:
            _apply(kind, node[step.name], rest, below, after, new=new)
        elif after is ABSENT:
            node.pop(step.name)
        else:
            node[step.name] = after
        return
    at = _position(kind, node, step, place)
    if rest:
        _apply(kind, node[at], rest, place, after, new=new)
    elif after is ABSENT:
        del node[at]
    elif new:
        node.insert(len(node) if at is None else at, after)
    else:
        node[at] = after


def _position(kind: str, node: list[Any], step: PathStep, place: str) -> Any:
    if step.sort == "index":
        return step.name
    if step.sort == "member":
        return next((at for at, one in enumerate(node) if one == step.name), None)
    fields = tuple(traits(kind, place)["key"].split(","))
    keys = list(_Walk(kind, live=False).by_key(place, fields, node) or ())
    return keys.index(step.name) if step.name in keys else None


def _with_flag(arguments: Sequence[str], flag: str, after: Any) -> list[str]:
    flags = flag_values(arguments)
    if after is ABSENT:
        flags.pop(flag)
    else:
        flags[flag] = after
    words: list[str] = list(flags.pop(POSITIONAL, []))
    for name, value in flags.items():
        words.append(str(name).partition("#")[0])
        words += [] if value is True else value if isinstance(value, list) else [value]
    return words
