"""The commands that compare: `infra diff` and `infra snapshot`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..comment.formats import Options, ReportForm
from ..plan.environments import UsageError
from ..terminal.terminal import BAD_INPUT, FINDINGS, PLAIN, PROVED, Paint, complain, printable, say
from ..terminal.today import utc_day
from .arguments import Environments, Today

if TYPE_CHECKING:
    from ..diff.changes.report import Report

FORMAT = 1
"""The form of what `infra snapshot` prints; only a change that an older reader would misunderstand raises it."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(diff)
    app.command()(snapshot)


def diff(  # noqa: PLR0917 - typer calls it by name
    base: Annotated[
        str | None,
        typer.Argument(
            metavar="BASE", help="A revision, `.` for the files as they are, or a rendered folder. Omitted: HEAD."
        ),
    ] = None,
    head: Annotated[
        str | None, typer.Argument(metavar="HEAD", help="The same. Omitted: the files as they are.")
    ] = None,
    environments: Annotated[
        list[str] | None, typer.Option("--env", metavar="ENV", help="Only this environment; can be given again.")
    ] = None,
    styles: Annotated[
        list[ReportForm] | None,
        typer.Option("--format", help="How to write it; can be given again, with a folder as output. Omitted: text."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="File to write, or a folder for several formats: comment.md, note.md (gitlab), report.json and so on. "
            "Omitted: standard output.",
        ),
    ] = None,
    today: Today = None,
    live: Annotated[
        bool,
        typer.Option("--live", help="Compare the cluster as it is with one argument, HEAD. Changes nothing there."),
    ] = False,
    preview: Annotated[
        Path | None,
        typer.Option("--preview", metavar="FILE", help="Read what `pulumi preview --json` printed instead."),
    ] = None,
    whole_report: Annotated[
        str, typer.Option("--whole-report", metavar="PLACE", help="Where the whole report is, for one that is cut.")
    ] = "",
    source_url: Annotated[
        str, typer.Option("--source-url", metavar="URL", help="What files of HEAD are below, for links to their lines.")
    ] = "",
    key: Annotated[
        str, typer.Option("--key", metavar="WORD", help="Tells several comments on one pull request apart.")
    ] = "",
) -> int:
    """Compare two revisions, rendered folders, or the cluster and the files.

    Says what changes, what that does to users, what it costs, and what is no longer proved. Each revision is planned by
    its own code.

    Exits with 0 when everything could be shown, changed or not; with 1 when HEAD has errors that BASE has not;
    with 2 for bad input, and when HEAD cannot be read: the rest is shown then too.
    """
    from ..diff import comparison  # noqa: PLC0415 - only this command needs what it needs
    from ..diff.revisions.sides import How  # noqa: PLC0415

    forms = list(dict.fromkeys(styles or [ReportForm.TEXT]))
    if len(forms) > 1 and output is None:
        raise UsageError(f"{len(forms)} formats need --output with a folder to write them into")
    if len(forms) > 1 and output is not None:
        if output.is_file():
            raise UsageError(f"{output} is a file; {len(forms)} formats need a folder to write them into")
        output.mkdir(parents=True, exist_ok=True)
    how = How(today or utc_day(), picture=any(form.is_drawn for form in forms))
    if live and preview:
        raise UsageError("give --live or --preview, not both")
    if head is not None and (live or preview):
        other = "the cluster" if live else "the preview"
        raise UsageError(f"got {base} and {head}; {other} is what is compared with, so give one revision at most")
    if preview:
        report = comparison.compare_preview(preview, base, environments or [], how)
    elif live:
        report = comparison.compare_cluster("." if base is None else base, environments or [], how)
    else:
        # An empty word is a variable that nobody set, and no revision.
        sides = ("HEAD" if base is None else base, "." if head is None else head)
        report = comparison.compare_revisions(*sides, environments or [], how)
    paint = PLAIN if output else Paint.of(sys.stdout)
    options = Options(paint, whole_report, key, source_url)
    if output is None:
        say(forms[0].write(report, options).removesuffix("\n"))
    else:
        for form in forms:
            file = output / form.file if output.is_dir() else output
            file.write_bytes(form.write(report, options).encode())
        for line in (line for one in report.environments for line in one.head_errors):
            complain(printable(line))
    return exit_code(report)


def exit_code(report: Report) -> int:
    """0 shown, 1 the head has errors that the base has not, 2 a head cannot be read."""
    if any(one.status == "unreadable" for one in report.environments):
        return BAD_INPUT
    errors = (finding for one in report.environments for finding in one.new if finding.get("severity") == "error")
    return FINDINGS if any(errors) else PROVED


def snapshot(environments: Environments = None, today: Today = None) -> int:
    """Print environments as one JSON, as `infra diff` compares them.

    A diff runs it in the other revision, with that revision's code.

    Exits with 0 when all could be read, 2 when one could not; its errors are in the JSON.
    """
    from ..diff.revisions.sides import How, read_project  # noqa: PLC0415
    from ..diff.snapshots.serial import to_json  # noqa: PLC0415 - only this command

    found = read_project(environments or [], How(today or utc_day()))
    say(json.dumps({"format": FORMAT, "environments": [to_json(one) for one in found]}, separators=(",", ":")))
    return BAD_INPUT if any(one.errors for one in found) else PROVED
