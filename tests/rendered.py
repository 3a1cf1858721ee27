"""Rendered trees, read back as an operator's tools read them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from infra.plan.environments import load
from infra.render.render import render
from infra.stack.stackfile import load_project, stack_paths

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = {path.stem.removeprefix("Pulumi."): path for path in sorted((ROOT / "stacks").glob("Pulumi.*.yaml"))}
"""The shipped environments by name, found without the loader, so that collecting tests cannot fail."""


def render_stack(file: Path, folder: Path) -> dict[str, bytes]:
    """Render a stack file into a folder; what every file of the tree holds."""
    render(load(file, load_project(ROOT)).plan, folder)
    return tree(folder)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its path there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def shipped() -> dict[str, Path]:
    """The shipped environments as the tools find them."""
    return stack_paths(ROOT)


@cache
def _parsed(text: bytes) -> Any:
    return yaml.safe_load(text)


def parsed(files: dict[str, bytes], path: str) -> dict[str, Any]:
    """One file of a tree as data."""
    assert path in files, f"no {path}; there are: {', '.join(files)}"
    return dict(_parsed(files[path]))


def objects(files: dict[str, bytes], kind: str) -> list[dict[str, Any]]:
    """Every object of a kind."""
    beginning = f"{kind.lower()}-"
    return [parsed(files, path) for path in files if path.rpartition("/")[2].startswith(beginning)]
