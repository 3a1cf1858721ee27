"""The report as one HTML file: it loads nothing, runs nothing, and reads well by day and by night."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from ..diff.changes.report import EnvironmentDiff, Report
from ..diff.telling.redact import redacted
from . import money, words
from .escape import line, safe
from .fields import field_lines, heading
from .groups import Block, ChangeRow, blocks, members, rows

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_VALUE = 4_000
"""Characters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class PageSection:
    """What the page says of one environment."""

    diff: EnvironmentDiff
    verdict: str
    rows: list[ChangeRow]
    cost: str
    lines: list[tuple[str, str, str, str, str]]
    blocks: list[Block]
    counts: str
    before: str
    after: str


def write(report: Report) -> str:
    """The report as a page to open or to attach; the environments' pictures before and after are in it.

    Pictures are shown as images, in which a browser runs no script and loads nothing.
    """
    report = redacted(report)
    sections = [_section(environment) for environment in words.ordered(report)]
    style = (_TEMPLATES / "diff.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page: str = _template().render(
        report=report,
        sections=sections,
        style=Markup(style),  # noqa: S704 - our own file, and the policy names its hash
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'",
        unchanged=words.unchanged_line(words.unchanged(report), most=1_000),
        compared=words.compared(report),
    )
    return page.encode("utf-8", "backslashreplace").decode()


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"MARKS": words.MARKS, "place": words.place, "at": words.at, "waiver": words.waiver,
                            "worst_first": words.worst_first, "members": members, "diff_lines": diff_lines}  # fmt: skip
    environment.filters |= {"words": inline, "line": line}
    return environment.get_template("diff.html.j2")


def inline(text: str) -> Markup:
    """Words in one line, what stands between back quotes as code."""
    pieces = re.split(r"`([^`]+)`", line(text))
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(piece) if number % 2 else escape(piece) for number, piece in enumerate(pieces))


def diff_lines(block: Block) -> Iterator[tuple[str, str]]:
    """The lines of a block's diff, each with its class."""
    for change in block.changes:
        yield "at", safe(heading(change))
        for text in field_lines(change, _VALUE):
            yield {"-": "old", "+": "new"}.get(text[:1], "same"), safe(text)


def _section(environment: EnvironmentDiff) -> PageSection:
    return PageSection(
        diff=environment,
        verdict=words.verdict(environment),
        rows=rows(environment),
        cost="" if environment.status == "unreadable" else money.in_full(environment.cost),
        lines=list(money.lines(environment.cost)),
        blocks=blocks(environment),
        counts=words.counts(environment),
        before=_image(environment.before),
        after=_image(environment.after),
    )


def _image(picture: str) -> str:
    """An SVG as the address of an image; empty without one, and for one that defines entities."""
    if not picture.lstrip().startswith("<svg") or "<!" in picture:
        return ""
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.encode('utf-8', 'replace')).decode()}"
