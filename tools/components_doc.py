"""docs/components.md: every setting of a stack and every class for other programs, as the code describes them.

Settings come from the schema that editors have, classes from their source: neither Pulumi nor a provider is imported.
`make docs` writes the page; a test says when it is out of date.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml

from components.core.wording import INT32
from infra.commands.schema import stack_schema

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "components.md"
_TEMPLATES = Path(__file__).parent / "templates"
_MODEL = "#/$defs/"
_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


@dataclass(frozen=True, slots=True)
class Section:
    """One top-level key of a stack: its schema, and those of the models that it is the first to need, by name."""

    key: str
    schema: Mapping[str, Any]
    models: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a class's constructor, in words."""

    name: str
    type: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class PublicClass:
    """One Pulumi component class, read from its source."""

    name: str
    summary: str
    arguments: tuple[Argument, ...]
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
    environment.filters |= {"in_words": in_words, "yaml": _yaml, "paragraphs": _paragraphs}
    template = environment.get_template("components.md.j2")
    return template.render(sections=list(sections()), classes=list(public_classes()))


def sections() -> Iterator[Section]:
    """The sections of a stack, in the order of the root model."""
    schema = stack_schema()
    models = {name: model for name, model in schema["$defs"].items() if "properties" in model}
    for key, section in schema["properties"]["config"]["properties"].items():
        yield Section(key.partition(":")[2], section, dict(_taken(section, models)))


def _taken(schema: Any, models: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Take out of `models` those that a schema leads to, each before those below it."""
    if isinstance(schema, Mapping) and "$ref" in schema:
        if (name := schema["$ref"].removeprefix(_MODEL)) in models:
            yield name, (model := models.pop(name))
            yield from _taken(model["properties"], models)
    elif isinstance(schema, Mapping | list):
        for below in schema.values() if isinstance(schema, Mapping) else schema:
            yield from _taken(below, models)


def in_words(schema: Any) -> str:
    """A schema as people say it: `whole number, 2 to 48`, `list of text`, a link to a model."""
    match schema:
        case {"$ref": reference} if (name := reference.removeprefix(_MODEL)) != "JsonValue":
            return f"[{name}](#{name.lower()})"
        case {"const": value}:
            return f"`{value}`"
        case {"enum": values}:
            return _either([f"`{value}`" for value in values])
        case {"oneOf": branches} | {"anyOf": branches}:
            return _either([in_words(branch) for branch in branches])
        case {"type": "array", "items": {} as items}:
            item = in_words(items)
            # "list of a zone such as …" would be no English; a link, words to choose from and plain text are.
            joint = " of" if item[0] in "[`" or item == "text" else ", each"
            return f"list{joint} {item}{', at least one' if 'minItems' in schema else ''}"
        case {"type": "object", "additionalProperties": values}:
            names = in_words({"type": "string", **schema.get("propertyNames", {})})
            return f"mapping from {names} to {in_words(values)}{', at least one' if 'minProperties' in schema else ''}"
        case {"patternErrorMessage": message}:
            return f"{message.removeprefix('must be ')}{_length(schema)}"
        case {"type": "string"}:
            return f"text{_length(schema)}"
        case {"type": "boolean"}:
            return "true or false"
        case {"type": "integer" | "number" as kind}:
            return f"{'whole number' if kind == 'integer' else kind}{_bounds(schema)}"
    return "any value"


def _either(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _length(text: Mapping[str, Any]) -> str:
    bounds = [f"at least {text['minLength']}"] if text.get("minLength", 1) > 1 else []
    bounds += [f"at most {text['maxLength']}"] if "maxLength" in text else []
    return f" ({' and '.join(bounds)} characters)" if bounds else ""


def _bounds(number: Mapping[str, Any]) -> str:
    limits = {name: number[name] for name in _LIMITS if name in number}
    if limits.get("maximum") == INT32:  # nobody asks for that many
        del limits["maximum"]
    if limits.keys() == {"minimum", "maximum"}:
        return f", {limits['minimum']:,} to {limits['maximum']:,}"
    return "".join(f", {_LIMITS[name]} {value:,}" for name, value in limits.items())


def _yaml(value: Any) -> str:
    """A value as YAML in one line."""
    return yaml.safe_dump([value], default_flow_style=True, sort_keys=False, width=math.inf).strip()[1:-1]


def _paragraph(text: str) -> str:
    """A docstring's first paragraph in one line."""
    return _line(text.split("\n\n", maxsplit=1)[0])


def _paragraphs(text: str) -> str:
    return "\n\n".join(_line(paragraph) for paragraph in text.split("\n\n") if paragraph.strip())


def _line(text: str) -> str:
    return " ".join(text.split())


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


def _arguments(maker: ast.FunctionDef, meanings: Mapping[str, str]) -> Iterator[Argument]:
    spec = maker.args
    positional = spec.args[1:]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(spec.defaults))
    pairs = [*zip(positional, [*defaults, *spec.defaults], strict=True)]
    pairs += [*zip(spec.kwonlyargs, spec.kw_defaults, strict=True)]
    for argument, default in pairs:
        yield Argument(
            argument.arg,
            ast.unparse(argument.annotation) if argument.annotation else "Any",
            f"`{ast.unparse(default)}`" if default else "**required**",
            meanings.get(argument.arg, ""),
        )


def main() -> None:
    """Write the page."""
    PAGE.write_text(components_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
