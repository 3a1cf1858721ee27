"""Errors that teach: where, what was given, what is allowed, how to fix it; all problems at once.

ConfigError (ValueError)    wrong settings, raised by config models and by the stack loader
Misfit (ValueError)         raised inside validators, to name the fields that do not fit together
"""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .docs import field_docs

Path = tuple[str | int, ...]

_SECRET_WORD = re.compile(
    r"(^|[_.-])(token|secret|password|passwd|passphrase|credentials?|(api|access|private|secret)_?key)$", re.IGNORECASE
)
_SECRET_VALUE = re.compile(r"(hf_[A-Za-z0-9]{8,}|-----BEGIN|sk-[A-Za-z0-9]{16,}|AKIA[A-Z0-9]{12,}|gh[pousr]_\w{20,})")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and what to do about it.

    Attributes:
        path: where in the configuration, `("models", "llama", "engine")`.
        message: what was given, what is allowed, and the fix, in one line.
    """

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.message}" if self.path else self.message


class ConfigError(ValueError):
    """Wrong settings. `problems` holds every one of them; the text lists them, a line each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class MisfitError(ValueError):
    """Fields that do not fit together, raised inside a model's validator.

    Args:
        message: what was given, what is allowed, and the fix.
        at: path of the field to blame, below the model that raises.
    """

    def __init__(self, message: str, at: Path = ()) -> None:
        self.problems: tuple[Problem, ...] = (Problem(at, message),)
        super().__init__(message)

    @classmethod
    def raise_all(cls, problems: Sequence[Problem]) -> None:
        """Raise one error that carries all `problems`; do nothing when there are none."""
        if problems:
            error = cls("; ".join(str(problem) for problem in problems))
            error.problems = tuple(problems)
            raise error


def dotted(path: Path) -> str:
    """A path as people write it: `models.llama.rules[0].to`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def looks_secret(text: str) -> bool:
    """Whether a value has the form of a well-known credential."""
    return _SECRET_VALUE.search(text) is not None


def names_secret(name: str) -> bool:
    """Whether a field or variable name says that its value is a credential."""
    return _SECRET_WORD.search(name) is not None


def shown(value: Any, path: Path = ()) -> str:
    """A value for an error message: short, and never a secret."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if looks_secret(text) or any(names_secret(step) for step in path if isinstance(step, str)):
        return "a value that is not shown here"
    text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f'"{text}"' if isinstance(value, str) else text


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` most likely means, if any is close."""
    matches = difflib.get_close_matches(str(word), list(candidates), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(word: str, candidates: Iterable[str], noun: str = "one") -> str:
    """`did you mean X?` when something is close, and what is allowed otherwise."""
    names = sorted(candidates)
    match = nearest(word, names)
    listing = ", ".join(names) if names else "none are defined"
    return f"did you mean {match}? ({noun} of: {listing})" if match else f"use {noun} of: {listing}"


def problems_of(error: ValidationError, model: type[BaseModel], data: Any) -> Iterator[Problem]:
    """Reword pydantic's errors as problems with paths into the user's own data.

    Args:
        error: what pydantic raised.
        model: the model that was validated.
        data: what it was given; paths follow it, so the tags pydantic adds for unions disappear.
    """
    for entry in error.errors(include_url=False, include_input=True):
        path = _user_path(entry["loc"], data)
        cause = entry.get("ctx", {}).get("error")
        if isinstance(cause, MisfitError):
            for problem in cause.problems:
                yield Problem(path + problem.path, problem.message)
        else:
            yield Problem(path, _reworded(entry, path, model))


def _user_path(loc: tuple[int | str, ...], data: Any) -> Path:
    path: list[str | int] = []
    for number, step in enumerate(loc):
        present = (isinstance(data, Mapping) and step in data) or (
            isinstance(data, list | tuple) and isinstance(step, int) and step < len(data)
        )
        if present:
            data = data[step]
            path.append(step)
        elif number == len(loc) - 1 and step != "[key]" and isinstance(data, Mapping):
            path.append(step)
        elif isinstance(data, BaseModel):
            data = getattr(data, str(step), None)
            path.append(step)
    return tuple(path)


def _reworded(entry: Any, path: Path, model: type[BaseModel]) -> str:
    kind, context, given = entry["type"], entry.get("ctx", {}), shown(entry.get("input"), path)
    match kind:
        case "extra_forbidden":
            return _unknown_field(str(entry["loc"][-1]), entry["loc"], model)
        case "missing":
            return f"is required: {_description(entry['loc'], model)}"
        case "literal_error":
            words = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            return f"got {given}; {did_you_mean(str(entry.get('input')), words)}"
        case "union_tag_invalid":
            tags = str(context["expected_tags"]).replace("'", "").split(", ")
            word = str(context["tag"])
            return f'kind is "{word}"; {did_you_mean(word, tags)}'
        case "union_tag_not_found":
            return f"needs a kind; {_kinds(entry['loc'], model)}"
        case "int_type" | "int_from_float" | "int_parsing":
            return f"got {given}; must be a whole number; write it without quotes or a fraction"
        case "float_type" | "float_parsing":
            return f"got {given}; must be a number; write it without quotes"
        case "bool_type" | "bool_parsing":
            return f"got {given}; must be true or false (`yes` and `on` are plain text in Pulumi's YAML)"
        case "string_type":
            return f"got {given}; must be text" + _quote_hint(entry.get("input"))
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"got {given}; must be a mapping of fields"
        case "list_type" | "tuple_type":
            return f"got {given}; must be a list; write one item a line, each after `- `"
        case "greater_than_equal" | "greater_than":
            return f"got {given}; must be {_bounds(context)}"
        case "less_than_equal" | "less_than":
            return f"got {given}; must be {_bounds(context)}"
        case "string_pattern_mismatch":
            return f"got {given}; must be {_description(entry['loc'], model, types_only=True)}"
        case "string_too_long" | "string_too_short" | "too_short" | "too_long":
            return f"got {given}: {str(entry['msg'])[:1].lower()}{str(entry['msg'])[1:]}"
        case _:
            text = str(entry["msg"]).removeprefix("Value error, ")
            return f"got {given}: {text}" if kind != "value_error" else text


def _bounds(context: Mapping[str, Any]) -> str:
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    return " and ".join(f"{words[key]} {value}" for key, value in context.items() if key in words)


def _quote_hint(value: Any) -> str:
    return f'; put it in quotes: "{value}"' if isinstance(value, int | float) else ""


def _unknown_field(name: str, loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    owner = _owner(loc, model)
    hints: Mapping[str, str] = getattr(owner, "unknown_field_hints", {})
    if name in hints:
        return f"unknown field: {hints[name]}"
    fields = list(owner.model_fields) if owner else []
    return f"unknown field; {did_you_mean(name, fields)}"


def _description(loc: tuple[int | str, ...], model: type[BaseModel], *, types_only: bool = False) -> str:
    owner = _owner(loc, model)
    name = next((str(step) for step in reversed(loc) if owner and step in owner.model_fields), "")
    if not owner or not name:
        return "a name" if loc and loc[-1] == "[key]" else "of another form"
    form = _FORMS.get(_pattern(owner, name) or "")
    text = field_docs(owner).get(name, "").split("\n")[0]
    return form if form and types_only else f"{form} ({text})" if form and not types_only else text or name


def _pattern(owner: type[BaseModel], name: str) -> str | None:
    for annotation in _annotations(owner.model_fields[name].annotation, owner.model_fields[name].metadata):
        pattern = getattr(annotation, "pattern", None)
        if pattern:
            return str(pattern)
    return None


def _annotations(annotation: Any, extra: Iterable[Any] = ()) -> Iterator[Any]:
    """Every constraint in an annotation, however deep."""
    for item in extra:
        yield item
        yield from getattr(item, "metadata", ())
    if get_origin(annotation) is Annotated:
        inner, *rest = get_args(annotation)
        yield from _annotations(inner, rest)
    else:
        for argument in get_args(annotation):
            yield from _annotations(argument)


def _owner(loc: tuple[int | str, ...], model: type[BaseModel]) -> type[BaseModel] | None:
    """The innermost model on the way to `loc`."""
    owner: type[BaseModel] = model
    annotation: Any = model
    for step in loc[:-1] if loc else ():
        annotation = _below(annotation, step)
        for candidate in _models(annotation):
            owner = candidate
            break
        else:
            if annotation is None:
                return owner
    return owner


def _below(annotation: Any, step: str | int) -> Any:
    """The annotation one step down: a field, a list's item, a mapping's value, or a union's tagged member."""
    if get_origin(annotation) is Annotated:
        return _below(get_args(annotation)[0], step)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        found = annotation.model_fields.get(str(step))
        return found.annotation if found else None
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        for member in members:
            if step in _tags(member):
                return member
        below = [found for found in (_below(member, step) for member in members) if found is not None]
        return below[0] if below else None
    arguments = get_args(annotation)
    if not arguments:
        return None
    return arguments[-1] if arguments[-1] is not Ellipsis else arguments[0]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if get_origin(annotation) is Annotated:
        yield from _models(get_args(annotation)[0])
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        if len(members) == 1:
            yield from _models(members[0])


def _tags(member: Any) -> tuple[Any, ...]:
    for candidate in _models(member):
        kind = candidate.model_fields.get("kind")
        if kind is not None and get_origin(kind.annotation) is Literal:
            return get_args(kind.annotation)
    return ()


def _kinds(loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    annotation: Any = model
    for step in loc:
        annotation = _below(annotation, step)
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    tags = [str(tag) for member in get_args(annotation) for tag in _tags(member)]
    return f"write `kind:` and one of: {', '.join(tags)}" if tags else "write `kind:` first"


_FORMS: dict[str, str] = {}


def describe_pattern(pattern: str, words: str) -> None:
    """Give a pattern its description in words, for errors about it."""
    _FORMS[pattern] = words
