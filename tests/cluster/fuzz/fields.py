"""What the config models are made of: every field's type with its limits, read from the models themselves."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, JsonValue
from pydantic.fields import FieldInfo

from components.core.errors import Path

Model = type[BaseModel]
_LIMITS = ("pattern", "min_length", "max_length", "ge", "le", "gt", "lt", "multiple_of", "allow_inf_nan")


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of value.

    Attributes:
        sort: `str`, `int`, `float`, `bool`, `literal`, `models` (one of some), `dict`, `tuple`, `json` (any of it).
        limits: what a value of it must keep to, by the names pydantic gives them; `function` for code of ours.
        annotation: the type as it is written, to ask pydantic about.
        words: what a literal can be.
        models: what can stand here, told apart by `kind` when there are several.
        key: type of a mapping's keys.
        item: type of a mapping's values or a list's items.
    """

    sort: str
    limits: tuple[tuple[str, Any], ...]
    annotation: Any
    words: tuple[Any, ...] = ()
    models: tuple[Model, ...] = ()
    key: Kind | None = None
    item: Kind | None = None

    def limit(self, name: str) -> Any:
        """One limit, the tightest where there are several; `None` when there is none."""
        found = [value for limit, value in self.limits if limit == name]
        return None if not found else max(found) if name in ("ge", "gt", "min_length") else min(found)


class Site(NamedTuple):
    """A place in a stack's values.

    Attributes:
        path: where.
        kind: what must stand there.
        value: what does.
        owner: the model whose field it is, or is in.
        field: that field.
        is_key: whether it is the key of a mapping rather than a value.
    """

    path: Path
    kind: Kind
    value: Any
    owner: Model
    field: str
    is_key: bool = False


def kind_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> Kind:
    """The kind of a type as it is written in a model."""
    try:
        return _kind_of(annotation, metadata)
    except TypeError:  # not hashable: a default within
        return _kind_of.__wrapped__(annotation, metadata)


@cache
def _kind_of(annotation: Any, metadata: tuple[Any, ...]) -> Kind:
    full = Annotated[(annotation, *metadata)] if metadata else annotation
    bare, limits = _bare(annotation, metadata)
    origin, arguments = get_origin(bare), get_args(bare)
    if bare in (Any, JsonValue):
        return Kind("json", limits, full)
    if origin in (Union, types.UnionType):
        return Kind("models", limits, full, models=tuple(_bare(one, ())[0] for one in arguments))
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return Kind("models", limits, full, models=(bare,))
    if origin is Literal:
        return Kind("literal", limits, full, words=arguments)
    if origin is dict:
        return Kind("dict", limits, full, key=kind_of(arguments[0]), item=kind_of(arguments[1]))
    if origin is tuple:
        return Kind("tuple", limits, full, item=kind_of(arguments[0]))
    if bare in (str, int, float, bool):
        return Kind(bare.__name__, limits, full)
    raise NotImplementedError(f"no generated environment can have a field of type {annotation}; teach `fields` of it")


def fields_of(model: Model) -> dict[str, Kind]:
    """Every field of a model with its kind."""
    return {name: _field(field) for name, field in model.model_fields.items()}


def _field(field: FieldInfo) -> Kind:
    return kind_of(field.annotation, tuple(field.metadata))


def models_below(model: Model) -> list[Model]:
    """Every model below one and the model itself, each after those that are below it."""
    found: dict[Model, None] = {}

    def visit(kind: Kind) -> None:
        for one in kind.models:
            if one not in found:
                for below in fields_of(one).values():
                    visit(below)
                found[one] = None
        for part in (kind.key, kind.item):
            if part is not None:
                visit(part)

    visit(kind_of(model))
    return list(found)


def kinds_below(model: Model) -> Iterator[tuple[Model, str, Kind]]:
    """Every kind of every field below a model, those inside mappings and lists included."""
    for one in models_below(model):
        for name, kind in fields_of(one).items():
            waiting = [kind]
            while waiting:
                found = waiting.pop()
                yield one, name, found
                waiting += [part for part in (found.key, found.item) if part is not None]


def sites(values: Mapping[str, Any], model: Model, path: Path = ()) -> Iterator[Site]:
    """Every place in a model's values, outermost first."""
    for name, kind in fields_of(model).items():
        if name in values:
            yield from _sites(values[name], kind, model, name, (*path, name))


def _sites(value: Any, kind: Kind, owner: Model, field: str, path: Path) -> Iterator[Site]:
    yield Site(path, kind, value, owner, field)
    if kind.sort == "dict" and isinstance(value, dict) and kind.key and kind.item:
        for key, item in value.items():
            yield Site((*path, key), kind.key, key, owner, field, is_key=True)
            yield from _sites(item, kind.item, owner, field, (*path, key))
    elif kind.sort == "tuple" and isinstance(value, list) and kind.item:
        for number, item in enumerate(value):
            yield from _sites(item, kind.item, owner, field, (*path, number))
    elif kind.sort == "models" and isinstance(value, dict) and (chosen := chosen_model(kind, value)):
        yield from sites(value, chosen, path)


def chosen_model(kind: Kind, value: Mapping[str, Any]) -> Model | None:
    """Which of a kind's models a value is meant to be."""
    if len(kind.models) == 1:
        return kind.models[0]
    return next((one for one in kind.models if value.get("kind") in kind_words(one)), None)


def kind_words(model: Model) -> tuple[str, ...]:
    """What the `kind` of a model is."""
    return fields_of(model)["kind"].words


def _bare(annotation: Any, metadata: tuple[Any, ...]) -> tuple[Any, tuple[tuple[str, Any], ...]]:
    """A type without its limits and without the `None` of an optional one, and the limits."""
    found = [limit for one in metadata for limit in _limits(one)]
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            found += [limit for one in more for limit in _limits(one)]
        elif get_origin(annotation) in (Union, types.UnionType):
            members = [one for one in get_args(annotation) if one is not type(None)]
            if len(members) > 1:
                return annotation, tuple(found)
            annotation = members[0]
        else:
            return annotation, tuple(found)


def _limits(metadata: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(metadata, FieldInfo):
        for one in metadata.metadata:
            yield from _limits(one)
    for name in _LIMITS:
        if (value := getattr(metadata, name, None)) is not None:
            yield name, value
    if function := getattr(metadata, "func", None):
        yield "function", function.__qualname__
