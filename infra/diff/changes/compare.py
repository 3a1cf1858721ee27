"""Two property trees compared by what they mean: keyed lists, quantities, flags, and what the API server adds."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from components.catalog.object_fields import default_of, traits
from components.core.quantity import exact

from ..snapshots.snapshot import Resource
from .report import ABSENT, FieldChange

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_LIVE = frozenset({"uid", "resourceVersion", "managedFields"})
"""What an object's metadata has once an API server has written it."""
PROTECT = "protect"
"""The place of Pulumi's option of that name."""
POSITIONAL = ""
"""The flag under which the arguments before the first flag are told."""


class PathStep(NamedTuple):
    """One step of a path: a field, an entry of a keyed list, an index, a member of a set, or a flag."""

    sort: Literal["field", "entry", "index", "member", "flag"]
    name: Any


class Difference(NamedTuple):
    """One field that differs, with its path in steps.

    Attributes:
        steps: where.
        place: the same without names of entries, `spec.template.spec.containers.args`.
        before: its value in the base, or `ABSENT`.
        after: its value in the head, or `ABSENT`.
    """

    steps: tuple[PathStep, ...]
    place: str
    before: Any
    after: Any

    @property
    def path(self) -> str:
        """The path as people write it, `spec.template.spec.containers[server].args[--max-total-tokens]`."""
        return "".join(_word(step) for step in self.steps).removeprefix(".")

    @property
    def change(self) -> FieldChange:
        """The difference as reports have it."""
        return FieldChange(self.path, self.before, self.after)


def differences(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What differs between two resources of a kind, in the order of the head and then what is gone.

    Equal are: lists in another order whose entries have keys or whose order means nothing, quantities of one value, a
    field that is left out and one that has the default, `--flag value` and `--flag=value` and flags in another order.
    What only the API server writes is left out; where one side comes from a cluster, so is what the cluster assigns.
    """
    if before == after:
        return []
    live = any(inside(side, "metadata").keys() & _LIVE for side in (before, after))
    if live and kind == "Secret":
        before, after = _secrets_as_kept(before, after)
    return list(_Walk(kind, live=live).fields((), "", before, after))


def protection(before: Resource, after: Resource) -> list[Difference]:
    """Whether Pulumi refuses to delete it, where that differs: an option beside the properties."""
    if before.protect == after.protect:
        return []
    return [Difference((PathStep("field", PROTECT),), PROTECT, before.protect, after.protect)]


class _Walk:
    def __init__(self, kind: str, *, live: bool) -> None:
        self.kind = kind
        self.live = live

    def value(self, steps: tuple[PathStep, ...], place: str, before: Any, after: Any) -> Iterator[Difference]:
        if _equal(before, after):
            return
        known = traits(self.kind, place)
        one_sided = before is ABSENT or after is ABSENT
        if "server" in known or (one_sided and self.live and "assigned" in known):
            return
        if one_sided:
            if not self._is_implied(place, after if before is ABSENT else before):
                yield Difference(steps, place, before, after)
        elif isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from self.fields(steps, place, before, after)
        elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
            yield from self._lists(steps, place, before, after)
        elif "quantity" not in known or not same_quantity(before, after):
            yield Difference(steps, place, before, after)

    def fields(
        self, steps: tuple[PathStep, ...], place: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> Iterator[Difference]:
        for name in after:
            old = before.get(name, ABSENT)
            if old is not after[name]:
                yield from self.value((*steps, PathStep("field", name)), _below(place, name), old, after[name])
        for name in before:
            if name not in after:
                yield from self.value((*steps, PathStep("field", name)), _below(place, name), before[name], ABSENT)

    def _lists(
        self, steps: tuple[PathStep, ...], place: str, before: Sequence[Any], after: Sequence[Any]
    ) -> Iterator[Difference]:
        known = traits(self.kind, place)
        if "flags" in known and all(isinstance(word, str) for word in (*before, *after)):
            yield from self._keyed(steps, place, "flag", flag_values(before), flag_values(after))
            return
        if "key" in known:
            fields = tuple(known["key"].split(","))
            old, new = self.by_key(place, fields, before), self.by_key(place, fields, after)
            if old is not None and new is not None:
                yield from self._keyed(steps, place, "entry", old, new)
                return
        if "set" in known:
            yield from self._members(steps, place, before, after)
            return
        yield from self._ordered(steps, place, before, after)

    def _keyed(
        self,
        steps: tuple[PathStep, ...],
        place: str,
        sort: Literal["flag", "entry"],
        before: Mapping[Hashable, Any],
        after: Mapping[Hashable, Any],
    ) -> Iterator[Difference]:
        for key in (*after, *(key for key in before if key not in after)):
            old, new = before.get(key, ABSENT), after.get(key, ABSENT)
            where = (*steps, PathStep(sort, key))
            if old is ABSENT or new is ABSENT:
                yield Difference(where, place, old, new)
            elif sort == "entry":
                yield from self.value(where, place, old, new)
            elif old != new:
                yield Difference(where, place, old, new)

    def _members(
        self, steps: tuple[PathStep, ...], place: str, before: Sequence[Any], after: Sequence[Any]
    ) -> Iterator[Difference]:
        """A list without order: what is equal is paired, then what is left is paired as it stands."""
        left = list(enumerate(before))
        new: list[Any] = []
        for entry in after:
            found = next((one for one in left if self._same(place, one[1], entry)), None)
            if found is None:
                new.append(entry)
            else:
                left.remove(found)
        if any(isinstance(entry, Mapping) for entry in new):
            for (number, old), entry in zip(left, new, strict=False):
                yield from self.value((*steps, PathStep("index", number)), place, old, entry)
            paired = min(len(left), len(new))
            left, new = left[paired:], new[paired:]
        for _, old in left:
            yield Difference((*steps, PathStep("member", old)), place, old, ABSENT)
        for entry in new:
            yield Difference((*steps, PathStep("member", entry)), place, ABSENT, entry)

    def _ordered(
        self, steps: tuple[PathStep, ...], place: str, before: Sequence[Any], after: Sequence[Any]
    ) -> Iterator[Difference]:
        """A list whose order matters: what is the same at both ends is left out, and the rest compared by position."""
        if not any(isinstance(entry, Mapping | list) for entry in (*before, *after)):
            yield Difference(steps, place, list(before), list(after))
            return
        shorter = min(len(before), len(after))
        start = next((at for at in range(shorter) if not self._same(place, before[at], after[at])), shorter)
        end = next(
            (at for at in range(shorter - start) if not self._same(place, before[-1 - at], after[-1 - at])),
            shorter - start,
        )
        old, new = before[start : len(before) - end], after[start : len(after) - end]
        for number, (one, other) in enumerate(zip(old, new, strict=False), start):
            yield from self.value((*steps, PathStep("index", number)), place, one, other)
        both = min(len(old), len(new))
        for number, one in enumerate(old[both:], start + both):
            yield Difference((*steps, PathStep("index", number)), place, one, ABSENT)
        for number, one in enumerate(new[both:], start + both):
            yield Difference((*steps, PathStep("index", number)), place, ABSENT, one)

    def _same(self, place: str, before: Any, after: Any) -> bool:
        return _equal(before, after) or next(self.value((), place, before, after), None) is None

    def _is_implied(self, place: str, value: Any) -> bool:
        """Whether a field would be the same if it were left out."""
        default = default_of(self.kind, place)
        if default and _equal(default[0], value):
            return True
        if not isinstance(value, Mapping) or not value:
            return False
        return all(
            self._is_implied(_below(place, name), inner) or (self.live and self._is_assigned(_below(place, name)))
            for name, inner in value.items()
        )

    def _is_assigned(self, place: str) -> bool:
        return bool({"assigned", "server"} & traits(self.kind, place).keys())

    def by_key(self, place: str, fields: tuple[str, ...], entries: Sequence[Any]) -> dict[Hashable, Any] | None:
        """The entries of a list by their keys; `None` when they have none, or two have the same."""
        found: dict[Hashable, Any] = {}
        for entry in entries:
            if not isinstance(entry, Mapping):
                return None
            key = tuple(self._part(place, field, entry) for field in fields)
            if key in found or all(part is None for part in key):
                return None
            found[key] = entry
        return found

    def _part(self, place: str, field: str, entry: Mapping[str, Any]) -> Hashable:
        value: Any = entry
        for name in field.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is None:
            value = next(iter(default_of(self.kind, f"{place}.{field}")), None)
        return value if isinstance(value, Hashable) else repr(value)


def _secrets_as_kept(*sides: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Secrets as the API server keeps them, without values that one side only refers to: nobody can compare those."""
    kept = []
    for side in sides:
        text = {key: value for key, value in inside(side, "stringData").items() if isinstance(value, str)}
        data = {key: value if _refers(value) else b64encode(value.encode()).decode() for key, value in text.items()}
        rest = {key: value for key, value in side.items() if key not in ("data", "stringData")}
        kept.append({**rest, "data": {**inside(side, "data"), **data}})
    unknown = {key for side in kept for key, value in side["data"].items() if _refers(value)}
    unknown &= set.intersection(*(set(side["data"]) for side in kept))
    return [
        {**side, "data": {key: value for key, value in side["data"].items() if key not in unknown}} for side in kept
    ]


def _refers(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("${")


def inside(tree: Any, *names: str) -> Mapping[str, Any]:
    """The mapping at some place of a tree; an empty one where there is none, as in a file that was edited by hand."""
    for name in names:
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree if isinstance(tree, Mapping) else {}


def flag_values(arguments: Sequence[str]) -> dict[Hashable, Any]:
    """A command line by its flags: each with its value, several values as a list, `true` for a flag without one.

    A flag that comes again is `--flag#2`: which of them counts is the program's affair, so their order is kept.
    """
    found: dict[Hashable, list[str]] = {}
    current: list[str] = found.setdefault(POSITIONAL, [])
    for argument in arguments:
        if _is_flag(argument):
            flag, joined, value = argument.partition("=")
            name, number = flag, 1
            while name in found:
                number += 1
                name = f"{flag}#{number}"
            current = found.setdefault(name, [value] if joined else [])
        else:
            current.append(argument)
    if not found[POSITIONAL]:
        del found[POSITIONAL]
    return {flag: _told(values) if flag else values for flag, values in found.items()}


def same_quantity(before: Any, after: Any) -> bool:
    """Whether two quantities have one value: `1000m` and 1, `1Gi` and `1024Mi`."""
    one, other = exact(str(before)), exact(str(after))
    return one is not None and one == other


def _equal(before: Any, after: Any) -> bool:
    # Python's True is 1; no field of an API is.
    return bool(before == after) and isinstance(before, bool) == isinstance(after, bool)


def _is_flag(argument: str) -> bool:
    return len(argument) > 1 and argument[0] == "-" and not argument[1].isdigit() and not argument[1].isspace()


def _told(values: list[str]) -> Any:
    if not values:
        return True
    return values[0] if len(values) == 1 else values


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _word(step: PathStep) -> str:
    match step.sort:
        case "field":
            return f".{step.name}" if _PLAIN.fullmatch(step.name) else f"[{step.name}]"
        case "entry":
            return f"[{'/'.join(str(part) for part in step.name if part is not None)}]"
        case "flag":
            return f"[{step.name}]" if step.name else ""
        case "member":
            return "[]" if isinstance(step.name, Mapping | list) else f"[{step.name}]"
        case _:
            return f"[{step.name}]"
