"""Pulumi.yaml as Pulumi reads it: the project's name, where its stacks are, and what its config gives or asks for.

Follows pulumi/pulumi@1b594989 sdk/go/common/workspace/project.go and pkg/workspace/config.go (mergeConfig).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from components.core.errors import Path, Problem, did_you_mean

from . import goyaml
from .yamlfile import StackError, lines_of, one_problem, read_text
from .yamltree import SEALED, parse

_KEYS = (
    "name", "runtime", "main", "description", "author", "website", "license", "config", "stackConfigDir", "template",
    "backend", "options", "packages", "plugins", "requiredPulumiVersion",
)  # fmt: skip
_TYPES = ("string", "integer", "boolean", "array", "object")


@dataclass(frozen=True, slots=True)
class Declared:
    """One key of Pulumi.yaml's `config:`.

    Attributes:
        default: what a stack without the key gets, never merged with what a stack has; `None` gives nothing.
        type: string, integer, boolean, array or object; `None` accepts all.
        items: an array's item type, `{"type": …, "items": …}`.
        secret: whether stacks must encrypt it.
    """

    default: Any = None
    type: str | None = None
    items: Any = None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Project:
    """What Pulumi.yaml says.

    Attributes:
        name: the project; also the namespace of configuration keys that have none.
        path: Pulumi.yaml itself.
        runtime: the language, `python`; empty when the file has none.
        runtime_options: the options below `runtime:`.
        main: the program's folder as written; empty means beside Pulumi.yaml.
        stack_config_dir: the folder of the stack files.
        config: declared keys by full name, `inference:models`.
    """

    name: str
    path: FilePath
    runtime: str = ""
    runtime_options: Mapping[str, Any] = field(default_factory=dict)
    main: str = ""
    stack_config_dir: FilePath = FilePath()
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
    data, problems = parse(path, text)
    if not isinstance(data, dict):
        raise (
            StackError(path, problems)
            if problems
            else one_problem(path, "must be a mapping with a `name:`; write `name: inference`")
        )
    reader = _Reader(data)
    project = reader.project(path)
    if reader.problems:
        lines = lines_of(text)
        problems += [(_line(lines, problem.path), problem) for problem in reader.problems]
    if problems:
        raise StackError(path, problems)
    return project


def fits(declared: Declared, value: Any) -> bool:
    """Whether a stack's value is of the declared type (project.go, ValidateConfigValue)."""
    match declared.type:
        case None:
            return True
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int | str) and not isinstance(value, bool) and _is_integer(value)
        case "boolean":
            return isinstance(value, bool) or value in ("true", "false")
        case "object":
            return isinstance(value, dict)
        case _:
            items = declared.items if isinstance(declared.items, dict) else {}
            inner = Declared(type=str(items.get("type")), items=items.get("items"))
            return isinstance(value, list) and bool(items) and all(fits(inner, item) for item in value)


def _is_integer(value: int | str) -> bool:
    digits = str(value).removeprefix("-").removeprefix("+")
    return digits.isascii() and digits.isdigit()


class _Reader:
    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.problems: list[Problem] = []

    def project(self, path: FilePath) -> Project:
        for key in self.data:
            if key not in _KEYS:
                self._wrong((key,), f"is no key of Pulumi.yaml, and Pulumi ignores it; {did_you_mean(key, _KEYS)}")
        name = self._text("name")
        if not name:
            self._wrong(("name",), "is required: the project's name, text that is not empty; write `name: inference`")
        runtime, options = self._runtime()
        config = self.data.get("config")
        folder = self._text("stackConfigDir")
        if isinstance(config, str):  # what stackConfigDir was called
            if folder:
                self._wrong(("config",), "and stackConfigDir both name the stacks' folder; keep stackConfigDir")
            folder, config = config, None
        if config is not None and not isinstance(config, dict):
            self._wrong(("config",), "must be a mapping of keys, such as `inference:cluster: {default: {}}`")
            config = None
        declared: dict[str, Declared] = {}
        for key, value in (config or {}).items():
            self._declare(declared, key, value, name)
        return Project(
            name=name,
            path=path,
            runtime=runtime,
            runtime_options=options,
            main=self._text("main"),
            stack_config_dir=path.parent / folder,
            config=declared,
        )

    def _wrong(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path, message))

    def _text(self, key: str) -> str:
        value = self.data.get(key)
        if value is None or isinstance(value, str):
            return value or ""
        self._wrong((key,), "must be text; put it in quotes")
        return ""

    def _runtime(self) -> tuple[str, Mapping[str, Any]]:
        runtime = self.data.get("runtime", "")
        if isinstance(runtime, str):
            return runtime, {}
        name, options = (runtime.get("name"), runtime.get("options") or {}) if isinstance(runtime, dict) else (None, {})
        if not isinstance(name, str) or not isinstance(options, dict) or set(runtime) - {"name", "options"}:
            self._wrong(("runtime",), "must be `python`, or a mapping with a name and options")
            return "", {}
        return name, options

    def _declare(self, declared: dict[str, Declared], key: str, value: Any, project: str) -> None:
        at = ("config", key)
        full = full_key(key, project)
        if full is None:
            self._wrong(at, "is no configuration key; write <namespace>:<name>, such as inference:models")
            return
        namespace, _, name = full.partition(":")
        if full in declared:
            self._wrong(at, f"is the same key as another one here, {full}; keep one of them")
        if any(mark in name for mark in '.["'):
            self._wrong(at, "reads as a path into another key; declare the top-level key only")
        ours = namespace == project
        if not isinstance(value, dict):
            if value is None or value is SEALED or isinstance(value, float):
                self._wrong(at, "needs text, a whole number, true or false, a list, or a mapping with `default:`")
            declared[full] = Declared(default=_handed_over(value))
            return
        declared[full] = self._long_form(at, value, ours=ours)

    def _long_form(self, at: Path, value: dict[str, Any], *, ours: bool) -> Declared:
        allowed = ("type", "items", "description", "secret", "default", "value")
        for key in value:
            if key not in allowed:
                self._wrong(
                    (*at, key), f"is not understood here; {did_you_mean(key, allowed)} (an object goes below it)"
                )
        default, given, kind = value.get("default"), value.get("value"), value.get("type")
        if default is not None and given is not None:
            self._wrong(at, "has both default and value; keep one of them")
        if not ours and (default is not None or kind is not None or given is None):
            self._wrong(at, "is not in this project's namespace, so it takes a `value:` and neither type nor default")
        if kind is not None and kind not in _TYPES:
            self._wrong((*at, "type"), f"is no type; {did_you_mean(str(kind), _TYPES)}")
            kind = None
        if kind == "array" and not isinstance(value.get("items"), dict):
            self._wrong((*at, "type"), "is array, which needs `items: {type: …}`")
            kind = None
        if _holds_sealed(value):
            self._wrong(at, "holds an encrypted value; only a stack's own file can, because each stack has its own key")
        declared = Declared(default, kind, value.get("items"), value.get("secret") is True)
        if default is not None and not fits(declared, default):
            self._wrong((*at, "default"), f"is not of the declared type {kind}; correct one of them")
        return Declared(_handed_over(given if default is None else default), kind, value.get("items"), declared.secret)


def _handed_over(value: Any) -> Any:
    """A default as the program gets it: scalars as text."""
    return value if value is None or isinstance(value, dict | list) else goyaml.as_text(value)


def _holds_sealed(value: Any) -> bool:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is SEALED or any(_holds_sealed(child) for child in children)


def _line(lines: Mapping[Path, int], path: Path) -> int | None:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)
