"""Arguments that several commands take, and how an environment is loaded by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from ..plan.environments import Loaded, UsageError, environment_paths, find_root, load, need_project
from ..stack.stackfile import Project, load_project
from ..terminal.terminal import status


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f'got "{text}"; write a day as YYYY-MM-DD') from None


Environments = Annotated[list[str] | None, typer.Argument(metavar="ENV", help="Environments. Omitted: all in stacks/.")]
OneEnvironment = Annotated[str, typer.Argument(metavar="ENV", help="The environment.")]
Today = Annotated[
    date | None,
    typer.Option(parser=_day, metavar="YYYY-MM-DD", help="The day waivers are judged by. Omitted: today (UTC)."),
]


def chosen(names: Sequence[str] | None, stack: Path | None) -> tuple[Mapping[str, Path], Project | None]:
    """The stack files that a command is about, by environment, and the project they belong to.

    Args:
        names: environments of the project; all of them when none is given.
        stack: one file instead, which need not belong to a project.

    Raises:
        UsageError: when both are given, for an unknown environment, and outside a project.
    """
    if stack is None:
        project = need_project()
        return environment_paths(project, names or []), project
    if names:
        raise UsageError("give environments or --stack FILE, not both")
    root = find_root()
    name = stack.name.removeprefix("Pulumi.").removesuffix(".yaml")
    return {name: stack}, load_project(root) if root else None


def one(name: str) -> Loaded:
    """Load one environment of the project."""
    project = need_project()
    with status(f"reading {name}"):
        return load(environment_paths(project, [name])[name], project)
