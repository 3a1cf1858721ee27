"""Pulumi.yaml as Pulumi reads it: the project's name, where its stacks are, and what its config gives or asks for.

Follows pulumi/pulumi@1b594989 sdk/go/common/workspace/project.go and pkg/workspace/config.go (mergeConfig); the types
of the keys are those of sdk/go/common/workspace/project.json in v3.274.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, field_validator, model_validator

from components.core.config import Config, Flag, patterned
from components.core.errors import ConfigError, MisfitError, Problem, did_you_mean

from . import goyaml
from .yamlfile import StackError, lines_of, nearest_line, one_problem, read_text
from .yamltree import SEALED, parse, sealed_in

_TYPES = ("string", "integer", "boolean", "array", "object")


def _unsealed(value: Any) -> Any:
    if next(sealed_in(value), None) is not None:
        raise MisfitError("holds an encrypted value; only a stack's own file can, because each stack has its own key")
    return value


def _runtime(value: Any) -> Any:
    if isinstance(value, str):
        return {"name": value}
    if not isinstance(value, Mapping):
        raise MisfitError("must be `python`, or a mapping with a name and options")
    return value


_Plain = Annotated[Any, AfterValidator(_unsealed)]
_Mapping = dict[str, Any] | None


class Declared(Config):
    """One key of Pulumi.yaml's `config:`; a key that has no mapping below it has its `value:` there."""

    unknown_field_words: ClassVar[str] = "is not understood here (an object goes below `default:` or `value:`)"

    items: _Plain = None
    """An array's item type, `{"type": …, "items": …}`."""
    type: str | None = None
    """string, integer, boolean, array or object; without one all are accepted."""
    description: _Plain = None
    secret: Flag | None = None
    """Whether stacks must encrypt it."""
    value: _Plain = None
    default: _Plain = None

    @property
    def given(self) -> Any:
        """What a stack without the key gets, scalars as text; never merged with what a stack has. `None` is nothing."""
        given = self.value if self.default is None else self.default
        return given if given is None or isinstance(given, dict | list) else goyaml.as_text(given)

    @model_validator(mode="before")
    @classmethod
    def _is_value(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return value
        if value is None or value is SEALED or isinstance(value, float):
            raise MisfitError("needs text, a whole number, true or false, a list, or a mapping with `default:`")
        return {"value": value}

    @field_validator("type")
    @classmethod
    def _is_type(cls, kind: str | None, info: ValidationInfo) -> str | None:
        if kind is not None and kind not in _TYPES:
            raise MisfitError(f"is no type; {did_you_mean(kind, _TYPES)}")
        if kind == "array" and not isinstance(info.data.get("items"), dict):
            raise MisfitError("is array, which needs `items: {type: …}`")
        return kind

    @field_validator("default")
    @classmethod
    def _is_of_type(cls, default: Any, info: ValidationInfo) -> Any:
        kind = info.data.get("type")
        if default is not None and not fits(kind, info.data.get("items"), default):
            raise MisfitError(f"is not of the declared type {kind}; correct one of them")
        return default


class _Runtime(Config):
    name: str
    """The language, such as python."""
    options: _Mapping = None


class _File(Config):
    """The keys of Pulumi.yaml, by Pulumi's own names."""

    unknown_field_words: ClassVar[str] = "is no key of Pulumi.yaml, and Pulumi ignores it"

    name: Annotated[str, patterned("^.", "the project's name, as in `name: inference`")]
    runtime: Annotated[_Runtime | None, BeforeValidator(_runtime)] = None
    main: str | None = None
    description: str | None = None
    author: str | None = None
    website: str | None = None
    license: str | None = None
    requiredPulumiVersion: str | None = None  # noqa: N815
    stackConfigDir: str | None = None  # noqa: N815
    config: dict[str, Declared] | None = None
    template: _Mapping = None
    backend: _Mapping = None
    options: _Mapping = None
    packages: _Mapping = None
    plugins: _Mapping = None

    @model_validator(mode="before")
    @classmethod
    def _with_folder(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Take text at `config:` for the stacks' folder, which is what stackConfigDir was called."""
        folder = data.get("config")
        if not isinstance(folder, str):
            return data
        return {**data, "stackConfigDir": data.get("stackConfigDir") or folder, "config": None}


@dataclass(frozen=True, slots=True)
class Project:
    """What Pulumi.yaml says.

    Attributes:
        name: the project; also the namespace of configuration keys that have none.
        path: Pulumi.yaml itself.
        stack_config_dir: the folder of the stack files.
        config: declared keys by full name, `inference:models`.
    """

    name: str
    path: FilePath
    stack_config_dir: FilePath
    config: Mapping[str, Declared] = field(default_factory=dict)


def full_key(key: str, project: str) -> str | None:
    """A configuration key with its namespace, `None` when Pulumi cannot read it (key.go, ParseKey)."""
    parts = key.split(":")
    if len(parts) == 1:
        parts = [project, key]
    elif len(parts) == 3 and parts[1] == "config":  # noqa: PLR2004 - the form of 2017, inference:config:models
        parts = [parts[0], parts[2]]
    return ":".join(parts) if len(parts) == 2 and all(parts) else None  # noqa: PLR2004


def load_project(root: FilePath | str) -> Project:
    """Read Pulumi.yaml.

    Args:
        root: the folder that holds it, or the file.

    Raises:
        StackError: every problem at once.
    """
    path = FilePath(root)
    path = path if path.name == "Pulumi.yaml" else path / "Pulumi.yaml"
    text = read_text(path)
    data, located = parse(path, text)
    if not isinstance(data, dict):
        raise (
            StackError(path, located)
            if located
            else one_problem(path, "must be a mapping with a `name:`; write `name: inference`")
        )
    file, problems = None, list(_misfits(data))
    try:
        file = _File(**data)
    except ConfigError as error:
        problems += error.problems
    if file is None or problems or located:
        lines = lines_of(text) if problems else {}
        raise StackError(path, [*located, *((nearest_line(lines, problem.path), problem) for problem in problems)])
    return Project(
        name=file.name,
        path=path,
        stack_config_dir=path.parent / (file.stackConfigDir or ""),
        config={full_key(key, file.name) or key: declared for key, declared in (file.config or {}).items()},
    )


def fits(kind: Any, items: Any, value: Any) -> bool:
    """Whether a value is of a declared type (project.go, ValidateConfigValue)."""
    match kind:
        case None:
            return True
        case "string":
            return isinstance(value, str)
        case "integer":
            return not isinstance(value, bool) and re.fullmatch(r"[-+]?[0-9]+", str(value)) is not None
        case "boolean":
            return isinstance(value, bool) or value in ("true", "false")
        case "object":
            return isinstance(value, dict)
        case "array":
            return (
                isinstance(value, list)
                and isinstance(items, dict)
                and all(fits(items.get("type", ""), items.get("items"), item) for item in value)
            )
        case _:
            return False


def _misfits(data: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong with the keys of `config:` as such, and what does not fit together."""
    config, project = data.get("config"), data.get("name")
    if isinstance(config, str) and data.get("stackConfigDir"):
        yield Problem(("config",), "and stackConfigDir both name the stacks' folder; keep stackConfigDir")
    known: set[str] = set()
    for key, value in config.items() if isinstance(config, dict) else ():
        at = ("config", key)
        full = full_key(key, project if project and isinstance(project, str) else "?")
        if full is None:
            yield Problem(at, "is no configuration key; write <namespace>:<name>, such as inference:models")
            continue
        namespace, _, name = full.partition(":")
        if full in known:
            yield Problem(at, f"is the same key as another one here, {full}; keep one of them")
        known.add(full)
        if any(mark in name for mark in '.["'):
            yield Problem(at, "reads as a path into another key; declare the top-level key only")
        if not isinstance(value, dict):
            continue
        has_default, has_value = value.get("default") is not None, value.get("value") is not None
        if has_default and has_value:
            yield Problem(at, "has both default and value; keep one of them")
        if project and namespace != project and (has_default or value.get("type") is not None or not has_value):
            yield Problem(at, "is not in this project's namespace, so it takes a `value:` and neither type nor default")
