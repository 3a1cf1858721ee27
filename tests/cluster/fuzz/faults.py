"""Faults: changes of a stack that break one limit of one field's type, whatever the field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

from components.core.errors import Path
from infra.plan.environment import Environment

from .fields import Kind, Site, sites
from .values import illegal

_OTHERS: Mapping[str, tuple[Any, ...]] = {
    "bool": ("yes", 1), "int": ("3", 1.5, True, []), "float": ("1", True), "str": (3, [], {}, True),
    "tuple": ("x", {}, 1), "dict": ("x", [], 1), "models": ("x", [], 1), "literal": ("other", 1, True), "json": (),
}  # fmt: skip
"""Values of another sort than a field's."""


ANY = object()
"""Stands for any legal value."""


class Fault(NamedTuple):
    """A change of a stack.

    Attributes:
        path: where; for a key, the key's own.
        limit: what it breaks: a limit of the field's type, `type` itself, `extra`, or `missing`.
        kind: the field's type.
        value: what stands there then.
        is_key: whether it renames a key.
    """

    path: Path
    limit: str
    kind: Kind
    value: Any
    is_key: bool = False


def faults(values: Mapping[str, Any]) -> list[Fault]:
    """Every fault that a stack can be given, in the order of its places."""
    return [fault for site in sites(values, Environment) for fault in faults_at(site)]


def changes(values: Mapping[str, Any]) -> list[Fault]:
    """Every place whose value could be another legal one, by the model it is in."""
    return [
        Fault(site.path, site.owner.__name__, site.kind, ANY)
        for site in sites(values, Environment)
        if not site.is_key and site.kind.sort not in ("models", "dict", "tuple") and site.field != "kind"
    ]


def faults_at(site: Site) -> Iterator[Fault]:
    """Every fault that one place can be given."""
    path, kind = site.path, site.kind
    for limit in dict.fromkeys(name for name, _ in kind.limits):
        for value in illegal(kind, limit):
            yield Fault(path, limit, kind, value, site.is_key)
        if limit == "min_length" and kind.sort in ("tuple", "dict"):
            yield Fault(path, limit, kind, [] if kind.sort == "tuple" else {})
    if kind.sort == "literal" and len(kind.words) > 1:
        yield Fault(path, "words", kind, "Other")
    if not site.is_key:
        for other in _OTHERS[kind.sort]:
            yield Fault(path, "type", kind, other)
    if kind.sort == "models" and isinstance(site.value, dict):
        yield Fault((*path, "unheard_of"), "extra", kind, "x")


def with_fault(values: Mapping[str, Any], fault: Fault) -> dict[str, Any]:
    """The stack with a fault."""
    changed = deepcopy(dict(values))
    holder: Any = changed
    for step in fault.path[:-1]:
        holder = holder[step]
    last = fault.path[-1]
    if fault.is_key:
        holder[fault.value] = holder.pop(last)
    else:
        holder[last] = fault.value
    return changed
