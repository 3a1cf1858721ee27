"""The commands of `infra`: what each takes, does, and exits with.

None of them imports Pulumi or a Kubernetes client, and each imports only what it needs: `infra check` starts cold
in well under a second.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from . import catalog_commands, cost_commands, diff_commands, serving_commands
from .arguments import Environments, OneEnvironment, Today, one
from .environments import UsageError, environment_paths, find_root, load, need_project
from .report import (
    BAD_INPUT,
    FINDINGS,
    PROVED,
    Checked,
    ClosedPipeError,
    Paint,
    as_json,
    bytes_in_words,
    complain,
    counted,
    ending_lines,
    finding_lines,
    printable,
    problem_lines,
    say,
    status,
    table,
    worst,
)
from .stackfile import Project, StackError, load_project

__all__ = ["ClosedPipeError", "run"]

app = typer.Typer(
    name="infra",
    help="Plan, prove and render the environments in stacks/, without Pulumi and without a cluster.",
    epilog="Exit codes: 0 all is well, 1 a proof does not hold, 2 bad input or usage.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=False,
)


catalog_commands.register(app)


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code."""
    command = typer.main.get_command(app)
    try:
        return int(command.main(list(arguments), prog_name="infra", standalone_mode=False) or 0)
    except typer.TyperException as error:
        _say_usage(error)
    except StackError as error:
        for line in error.lines():
            complain(printable(line))
    except (UsageError, ValueError) as error:
        for line in str(error).splitlines():
            complain(f"infra: {printable(line)}")
    except typer.Abort:
        complain("infra: interrupted")
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        complain(f"infra: {printable(name)}{error.strerror or type(error).__name__}")
    return BAD_INPUT


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> int:
    if show_version:
        from importlib.metadata import version  # noqa: PLC0415 - takes 40 ms to import

        say(f"infra {version('inference')}")
        raise typer.Exit(PROVED)
    if context.invoked_subcommand is None:
        complain(context.get_help())
        raise typer.Exit(BAD_INPUT)
    return PROVED


@app.command()
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
    names = environments or []
    if stack is not None and names:
        raise UsageError("give environments or --stack FILE, not both")
    checks = [_check(name, path, project, today) for name, path, project in _files(names, stack)]
    if style == "json":
        from .footprint import footprints, footprints_json  # noqa: PLC0415 - only where it is told

        told = [
            as_json(one) | {"footprints": footprints_json(footprints(one.index)) if one.index else []} for one in checks
        ]
        say(json.dumps({"environments": told}, indent=2, ensure_ascii=False))
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
        for line in (*table(checks, paint), *ending_lines(checks, today or _utc_day())):
            say(line)
    return worst(checks)


@app.command()
def render(
    environment: OneEnvironment,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write; replaced as a whole.")
    ],
) -> int:
    """Write an environment's plan as YAML files.

    Kubernetes objects as the cluster gets them, cloud resources and charts for reading.
    The same plan gives the same bytes. A folder that holds anything else than a rendered tree is left alone.
    """
    from .render import render as write  # noqa: PLC0415 - only this command writes

    loaded = one(environment)
    result = write(loaded.plan, output)
    say(f"{counted(result.files, 'file')}, {bytes_in_words(result.bytes)}, in {printable(str(output))}")
    return PROVED


@app.command()
def graph(
    environment: OneEnvironment,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="File to write. Omitted: standard output."),
    ] = None,
    style: Annotated[
        Literal["mermaid", "svg"] | None,
        typer.Option("--format", help="Omitted: svg for a FILE that ends in .svg, otherwise mermaid."),
    ] = None,
) -> int:
    """Draw an environment as Mermaid or SVG.

    Routes lead to models with their engines and replicas, and these to the nodes they run on.
    """
    from . import graph as drawing  # noqa: PLC0415 - only this command draws
    from .svg import to_svg  # noqa: PLC0415

    loaded = one(environment)
    picture = drawing.picture(loaded.environment, loaded.plan)
    chosen = style or ("svg" if output and output.suffix == ".svg" else "mermaid")
    _write(output, to_svg(picture) if chosen == "svg" else drawing.to_mermaid(picture))
    return PROVED


@app.command()
def schema(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="File to write. Omitted: standard output."),
    ] = None,
    check_only: Annotated[
        bool, typer.Option("--check", help="Only say whether stacks/schema.json is up to date; exits with 1 if not.")
    ] = False,
) -> int:
    """Print the JSON Schema of a stack file.

    By it, editors complete and explain every field while a stack file is written.
    """
    from .schema import schema_text  # noqa: PLC0415 - only this command needs all models described

    text = schema_text()
    if not check_only:
        _write(output, text)
        return PROVED
    path = output or need_project().stack_config_dir / "schema.json"
    if path.is_file() and path.read_bytes() == text.encode():
        return PROVED
    complain(f"{printable(str(path))} is not what the models say; run `make schema` and commit it")
    return FINDINGS


serving_commands.register(app)
diff_commands.register(app)
cost_commands.register(app)


@app.command()
def preview(
    environments: Environments = None,
    today: Today = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for the rendered trees. Omitted: out/."),
    ] = None,
) -> int:
    """Check and render all, print a summary.

    What `make preview` runs: environments that are proved are rendered to out/ENV.
    """
    from .render import render as write  # noqa: PLC0415 - only the commands that write

    project = need_project()
    folder = output or project.path.parent / "out"
    paths = environment_paths(project, environments or [])
    checks = [_check(name, path, project, today) for name, path in paths.items()]
    _print_problems(checks, short=False)
    paint = Paint.of(sys.stdout)
    rendered: list[str] = []
    for checked in checks:
        if checked.loaded and checked.exit_code == PROVED:
            with status(f"rendering {checked.name}"):
                write(checked.loaded.plan, folder / checked.name)
            rendered.append(checked.name)
        else:
            for line in finding_lines(checked, paint):
                say(line)
    costs = _costs(checks)
    for line in (*table(checks, paint, costs), *ending_lines(checks, today or _utc_day())):
        say(line)
    if any(band.endswith("?") for band in costs.values()):
        say("  + ?: something has no price; infra cost ENV says what")
    if rendered:
        biggest = max(rendered, key=lambda name: next(c.objects for c in checks if c.name == name))
        first = rendered[0]
        next_steps = f".venv/bin/infra graph {biggest} · make up ENV={first}"
        say(f"  rendered to {printable(str(folder))}/   next: {next_steps}")
    return worst(checks)


def _files(names: Sequence[str], stack: Path | None) -> Iterator[tuple[str, Path, Project | None]]:
    if stack is None:
        project = need_project()
        yield from ((name, path, project) for name, path in environment_paths(project, names).items())
        return
    root = find_root()
    yield stack.name.removeprefix("Pulumi.").removesuffix(".yaml"), stack, load_project(root) if root else None


def _check(name: str, path: Path, project: Project | None, today: date | None) -> Checked:
    from components.proofs.index import Index  # noqa: PLC0415 - other commands do without the proofs

    from .prove import prove_environment  # noqa: PLC0415

    try:
        with status(f"reading {name}"):
            loaded = load(path, project)
    except StackError as error:
        return Checked(name, path, refused=error)
    with status(f"proving {name}"):
        day = today or _utc_day()
        index = Index(loaded.plan)
        verdict = prove_environment(name, loaded.plan, loaded.environment.policy.waive, day, index)
    return Checked(name, path, loaded=loaded, index=index, verdict=verdict)


def _utc_day() -> date:
    return datetime.now(tz=UTC).date()


def _costs(checks: Sequence[Checked]) -> dict[str, str]:
    """What each environment costs in a month, in a few words."""
    from components.cost.estimate import estimate  # noqa: PLC0415 - only where it is told

    from .cost_report import short_band  # noqa: PLC0415

    return {one.name: short_band(estimate(one.loaded.plan, index=one.index)) for one in checks if one.loaded}


def _print_problems(checks: Sequence[Checked], *, short: bool) -> None:
    paint = Paint.of(sys.stderr)
    for checked in checks:
        for line in problem_lines(checked, paint, short=short):
            complain(line)


def _say_footprints(checks: Sequence[Checked]) -> None:
    from .footprint import footprint_lines, footprints  # noqa: PLC0415 - only where it is told

    for checked in checks:
        for line in footprint_lines(checked.name, footprints(checked.index)) if checked.index else ():
            say(printable(line))
    if any(checked.models for checked in checks):
        say()


def _write(output: Path | None, text: str) -> None:
    if output is None:
        say(text.removesuffix("\n"))
    else:
        output.write_bytes(text.encode())


def _say_usage(error: typer.TyperException) -> None:
    text = error.format_message().strip().replace("Value error, ", "")
    complain(f"infra: {printable(text[:1].lower() + text[1:])}")
    context = getattr(error, "ctx", None)
    if context is not None:
        complain(f"  {context.command_path} --help lists what can be given")
