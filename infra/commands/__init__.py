"""The commands of `infra`: what each takes, does, and exits with.

None of them imports Pulumi or a Kubernetes client, and each imports only what it needs: `infra check` starts cold
in well under a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from components.core.errors import InferenceError

from ..stack.stackfile import StackError
from ..terminal.terminal import BAD_INPUT, PROVED, ClosedPipeError, complain, printable, say
from . import catalog, check, cost, diff, files, serving

__all__ = ["ClosedPipeError", "app", "run"]

app = typer.Typer(
    name="infra",
    help="Plan, prove, price, compare and render the environments in stacks/, without Pulumi and without a cluster.",
    epilog="Exit codes: 0 all is well, 1 a proof does not hold, 2 bad input or usage, 70 a bug of ours.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=False,
)
for _group in (check, files, diff, cost, catalog, serving):
    _group.register(app)


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code.

    What a person has to put right is told, and exits 2. Whatever else is raised is a bug of ours, and goes on to
    `infra.cli`, which exits 70.
    """
    command = typer.main.get_command(app)
    try:
        return int(command.main(list(arguments), prog_name="infra", standalone_mode=False) or 0)
    except typer.TyperException as error:
        _say_usage(error)
    except StackError as error:
        for line in error.lines():
            complain(printable(line))
    except InferenceError as error:
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


def _say_usage(error: typer.TyperException) -> None:
    text = error.format_message().strip().replace("Value error, ", "")
    complain(f"infra: {printable(text[:1].lower() + text[1:])}")
    context = getattr(error, "ctx", None)
    if context is not None:
        complain(f"  {context.command_path} --help lists what can be given")
