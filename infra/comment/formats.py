"""The forms of a report: a module each, and a row each here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from ..terminal.terminal import PLAIN, Paint

if TYPE_CHECKING:
    from ..diff.changes.report import Report

JSON_VERSION = 1
"""Of the report for machines: a larger one means that a key went away or means something else. New keys do not
count."""


@dataclass(frozen=True, slots=True)
class Options:
    """What forms can be told; each takes what it knows.

    Attributes:
        paint: colours at a terminal.
        whole_report: where the whole report is, an address or an artifact's name; empty when nowhere.
        key: tells apart several comments on one pull request.
        source_url: what a file of the head is below, `https://github.com/o/r/blob/<commit>`; empty for no links.
    """

    paint: Paint = PLAIN
    whole_report: str = ""
    key: str = ""
    source_url: str = ""


Writer = Callable[["Report", Options], str]

# Each writer is imported when it writes: the command line knows the forms by name, and most commands write none.


def _text(report: Report, options: Options) -> str:
    from .text import write  # noqa: PLC0415

    return write(report, paint=options.paint, whole_report=options.whole_report)


def _markdown(report: Report, options: Options) -> str:
    from .markdown import write  # noqa: PLC0415

    return write(report, whole_report=options.whole_report, key=options.key, source_url=options.source_url)


def _gitlab(report: Report, options: Options) -> str:
    from .escape import GITLAB  # noqa: PLC0415
    from .markdown import write  # noqa: PLC0415

    return write(
        report, whole_report=options.whole_report, key=options.key, source_url=options.source_url, dialect=GITLAB
    )


def _json(report: Report, _: Options) -> str:
    """`version`, then the report's attributes by name (`infra.diff.changes.report` describes them).

    A field that is absent on one side of a change lacks `before` or `after`; null is a value.
    """
    from ..diff.changes.report import as_json  # noqa: PLC0415
    from ..diff.telling.redact import redacted  # noqa: PLC0415

    # Without indentation the encoder is written in C: 9,000 changes take a tenth of the time.
    text = json.dumps({"version": JSON_VERSION, **as_json(redacted(report))}, ensure_ascii=False, default=str)
    return text.encode("utf-8", "backslashreplace").decode() + "\n"


def _sarif(report: Report, options: Options) -> str:
    from .sarif import write  # noqa: PLC0415

    return write(report, source_url=options.source_url)


def _html(report: Report, _: Options) -> str:
    from .html import write  # noqa: PLC0415

    return write(report)


class ReportForm(StrEnum):
    """A form of the report, as `infra diff --format` knows it.

    Attributes:
        file: what it is called among several.
        write: makes the text of it.
        is_drawn: whether it holds the environments' pictures.
    """

    file: str
    write: Writer
    is_drawn: bool

    TEXT = "text", "report.txt", _text
    MARKDOWN = "markdown", "comment.md", _markdown
    GITLAB = "gitlab", "note.md", _gitlab
    JSON = "json", "report.json", _json, True
    SARIF = "sarif", "report.sarif", _sarif
    HTML = "html", "report.html", _html, True

    def __new__(cls, name: str, file: str, write: Writer, is_drawn: bool = False) -> Self:
        """One row of the table."""
        form = str.__new__(cls, name)
        form._value_ = name
        form.file, form.write, form.is_drawn = file, write, is_drawn
        return form
