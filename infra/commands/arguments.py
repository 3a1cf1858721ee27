"""Arguments that several commands take, and how an environment is loaded by its name."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from .environments import Loaded, environment_paths, load, need_project
from .report import status


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


def one(name: str) -> Loaded:
    """Load one environment of the project."""
    project = need_project()
    with status(f"reading {name}"):
        return load(environment_paths(project, [name])[name], project)
