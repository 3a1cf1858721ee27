"""The commands of one model server: `infra docker` and `infra migrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from components.core.errors import did_you_mean

from ..terminal.terminal import FINDINGS, PROVED, printable, say, say_json
from ..terminal.today import utc_day
from .arguments import OneEnvironment, Today, one


def _targets() -> tuple[str, ...]:
    from components.serving.migration import targets  # noqa: PLC0415 - only one command needs the engines

    return targets()


def _target(word: str) -> str:
    if word in _targets():
        return word
    raise typer.BadParameter(f'got "{word}"; {did_you_mean(word, _targets())}')


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(docker)
    app.command()(migrate)


def docker(
    environment: OneEnvironment,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model, as the stack names it.")],
    *,
    gpu: Annotated[Literal["nvidia", "amd"], typer.Option("--gpu", help="Whose GPUs the machine has.")] = "nvidia",
    track: Annotated[
        str | None,
        typer.Option(
            "--track", metavar="NAME", help="Version of its rollout, such as canary. Omitted: the one in use."
        ),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the machine, on loopback.")] = 8080,
    style: Annotated[
        Literal["run", "compose"] | None, typer.Option("--format", help="Only this form. Omitted: both.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for run.sh and compose.yaml. Omitted: print them."),
    ] = None,
) -> int:
    """Run a model server on one machine with Docker.

    Prints the `docker run` line and a Compose file for the pod's container, as hardened as there.
    Credentials are taken from the shell: none is written.
    """
    from .single_machine import forms, write_forms  # noqa: PLC0415 - only this command needs it

    written = forms(one(environment), model, vendor=gpu, track=track, published=port)
    chosen = {name: text for name, text in written.items() if style is None or name.startswith(style)}
    if output is not None:
        for path in write_forms(chosen, output):
            say(printable(str(path)))
        return PROVED
    for name, text in chosen.items():
        say(text.removesuffix("\n") if style else f"# {name}\n{text}")
    return PROVED


def migrate(
    environment: OneEnvironment,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model, as the stack names it.")],
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="KIND", parser=_target, autocompletion=_targets, help="The engine it shall have, as vllm."
        ),
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="In place, instead of as a canary beside what runs.")
    ] = False,
    style: Annotated[
        Literal["yaml", "json"], typer.Option("--format", help="A block to paste with comments, or JSON.")
    ] = "yaml",
    today: Today = None,
) -> int:
    """Print what gives a model another engine.

    The block for the stack file; each flag and what it becomes, or why nothing takes its place; and how probes,
    metrics and autoscaling follow. Tried on the environment before it is printed.

    Exits with 0 when the environment with the block is proved, 1 when it is not, 2 for bad input.
    """
    from .migrate import as_json as change_as_json  # noqa: PLC0415 - only this command needs it
    from .migrate import change, lines  # noqa: PLC0415

    day = today or utc_day()
    found = change(one(environment), model, to, replace=replace, today=day)
    if style == "json":
        say_json(change_as_json(found))
    else:
        for line in lines(found, replace=replace):
            say(line)
    return PROVED if found.proved else FINDINGS
