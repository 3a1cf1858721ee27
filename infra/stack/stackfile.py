"""A stack's configuration, read from its file exactly as Pulumi would, without Pulumi.

StackError (InferenceError)   a stack or project file that cannot be used: every problem, with its line

Pulumi's rules (PyYAML's differ): goyaml.py has the scalars, yamltree.py the mappings, project.py Pulumi.yaml.
Follows pulumi/pulumi@1b594989 sdk/go/common/workspace/loaders.go (LoadProjectStackBytes) and
pkg/workspace/config.go (mergeConfig). Refused, although Pulumi takes them: unknown top-level keys, which it
ignores; a key without a value, which it turns into empty text; an encrypted value inside an object, which
`require_object` hands to the program without marking it secret (pulumi/pulumi#7127); and an ESC `environment:`,
whose values this reader cannot see, so that it would prove something else than `pulumi up` deploys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path as FilePath
from typing import Any

from components.core.errors import Path, Problem, did_you_mean, nearest
from components.core.plan import SecretRef

from . import goyaml
from .project import Project, fits, full_key, load_project
from .yamlfile import Located, StackError, lines_of, nearest_line, one_problem, read_text
from .yamltree import MAX_PROBLEMS, SEALED, parse, sealed_in

__all__ = ["NAMESPACE", "Project", "StackError", "StackFile", "load_project", "load_stack", "stack_paths"]

NAMESPACE = "inference"
"""The configuration namespace that is ours; others, such as `gcp:` and `pulumi:`, belong to their providers."""

_TOP_LEVEL = ("config", "encryptedkey", "encryptionsalt", "environment", "secretsprovider")
_FILE_NAME = re.compile(r"Pulumi\.(?P<environment>.+)\.yaml")
_ENVIRONMENT = re.compile(r"[A-Za-z0-9_.-]{1,100}")  # the characters Pulumi allows in a stack's name


@dataclass(frozen=True)
class StackFile:
    """One environment's configuration.

    Attributes:
        environment: `dev`, from the file's name Pulumi.dev.yaml; the name's stem when it has another form.
        path: the file as the user knows it.
        values: the `inference:` keys without their namespace. A scalar at this level is text, as Pulumi hands it
            over, and is most likely a secret that was not encrypted: never print it.
        secrets: the `inference:` keys that are encrypted, as references.
    """

    environment: str
    path: FilePath
    values: Mapping[str, Any] = field(repr=False)
    secrets: Mapping[str, SecretRef]
    _text: str = field(repr=False, compare=False)
    _keys: Mapping[str, str] = field(repr=False, compare=False)

    def line(self, path: Path) -> int | None:
        """The 1-based line of a configuration path, `("models", "llama", "engine")`, or of its nearest ancestor."""
        inside: Path = ("config", self._keys.get(str(path[0]), ""), *path[1:]) if path else ("config",)
        return nearest_line(self._lines, inside)

    @cached_property
    def _lines(self) -> Mapping[Path, int]:
        return lines_of(self._text)


def load_stack(path: FilePath | str, project: Project | None = None) -> StackFile:
    """Read a stack file.

    Args:
        path: Pulumi.<env>.yaml, or any other YAML file of that form.
        project: what Pulumi.yaml says; adds its defaults, and checks what it declares. Without it, a key
            without a namespace is taken to be ours.

    Raises:
        StackError: every problem at once; no message holds the value of a secret.
    """
    path = FilePath(path)
    text = read_text(path)
    project_name = project.name if project else NAMESPACE
    try:
        data, located = parse(path, text)
    except StackError as error:
        raise StackError(path, _in_config(error.problems, project_name)) from None
    located = _in_config(located, project_name)
    if not isinstance(data, dict) and located:
        raise StackError(path, located)
    if data is None:
        raise one_problem(path, "is empty; write `config:` and below it a key a section, such as `inference:models:`")
    if not isinstance(data, dict):
        message = "must be a mapping with `config:` at its top; indent the settings below `config:`"
        raise one_problem(path, message, lines_of(text).get((), 1))
    reader = _StackReader(project)
    reader.read(data, may_seal="secure" in text)
    stack = StackFile(
        environment=found["environment"] if (found := _FILE_NAME.fullmatch(path.name)) else path.stem,
        path=path,
        values={name: reader.values[name] for name in sorted(reader.values)},
        secrets={name: SecretRef(name) for name in sorted(reader.secrets)},
        _text=text,
        _keys=reader.keys,
    )
    if reader.in_file:
        lines = lines_of(text)
        located += [(lines.get(problem.path), problem) for problem in reader.in_file]
    told = {problem.path for _, problem in located}
    located += [(stack.line(found.path), found) for found in reader.in_config if found.path not in told]
    if located:
        raise StackError(path, located)
    return stack


def stack_paths(root: FilePath | str, project: Project | None = None) -> dict[str, FilePath]:
    """Every environment's file, by environment name, from the project's stackConfigDir.

    Args:
        root: the folder of Pulumi.yaml.
        project: what `load_project(root)` returned, when it is at hand.

    Raises:
        StackError: when Pulumi.yaml cannot be read, or Pulumi would not find one of the files.
    """
    folder = (project or load_project(root)).stack_config_dir
    if not folder.is_dir():
        raise one_problem(folder, "is no folder; create it, or correct stackConfigDir in Pulumi.yaml")
    paths: dict[str, FilePath] = {}
    for path in sorted((*folder.glob("Pulumi.*.yaml"), *folder.glob("Pulumi.*.yml"))):
        found = _FILE_NAME.fullmatch(path.name)
        if found is None:
            raise one_problem(path, "is not read by Pulumi, which wants the ending of Pulumi.yaml; rename it to .yaml")
        if not _ENVIRONMENT.fullmatch(found["environment"]):
            raise one_problem(path, "names no stack: letters, digits, _, . and - only, 100 at most; rename the file")
        paths[found["environment"]] = path
    return paths


class _StackReader:
    """Sorts a file's data into values, secrets and problems."""

    def __init__(self, project: Project | None) -> None:
        self.project = project
        self.values: dict[str, Any] = {}
        self.secrets: set[str] = set()
        self.keys: dict[str, str] = {}
        self.in_file: list[Problem] = []
        self.in_config: list[Problem] = []

    def read(self, data: dict[str, Any], *, may_seal: bool) -> None:
        """Take the whole file; `may_seal` tells whether it can hold encrypted values at all."""
        for key, value in data.items():
            self._top_level(key, value)
        config = data.get("config") or {}
        if not isinstance(config, dict):
            self.in_file.append(Problem(("config",), "must be a mapping; write a key a line below it"))
            return
        given: dict[str, str] = {}
        for key, value in config.items():
            full = self._full_key(key, given)
            namespace, _, name = full.partition(":")
            if namespace == NAMESPACE and name not in self.keys:
                self.keys[name] = key
                self._ours(name, value, may_seal=may_seal)
        if self.project is not None:
            self._apply(self.project, set(given))

    def _top_level(self, key: str, value: Any) -> None:
        if key not in _TOP_LEVEL:
            self.in_file.append(Problem((key,), _unknown_top_level(key)))
        elif key == "environment" and value:
            self.in_file.append(
                Problem(
                    (key,),
                    "takes values from Pulumi ESC, which cannot be seen here, so what is proved would not be what is "
                    "deployed; write the settings below `config:` and remove this key",
                )
            )
        elif key not in ("config", "environment") and not isinstance(value, str | int | float | None):
            self.in_file.append(Problem((key,), "must be text, as Pulumi wrote it; restore it from version control"))

    def _full_key(self, key: str, given: dict[str, str]) -> str:
        full = full_key(key, self.project.name if self.project else NAMESPACE)
        if full is None:
            message = "is no configuration key; write <namespace>:<name>, such as inference:models"
            self.in_file.append(Problem(("config", key), message))
            return ""
        if full in given:
            message = f"is the same key as {given[full]}, and Pulumi picks either one; keep one of them"
            self.in_file.append(Problem(("config", key), message))
        given.setdefault(full, key)
        return full

    def _ours(self, name: str, value: Any, *, may_seal: bool) -> None:
        if value is SEALED:
            self.secrets.add(name)
            return
        if value is None:
            self._wrong((name,), "has no value, and Pulumi makes that empty text; write `{}`, `[]`, or delete the key")
            return
        self.values[name] = value if isinstance(value, dict | list) else goyaml.as_text(value)
        for path in islice(sealed_in(value, (name,)), MAX_PROBLEMS) if may_seal else ():
            self._wrong(
                path,
                "is encrypted inside an object, and Pulumi would hand it over as plain text; give it a top-level key "
                "of its own (pulumi config set --secret inference:<name>) and name that key here (a mapping whose only "
                "key is `secure` always counts as encrypted)",
            )

    def _apply(self, project: Project, given: set[str]) -> None:
        for full, declared in project.config.items():
            namespace, _, name = full.partition(":")
            if full not in given:
                if declared.given is None and namespace == project.name:
                    self._wrong((name,), "is required by Pulumi.yaml; set it here, or give it a default there")
                elif declared.given is not None and namespace == NAMESPACE:
                    self.values[name] = declared.given
            elif namespace == NAMESPACE and name in self.values:
                if declared.secret:
                    self._wrong((name,), "must be encrypted, says Pulumi.yaml; pulumi config set --secret writes it")
                elif not fits(declared.type, declared.items, self.values[name]):
                    self._wrong((name,), f"must be of type {declared.type}, says Pulumi.yaml; correct one of them")

    def _wrong(self, path: Path, message: str) -> None:
        self.in_config.append(Problem(path, message))


def _in_config(located: list[Located], project_name: str) -> list[Located]:
    """The same problems, with our keys named as the models name them: `models.llama`, not `config.inference:models`."""
    return [(line, Problem(_config_path(problem.path, project_name), problem.message)) for line, problem in located]


def _config_path(path: Path, project_name: str) -> Path:
    if len(path) < 2 or path[0] != "config":  # noqa: PLR2004
        return path
    namespace, _, name = (full_key(str(path[1]), project_name) or "").partition(":")
    return (name, *path[2:]) if namespace == NAMESPACE else path


def _unknown_top_level(key: str) -> str:
    if key == "imports":
        return "is no key of a stack file (Pulumi ESC has it below `environment:`), and Pulumi ignores it; delete it"
    if ":" in key:
        return "stands beside `config:`, where Pulumi ignores it; indent it below `config:`"
    if nearest(key, _TOP_LEVEL) is None:
        return (
            "is ignored by Pulumi, which also deletes such keys when it rewrites the file; settings go below "
            "`config:`, and an anchor goes where its value is used first"
        )
    return f"is ignored by Pulumi; {did_you_mean(key, _TOP_LEVEL)}"
