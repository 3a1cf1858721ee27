"""Pydantic's errors in our words: the user's own path, what was given, what is allowed, and the fix."""

from __future__ import annotations

import types
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .docs import field_docs
from .errors import MisfitError, Path, Problem, did_you_mean, nearest, pattern_words, shown

INT32 = 2**31 - 1
"""The largest whole number of most fields of Kubernetes; JSON with a larger one is refused as a whole."""
_KEY = "[key]"
"""How pydantic marks an error about a mapping's key rather than its value."""


@dataclass(frozen=True, slots=True)
class _ErrorPlace:
    """Where an error stands: the user's path, its type, and the model that has it as a field."""

    path: Path
    annotation: Any
    owner: type[BaseModel] | None
    field: str


def problems_of(error: ValidationError, model: type[BaseModel]) -> Iterator[Problem]:
    """Reword pydantic's errors as problems with paths into the user's own data.

    Args:
        error: what pydantic raised.
        model: the model that was validated.

    Raises:
        Exception: what a validator raised that is no `MisfitError`, because that is a bug.
    """
    entries = error.errors(include_url=False, include_input=True)
    echoes = _Echoes(entries)
    for entry in entries:
        if echoes.has(entry):
            continue
        place = _place(entry["loc"], model)
        cause = entry.get("ctx", {}).get("error")
        if isinstance(cause, MisfitError):
            for problem in cause.problems:
                yield Problem(place.path + problem.path, problem.message)
        elif isinstance(cause, Exception):
            # A validator of ours slipped: whoever wrote the settings can put nothing right.
            raise cause
        elif entry["type"] == "union_tag_invalid":
            yield Problem((*place.path, "kind"), _reworded(entry, place))
        else:
            yield Problem(place.path, _reworded(entry, place))


class _Echoes:
    """Errors that only repeat another one: a misspelt field is also missing, a list of wrong items also too short."""

    def __init__(self, entries: Iterable[Any]) -> None:
        self.above: set[tuple[int | str, ...]] = set()
        self.strays: dict[tuple[int | str, ...], list[str]] = defaultdict(list)
        for entry in entries:
            loc = entry["loc"]
            self.above.update(loc[:length] for length in range(len(loc)))
            if entry["type"] == "extra_forbidden":
                self.strays[loc[:-1]].append(str(loc[-1]))

    def has(self, entry: Any) -> bool:
        """Whether the error has its cause in another one."""
        loc = entry["loc"]
        if entry["type"] == "missing":
            return nearest(str(loc[-1]), self.strays.get(loc[:-1], ())) is not None
        return entry["type"] == "too_short" and loc in self.above


def _place(loc: tuple[int | str, ...], model: type[BaseModel]) -> _ErrorPlace:
    path: list[str | int] = []
    annotation: Any = model
    above: Any = None
    owner, field = None, ""
    for step in loc:
        if step == _KEY:
            keys = get_args(_bare(above))
            annotation = keys[0] if keys else None
            continue
        member = _tagged(annotation, step)
        if member is not None:  # the tag that pydantic adds for a union
            annotation = member
            continue
        if (found := _model(annotation)) is not None:
            owner, field = found, str(step)
        above, annotation = annotation, _below(annotation, step)
        path.append(step)
    return _ErrorPlace(tuple(path), annotation, owner, field)


def _reworded(entry: Any, place: _ErrorPlace) -> str:
    kind, context, value = entry["type"], entry.get("ctx", {}), entry.get("input")
    given = "has no value" if value is None else f"got {shown(value, place.path)}"
    match kind:
        case "extra_forbidden":
            return _unknown_field(place)
        case "missing":
            return f"is required: {_wanted(place)}"
        case "literal_error":
            words = _literals(place.annotation) or str(context["expected"]).replace("'", "").split(", ")
            return f"{given}; {did_you_mean(str(value), words)}"
        case "union_tag_invalid":
            return f'got "{context["tag"]}"; {did_you_mean(str(context["tag"]), _tags(place.annotation))}'
        case "union_tag_not_found":
            return f"needs a kind; write `kind:` and one of: {', '.join(_tags(place.annotation))}"
        case "int_type" | "int_from_float" | "int_parsing":
            return f"{given}; must be a whole number; write it without quotes or a fraction"
        case "float_type" | "float_parsing":
            return f"{given}; must be a number; write it without quotes"
        case "bool_type" | "bool_parsing":
            hint = " (`yes` and `on` are plain text in Pulumi's YAML)" if isinstance(value, str) else ""
            return f"{given}; must be true or false{hint}"
        case "string_type":
            return f"{given}; must be {_form(place.annotation) or 'text'}{_quote_hint(value)}"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{given}; must be a mapping; {_mapping_hint(place, value)}"
        case "list_type" | "tuple_type":
            return f"{given}; must be a list; {_list_hint(value, place.path)}"
        case "greater_than_equal" | "greater_than" | "less_than_equal" | "less_than":
            return f"{given}; must be {_bounds(place.annotation, value) or entry['msg']}"
        case "string_pattern_mismatch":
            return f"{given}; must be {_form(place.annotation) or 'of another form'}"
        case "string_too_long":
            return f"{given}, {len(str(value))} characters; must be at most {context['max_length']}; shorten it"
        case "string_too_short":
            return f"{given}, {len(str(value))} characters; must be at least {context['min_length']}; write more"
        case "too_short":
            return "is empty; give at least one"
        case _:
            text = str(entry["msg"]).removeprefix("Value error, ")
            return text if kind == "value_error" else f"{given}: {text[:1].lower()}{text[1:]}"


def _unknown_field(place: _ErrorPlace) -> str:
    hints: Mapping[str, str] = getattr(place.owner, "unknown_field_hints", {})
    if place.field in hints:
        return f"unknown field: {hints[place.field]}"
    words = getattr(place.owner, "unknown_field_words", "unknown field")
    return f"{words}; {did_you_mean(place.field, place.owner.model_fields if place.owner else ())}"


def _wanted(place: _ErrorPlace) -> str:
    """What a missing field is: its form, its kinds, its words, or what its docstring says first."""
    if tags := _tags(place.annotation):
        return f"write `{place.field}:` with a `kind:`, one of: {', '.join(tags)}"
    if words := _literals(place.annotation):
        return f"one of: {', '.join(words)}"
    told = " ".join(field_docs(place.owner).get(place.field, "").split()) if place.owner else ""
    sentence = told.partition(". ")[0].removesuffix(".")
    return _form(place.annotation) or (sentence[:1].lower() + sentence[1:]) or place.field


def _quote_hint(value: Any) -> str:
    if not isinstance(value, int | float):
        return ""
    return f'; put it in quotes: "{str(value).lower() if isinstance(value, bool) else value}"'


def _mapping_hint(place: _ErrorPlace, value: Any) -> str:
    if tags := _tags(place.annotation):
        return f"write `kind:` below it, one of: {', '.join(tags)}"
    if (model := _model(place.annotation)) is not None:
        required = [name for name, field in model.model_fields.items() if field.is_required()]
        return f"write its fields below it, indented, such as {' and '.join(required or list(model.model_fields)[:2])}"
    if isinstance(value, list | tuple):
        return "write `name:` before each item's settings, and no `-`"
    return "write `name: …` below it, indented"


def _list_hint(value: Any, path: Path) -> str:
    if isinstance(value, str) and len(value.split()) == 1 and f'"{value}"' == shown(value, path):
        return f"write [{value}]"
    return "write one item a line, each after `- `"


def _bounds(annotation: Any, value: Any) -> str:
    found: dict[str, Any] = {}
    for limit in _constraints(annotation):
        for name, tighter in (("ge", max), ("gt", max), ("le", min), ("lt", min)):
            bound = getattr(limit, name, None)
            if bound is not None:
                found[name] = tighter(found.get(name, bound), bound)
    if found.get("le") == INT32 and value <= INT32:
        del found["le"]  # nobody asks for that many
    if found.keys() == {"ge", "le"}:
        return f"{found['ge']} to {found['le']}"
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    return " and ".join(f"{words[name]} {bound}" for name, bound in found.items())


def _form(annotation: Any) -> str:
    """What a text must be like, in words."""
    patterns = (getattr(limit, "pattern", None) for limit in _constraints(annotation))
    return next((words for pattern in patterns if pattern and (words := pattern_words(str(pattern)))), "")


def _literals(annotation: Any) -> tuple[str, ...]:
    bare = _bare(annotation)
    return tuple(str(word) for word in get_args(bare)) if get_origin(bare) is Literal else ()


def _tags(annotation: Any) -> tuple[str, ...]:
    """The kinds of a union that is told apart by `kind`; empty for any other type."""
    return tuple(tag for member in _members(annotation) for tag in _tags_of(member))


def _tagged(annotation: Any, tag: int | str) -> Any:
    return next((member for member in _members(annotation) if tag in _tags_of(member)), None)


def _members(annotation: Any) -> tuple[Any, ...]:
    bare = _bare(annotation)
    return get_args(bare) if get_origin(bare) in (Union, types.UnionType) else ()


def _tags_of(member: Any) -> tuple[str, ...]:
    model = _model(member)
    kind = model.model_fields.get("kind") if model else None
    return _literals(kind.annotation) if kind else ()


def _model(annotation: Any) -> type[BaseModel] | None:
    bare = _bare(annotation)
    return bare if isinstance(bare, type) and issubclass(bare, BaseModel) else None


def _below(annotation: Any, step: str | int) -> Any:
    """The type one step down: of a field, a list's item, or a mapping's value; `None` when there is none."""
    if (model := _model(annotation)) is not None:
        field = model.model_fields.get(str(step))
        return Annotated[(field.annotation, *(field.metadata or (None,)))] if field else None
    arguments = [argument for argument in get_args(_bare(annotation)) if argument is not Ellipsis]
    return arguments[-1] if arguments else None


def _constraints(annotation: Any) -> Iterator[Any]:
    """Every constraint on a value of this type itself, not on what is inside it."""
    if get_origin(annotation) is Annotated:
        inner, *limits = get_args(annotation)
        for limit in limits:
            yield limit
            yield from getattr(limit, "metadata", ())
        yield from _constraints(inner)
    elif get_origin(annotation) in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _constraints(member)


def _bare(annotation: Any) -> Any:
    """The type without its constraints, and without the `None` of an optional one."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            members = [member for member in get_args(annotation) if member is not type(None)]
            if len(members) > 1:
                return annotation
            annotation = members[0]
        else:
            return annotation
