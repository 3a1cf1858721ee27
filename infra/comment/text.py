"""The report at a terminal: what happens, what it means, what it costs and what is new, in the order of the comment."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..diff.changes.report import Effect, EnvironmentDiff, Report
from ..diff.telling.redact import redacted
from ..terminal.terminal import PLAIN, Paint
from ..terminal.words import counted, joined
from . import money, words
from .escape import clipped, line, safe
from .fields import field_lines
from .groups import ChangeRow, blocks, members, rows

_ROWS = 30
"""Rows of an environment that are shown; more do not fit on a screen."""
_WORDS = 400
_VALUE = 100
"""Characters of a value."""
_COMPONENTS = 12
"""Components whose fields are shown."""
_COLORS: dict[Effect, str] = {"replaced": "red", "removed": "red", "restarted": "yellow", "added": "green"}


def write(report: Report, *, paint: Paint = PLAIN, whole_report: str = "") -> str:
    """The report for a person at a terminal.

    Args:
        report: what the diff found; its secrets are taken out here.
        paint: whether to colour.
        whole_report: where the whole report is; empty when nowhere.
    """
    report = redacted(report)
    parts = ["\n".join(_environment(one, paint)) for one in words.ordered(report)]
    if not parts:
        parts.append("nothing changes" if report.environments else "no environment was compared")
    same = words.unchanged(report)
    last = [_plain(words.unchanged_line(same))] if same else []
    last += [_plain(note) for note in report.notes]
    last.append(paint(_plain(words.compared(report)), "dim"))
    last += [paint(f"whole report: {line(whole_report)}", "dim")] if whole_report else []
    return "\n\n".join([*parts, "\n".join(last)]) + "\n"


def _environment(environment: EnvironmentDiff, paint: Paint) -> Iterator[str]:
    yield paint(_plain(words.verdict(environment)), "bold")
    for error in (*environment.head_errors, *environment.base_errors):
        yield f"  {paint(_plain(error), 'red')}"
    found = rows(environment)
    for row in found[:_ROWS]:
        yield from _row(row, environment, paint)
    if len(found) > _ROWS:
        rest = [row.effect for row in found[_ROWS:] for _ in range(row.components)]
        yield f"  … {len(rest):,} more: {words.effects(rest)}"
    if environment.status != "unreadable":
        yield f"  {_plain(money.in_full(environment.cost))}"
    yield from _findings(environment, paint)
    yield from _fields(environment, paint)
    for note in environment.notes:
        yield paint(f"  note: {_plain(note)}", "dim")


def _row(row: ChangeRow, environment: EnvironmentDiff, paint: Paint) -> Iterator[str]:
    color = _COLORS.get(row.effect)
    mark = words.MARKS[row.effect]
    where = f"  {environment.file}:{row.line}" if row.line and environment.file else ""
    yield f"  {paint(mark, color) if color else mark} {_plain(row.what)}{paint(safe(where), 'dim')}"
    if row.means:
        yield f"    {_plain(row.means)}"


def _findings(environment: EnvironmentDiff, paint: Paint) -> Iterator[str]:
    for finding, others in words.alike(environment.new):
        error = finding.get("severity") == "error"
        rule = paint(f"[{line(str(finding.get('rule', '')))}]", "red" if error else "yellow")
        where = " ".join(word for word in (words.place(finding), words.at(finding)) if word)
        message = _plain(str(finding.get("message", "")))
        yield f"  new {'error' if error else 'warning'} {rule} {_plain(where)}: {message}"
        if others:
            yield f"    the same rule of {len(others):,} more: {_plain(joined(others, 3))}"
        for remedy in tuple(finding.get("remedies") or ()):
            yield f"    fix: {_plain(str(remedy))}"
    known = [(kind, len(getattr(environment, kind))) for kind in ("standing", "waived")]
    if any(count for _, count in known):
        yield paint(f"  findings as before: {', '.join(f'{count:,} {kind}' for kind, count in known)}", "dim")


def _fields(environment: EnvironmentDiff, paint: Paint) -> Iterator[str]:
    """What differs, as a diff."""
    found = blocks(environment)
    if found:
        yield paint(f"  {words.counts(environment)}", "dim")
    for block in found[:_COMPONENTS]:
        yield f"  {_plain(members(block))}"
        for change in block.changes:
            yield paint(f"    {safe(change.resource)}: {change.action}", "dim")
            for text in field_lines(change, _VALUE):
                color = {"-": "red", "+": "green"}.get(text[:1])
                yield f"      {paint(safe(text), color) if color else safe(text)}"
    if len(found) > _COMPONENTS:
        rest = sum(len(block.components) for block in found[_COMPONENTS:])
        yield paint(f"  … {counted(rest, 'more component')}; --format html shows all", "dim")


def _plain(text: str) -> str:
    """Words in one line; the back quotes around code are for Markdown."""
    return re.sub(r"`([^`]+)`", r"\1", clipped(line(text), _WORDS))
