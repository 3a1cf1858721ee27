"""The commands that prove: `infra check`, and `infra preview` of all that is there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..plan.environments import environment_paths, load, need_project
from ..prove.checked import Checked, as_json, ending_lines, finding_lines, problem_lines, table, worst
from ..stack.stackfile import Project, StackError
from ..terminal.terminal import PROVED, Paint, complain, printable, say, say_json, status
from ..terminal.today import utc_day
from .arguments import Environments, Today, chosen

if TYPE_CHECKING:
    from components.cost.estimate import Estimate


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(check)
    app.command()(preview)


def check(
    environments: Environments = None,
    stack: Annotated[
        Path | None, typer.Option("--stack", metavar="FILE", help="Check this one stack file instead.")
    ] = None,
    today: Today = None,
    style: Annotated[
        Literal["table", "short", "json"],
        typer.Option("--format", help="Advice and a table, one line a finding, or JSON."),
    ] = "table",
) -> int:
    """Prove environments, and say what fails.

    Loads and plans each, says what would not work on a real cluster, and how to fix it.

    Exits with 0 when all is proved, 1 when there are findings, 2 when a file cannot be used.
    """
    paths, project = chosen(environments, stack)
    checks = [_check(name, path, project, today) for name, path in paths.items()]
    if style == "json":
        from ..prove.footprint import footprints, footprints_json  # noqa: PLC0415 - only where it is told

        told = [
            as_json(one) | {"footprints": footprints_json(footprints(one.index)) if one.index else []} for one in checks
        ]
        say_json({"environments": told})
    _print_problems(checks, short=style != "table")
    if style == "json":
        return worst(checks)
    paint = Paint.of(sys.stdout)
    for checked in checks:
        for line in finding_lines(checked, paint, short=style == "short"):
            say(line)
    if style == "table":
        if any(checked.findings for checked in checks):
            say()
        _say_footprints(checks)
        for line in (*table(checks, paint), *ending_lines(checks, today or utc_day())):
            say(line)
    return worst(checks)


def preview(
    environments: Environments = None,
    today: Today = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for the rendered trees. Omitted: out/."),
    ] = None,
    style: Annotated[Literal["table", "json"], typer.Option("--format", help="For people, or for machines.")] = "table",
) -> int:
    """Check and render all, print a summary.

    What `make preview` runs: environments that are proved are rendered to out/ENV.
    """
    from .cost_report import short_band  # noqa: PLC0415 - other commands that prove price nothing

    project = need_project()
    folder = output or project.path.parent / "out"
    paths = environment_paths(project, environments or [])
    checks = [_check(name, path, project, today) for name, path in paths.items()]
    _print_problems(checks, short=style == "json")
    rendered = _render(checks, folder)
    priced = _estimates(checks)
    if style == "json":
        say_json({"environments": [_previewed(one, priced.get(one.name), rendered.get(one.name)) for one in checks]})
        return worst(checks)
    paint = Paint.of(sys.stdout)
    for line in (line for one in checks if one.name not in rendered for line in finding_lines(one, paint)):
        say(line)
    costs = {name: short_band(made) for name, made in priced.items()}
    for line in (*table(checks, paint, costs), *ending_lines(checks, today or utc_day())):
        say(line)
    if any(band.endswith("?") for band in costs.values()):
        say("  + ?: something has no price; infra cost ENV says what")
    if rendered:
        biggest = max((one for one in checks if one.name in rendered), key=lambda one: one.objects)
        next_steps = f".venv/bin/infra graph {biggest.name} · make up ENV={next(iter(rendered))}"
        say(f"  rendered to {printable(str(folder))}/   next: {next_steps}")
    return worst(checks)


def _check(name: str, path: Path, project: Project | None, today: date | None) -> Checked:
    from components.reading.index import Index  # noqa: PLC0415 - other commands do without the proofs

    from ..prove.prove import prove_environment  # noqa: PLC0415

    try:
        with status(f"reading {name}"):
            loaded = load(path, project)
    except StackError as error:
        return Checked(name, path, refused=error)
    with status(f"proving {name}"):
        day = today or utc_day()
        index = Index(loaded.plan)
        verdict = prove_environment(name, loaded.plan, loaded.environment.policy.waive, day, index)
    return Checked(name, path, loaded=loaded, index=index, verdict=verdict)


def _render(checks: Sequence[Checked], folder: Path) -> dict[str, Path]:
    """Render what is proved; where each tree is, by environment."""
    from ..render.render import render  # noqa: PLC0415 - only the commands that write

    rendered: dict[str, Path] = {}
    for checked in checks:
        if checked.loaded and checked.exit_code == PROVED:
            with status(f"rendering {checked.name}"):
                render(checked.loaded.plan, folder / checked.name)
            rendered[checked.name] = folder / checked.name
    return rendered


def _estimates(checks: Sequence[Checked]) -> dict[str, Estimate]:
    """What each environment that could be read costs in a month."""
    from components.cost.estimate import estimate  # noqa: PLC0415 - only where it is told

    return {one.name: estimate(one.loaded.plan, index=one.index) for one in checks if one.loaded}


def _previewed(checked: Checked, priced: Estimate | None, rendered: Path | None) -> dict[str, Any]:
    """One environment for machines."""
    return as_json(checked) | {
        "cost": priced.as_json() if priced else None,
        "rendered": str(rendered) if rendered else None,
    }


def _print_problems(checks: Sequence[Checked], *, short: bool) -> None:
    paint = Paint.of(sys.stderr)
    for checked in checks:
        for line in problem_lines(checked, paint, short=short):
            complain(line)


def _say_footprints(checks: Sequence[Checked]) -> None:
    from ..prove.footprint import footprint_lines, footprints  # noqa: PLC0415 - only where it is told

    for checked in checks:
        for line in footprint_lines(checked.name, footprints(checked.index)) if checked.index else ():
            say(printable(line))
    if any(checked.models for checked in checks):
        say()
