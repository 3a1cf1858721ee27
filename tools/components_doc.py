"""docs/components.md: every setting of a stack and every class for other programs, as the code describes them.

Pure: it looks at the models and at the source of the Pulumi classes, and imports neither Pulumi nor a provider.
`make docs` writes the page; a test says when it is out of date.
"""

from __future__ import annotations

import ast
import inspect
import re
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import jinja2
from pydantic import BaseModel, JsonValue
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from components.core.docs import field_docs
from components.core.errors import pattern_words
from components.core.wording import INT32
from infra.plan.environment import Environment

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "components.md"
_TEMPLATES = Path(__file__).parent / "templates"
_KIND = "Which of these it is."
"""What a `kind` means where its model says nothing more."""


@dataclass(frozen=True, slots=True)
class Field:
    """One setting, or one argument of a class's constructor, in words."""

    name: str
    type: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Settings:
    """One config model, in words."""

    name: str
    summary: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One top-level key of a stack: what it holds, and the models that it is the first to need."""

    key: str
    type: str
    meaning: str
    settings: tuple[Settings, ...]


@dataclass(frozen=True, slots=True)
class PublicClass:
    """One Pulumi component class, read from its source."""

    name: str
    summary: str
    arguments: tuple[Field, ...]
    outputs: tuple[tuple[str, str], ...]


def components_page() -> str:
    """The whole page as Markdown; the same code always gives the same text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=False,  # noqa: S701 - Markdown from our own docstrings, not HTML from users
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.get_template("components.md.j2")
    return template.render(sections=list(sections()), classes=list(public_classes()))


def sections() -> Iterator[Section]:
    """The sections of a stack, in the order of the root model."""
    described: set[type[BaseModel]] = {Environment}
    meanings = field_docs(Environment)
    for name, field in Environment.model_fields.items():
        models = list(_nested(field.annotation, described))
        yield Section(
            key=name,
            type=_sentence(in_words(field.annotation, field.metadata)),
            meaning=_paragraph(meanings[name]),
            settings=tuple(_settings(model) for model in models),
        )


def _nested(annotation: Any, described: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    """The models an annotation leads to and that were not described yet, each before those below it."""
    for model in _models_in(annotation):
        if model in described:
            continue
        described.add(model)
        yield model
        for field in model.model_fields.values():
            yield from _nested(field.annotation, described)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _settings(model: type[BaseModel]) -> Settings:
    meanings = field_docs(model)
    fields = tuple(
        Field(
            name,
            _cell(in_words(field.annotation, field.metadata)),
            _cell(_default(field)),
            _cell(_paragraph(meanings.get(name, _KIND if name == "kind" else ""))),
        )
        for name, field in model.model_fields.items()
    )
    return Settings(model.__name__, _paragraphs(inspect.cleandoc(model.__doc__ or "")), fields)


def in_words(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """A type as people say it: `whole number, 2 to 48`, `list of text`, a link to a model."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *more = arguments
        return in_words(inner, [*more, *metadata])
    if origin is Literal:
        return _either([f"`{value}`" for value in arguments])
    if origin in (Union, types.UnionType):
        members = [member for member in arguments if member is not type(None)]
        return _either([in_words(member, metadata if len(members) == 1 else ()) for member in members])
    if origin is tuple:
        item = in_words(arguments[0])
        # "list of a zone such as …" would be no English; a link, words to choose from and plain text are.
        joint = " of" if item[0] in "[`" or item == "text" else ", each"
        return f"list{joint} {item}{_length(metadata)}"
    if origin is dict:
        return f"mapping from {in_words(arguments[0])} to {in_words(arguments[1])}{_length(metadata)}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _link(annotation)
    if annotation is str:
        return _text(metadata)
    if annotation is JsonValue:
        return "anything"
    numbers = {bool: "true or false", int: "whole number", float: "number"}
    if annotation in (Any, JsonValue):
        return "any value"
    return numbers[annotation] + _bounds(metadata)


def _link(model: type[BaseModel]) -> str:
    return f"[{model.__name__}](#{model.__name__.lower()})"


def _either(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _constraints(metadata: Iterable[Any]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _constraints(item.metadata)
        else:
            yield item


def _constraint(metadata: Iterable[Any], name: str) -> Any:
    """The last value of a constraint, which is the one that holds; None when there is none."""
    found = [getattr(item, name) for item in _constraints(metadata) if getattr(item, name, None) is not None]
    return found[-1] if found else None


def _text(metadata: Sequence[Any]) -> str:
    pattern = _constraint(metadata, "pattern")
    words = (pattern_words(str(pattern)) if pattern else None) or "text"
    longest, shortest = _constraint(metadata, "max_length"), _constraint(metadata, "min_length")
    bounds = [f"at least {shortest}"] if shortest and shortest > 1 else []
    bounds += [f"at most {longest}"] if longest else []
    return f"{words} ({' and '.join(bounds)} characters)" if bounds else words


def _length(metadata: Sequence[Any]) -> str:
    return ", at least one" if _constraint(metadata, "min_length") else ""


def _bounds(metadata: Sequence[Any]) -> str:
    low, high = _tightest(metadata, "ge", max), _tightest(metadata, "le", min)
    if high == INT32:  # nobody asks for that many
        return f", at least {low:,}"
    if low is not None and high is not None:
        return f", {low:,} to {high:,}"
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    found = {name: _constraint(metadata, name) for name in words}
    return "".join(f", {words[name]} {value:,}" for name, value in found.items() if value is not None)


def _tightest(metadata: Sequence[Any], name: str, choose: Any) -> Any:
    found = [value for item in _constraints(metadata) if (value := getattr(item, name, None)) is not None]
    return choose(found) if found else None


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        value = field.default_factory()  # type: ignore[call-arg]  # ours take nothing
    elif field.default is PydanticUndefined:
        return "**required**"
    else:
        value = field.default
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_unset=True)
    return f"`{text}`" if (text := _flow(value)) else ""


def _flow(value: Any) -> str:
    """A value as YAML in one line; empty for nothing."""
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_unset=True)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_flow(inner)}' for key, inner in value.items())}}}" if value else ""
    if isinstance(value, list | tuple):
        return f"[{', '.join(_flow(inner) for inner in value)}]" if value else ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and re.fullmatch(r"[\d.]+", value):
        return f'"{value}"'
    return "" if value is None else str(value)


def _paragraph(text: str) -> str:
    """A docstring's first paragraph in one line."""
    return _line(text.split("\n\n", maxsplit=1)[0])


def _paragraphs(text: str) -> str:
    return "\n\n".join(_line(paragraph) for paragraph in text.split("\n\n") if paragraph.strip())


def _line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def public_classes() -> Iterator[PublicClass]:
    """The Pulumi classes of components/classes, read without importing them."""
    for path in sorted((ROOT / "components").glob("classes/*.py")):
        if path.stem == "component":  # what the others are made of
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        for name, node in classes.items():
            if not name.startswith("_"):
                yield _public_class(name, node, classes)


def _public_class(name: str, node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> PublicClass:
    lineage = [node, *_ancestors(node, classes)]
    maker = next(method for owner in lineage if (method := _methods(owner).get("__init__")))
    documented = next(owner for owner in lineage if "Args:" in (ast.get_docstring(owner) or "") or owner is lineage[-1])
    outputs = {
        method.name: _paragraph(ast.get_docstring(method) or "")
        for owner in reversed(lineage)
        for method in _methods(owner).values()
        if any(isinstance(mark, ast.Name) and mark.id == "property" for mark in method.decorator_list)
    }
    summary = (ast.get_docstring(node) or "").split("Args:")[0]
    arguments = tuple(_arguments(maker, _args_section(ast.get_docstring(documented) or "")))
    return PublicClass(name, _paragraphs(summary), arguments, tuple(outputs.items()))


def _ancestors(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> Iterator[ast.ClassDef]:
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in classes:
            yield classes[base.id]
            yield from _ancestors(classes[base.id], classes)


def _methods(node: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    return {method.name: method for method in node.body if isinstance(method, ast.FunctionDef)}


def _args_section(docstring: str) -> dict[str, str]:
    """The `Args:` of a Google docstring, by name."""
    section = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", docstring, re.MULTILINE | re.DOTALL)
    found: dict[str, str] = {}
    for entry in re.split(r"^    (?=\w+: )", section[1] if section else "", flags=re.MULTILINE)[1:]:
        name, _, meaning = entry.partition(":")
        found[name] = _line(meaning)
    return found


def _arguments(maker: ast.FunctionDef, meanings: Mapping[str, str]) -> Iterator[Field]:
    spec = maker.args
    positional = spec.args[1:]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(spec.defaults))
    pairs = [*zip(positional, [*defaults, *spec.defaults], strict=True)]
    pairs += [*zip(spec.kwonlyargs, spec.kw_defaults, strict=True)]
    for argument, default in pairs:
        yield Field(
            argument.arg,
            _cell(ast.unparse(argument.annotation) if argument.annotation else "Any"),
            f"`{ast.unparse(default)}`" if default else "**required**",
            _cell(meanings.get(argument.arg, "")),
        )


def main() -> None:
    """Write the page."""
    PAGE.write_text(components_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
