"""The forms of a report by name, as `infra diff --format` knows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..diff.report import Report
from ..terminal.terminal import Paint
from . import gitlab, html, json, markdown, sarif, text
from .text import PLAIN


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


FORMATS: Mapping[str, Callable[[Report, Options], str]] = {
    "text": lambda report, options: text.write(report, paint=options.paint, whole_report=options.whole_report),
    "markdown": lambda report, options: markdown.write(
        report, whole_report=options.whole_report, key=options.key, source_url=options.source_url
    ),
    "gitlab": lambda report, options: gitlab.write(
        report, whole_report=options.whole_report, key=options.key, source_url=options.source_url
    ),
    "json": lambda report, _: json.write(report),
    "sarif": lambda report, options: sarif.write(report, source_url=options.source_url),
    "html": lambda report, _: html.write(report),
}
"""The writer of each form."""
