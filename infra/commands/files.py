"""The commands that write an environment in another form: `infra render`, `infra graph` and `infra schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..plan.environments import need_project
from ..terminal.terminal import FINDINGS, PROVED, complain, printable, say
from ..terminal.words import bytes_in_words, counted
from .arguments import OneEnvironment, one


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(render)
    app.command()(graph)
    app.command()(schema)


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
    from ..render.render import render as write  # noqa: PLC0415 - only this command writes

    loaded = one(environment)
    result = write(loaded.plan, output)
    say(f"{counted(result.files, 'file')}, {bytes_in_words(result.bytes)}, in {printable(str(output))}")
    return PROVED


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
    from ..picture import graph as drawing  # noqa: PLC0415 - only this command draws
    from ..picture.svg import to_svg  # noqa: PLC0415

    loaded = one(environment)
    picture = drawing.picture(loaded.environment, loaded.plan)
    chosen = style or ("svg" if output and output.suffix == ".svg" else "mermaid")
    _write(output, to_svg(picture) if chosen == "svg" else drawing.to_mermaid(picture))
    return PROVED


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


def _write(output: Path | None, text: str) -> None:
    if output is None:
        say(text.removesuffix("\n"))
    else:
        output.write_bytes(text.encode())
