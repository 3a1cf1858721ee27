"""The Python files of the repository, each read and parsed once for all rules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("components", "infra", "runtime", "tools", "tests")


@dataclass(frozen=True)
class Import:
    """One import statement's module.

    Attributes:
        module: in full, `components.core.plan`; a name imported from it follows as an import of its own.
        relative: whether it is written with dots.
        line: where it stands.
    """

    module: str
    relative: bool
    line: int


class Source:
    """One file.

    Attributes:
        path: where it is.
        name: from the root of the repository, `components/core/plan.py`.
        module: what it is imported by, `components.core.plan`.
        folder: the first part of its name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.relative_to(ROOT).as_posix()
        self.module = self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self.folder = self.name.partition("/")[0]

    @cached_property
    def text(self) -> str:
        """What it holds."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Everything its syntax tree has."""
        return tuple(ast.walk(ast.parse(self.text)))

    @property
    def classes(self) -> Iterator[ast.ClassDef]:
        """The classes it defines, in classes and functions too."""
        return (node for node in self.nodes if isinstance(node, ast.ClassDef))

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """What it imports, in functions and for type checking too."""
        return tuple(self._imports())

    def _imports(self) -> Iterator[Import]:
        package = self.module.split(".")[: None if self.path.name == "__init__.py" else -1]
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from (Import(alias.name, False, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                above = ".".join([*base, *([node.module] if node.module else [])])
                yield Import(above, bool(node.level), node.lineno)
                yield from (Import(f"{above}.{alias.name}", bool(node.level), node.lineno) for alias in node.names)


SOURCES = tuple(Source(path) for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))
