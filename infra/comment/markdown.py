"""The comment a tired reviewer wants: verdict and risks first, cost and new findings, everything else folded away.

Always below a budget of bytes. What gives way, in this order: long values, then the changes of whole components, then
rows of the table; how many are left out is said, and where the whole report is. The verdict, the counts of risks and
the cost line stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from components.proofs.finding import FindingEntry

from ..diff.changes.report import EnvironmentDiff, Report
from ..diff.telling.redact import redacted
from ..plan.environments import UsageError
from ..terminal.words import joined
from . import money, words
from .escape import GITHUB, Dialect, code, fenced, html
from .fields import field_lines, heading
from .groups import Block, ChangeRow, blocks, members, rows

SMALLEST = 8_000
"""A budget below it is not kept."""
MARKER = "infra-diff"
"""Names the hidden line by which a comment is found again."""
_KEY = re.compile(r"[\w.,/@=+-]{0,100}", re.ASCII)
_URL = re.compile(r"https://[\w.:/~%@+-]+", re.ASCII)
_VALUES = (2_000, 300, 60)
"""How many characters of a value are shown, the first that fits."""
_LEAST_OF_BLOCK = 120
"""Bytes that the changes of a component take at least: more components than fit are not tried."""
_COST_HEAD = "| | | before | after | at most |\n|---|---|---|---|---|"
_MORE = "see the whole report"


@dataclass(frozen=True, slots=True)
class FoldLimits:
    """How much stands above the fold.

    Attributes:
        rows: rows of an environment's table.
        findings: new findings of an environment.
        words: characters of a text.
        environments: how many are told by themselves.
    """

    rows: int
    findings: int
    words: int
    environments: int


_FITS = (
    FoldLimits(30, 12, 1_000, 60),
    FoldLimits(12, 6, 300, 40),
    FoldLimits(4, 2, 160, 30),
    FoldLimits(1, 1, 100, 15),
    FoldLimits(0, 0, 60, 4),
)
"""Each is tried until one fits; the last always does."""


@dataclass(frozen=True, slots=True)
class CommentSite:
    """Where a comment goes.

    Attributes:
        dialect: the site's Markdown.
        whole_report: where the whole report is, an address or an artifact's name; empty when nowhere.
        source_url: what a file of the head is below, `https://github.com/o/r/blob/<commit>`; empty for no links.
    """

    dialect: Dialect = GITHUB
    whole_report: str = ""
    source_url: str = ""

    def file(self, place: str, shown: str = "") -> str:
        """A place such as `stacks/Pulumi.dev.yaml:9`, as a link where files can be linked to.

        Args:
            place: the file and the line.
            shown: the link's words; without them the place itself.
        """
        path, _, number = place.partition(":")
        if not self.source_url or not re.fullmatch(r"[\w./-]+", path, re.ASCII) or not number.isdigit():
            return code(place)
        return f"[{shown or code(place)}]({self.source_url.rstrip('/')}/{path}#L{number})"


def marker(key: str = "") -> str:
    """The hidden line by which a comment is found again and updated in place.

    Args:
        key: tells apart several comments on one pull request.

    Raises:
        UsageError: when the key could end the line.
    """
    if not _KEY.fullmatch(key) or "--" in key:
        raise UsageError(f"the key of a comment is letters, digits and . , / @ = + - without --, not {key[:60]!r}")
    return f"<!-- {MARKER}{' ' if key else ''}{key} -->"


def write(
    report: Report,
    *,
    budget: int | None = None,
    whole_report: str = "",
    key: str = "",
    source_url: str = "",
    dialect: Dialect = GITHUB,
) -> str:
    """The report as a comment for a pull request, or as a note for a merge request of GitLab's.

    No line begins with a slash, so that nothing in it is a quick action there.

    Args:
        report: what the diff found; its secrets are taken out here.
        budget: most bytes of UTF-8 that it may take; at least `SMALLEST`. Omitted: the dialect's.
        whole_report: where the whole report is: an address, or the name of an artifact. It is told.
        key: tells apart several comments on one pull request.
        source_url: what a file of the head is below, `https://github.com/o/r/blob/<commit>`, for links to lines.
        dialect: whose Markdown.

    Raises:
        UsageError: when `source_url` is no plain address, or `key` could end the hidden line.
    """
    if source_url and not _URL.fullmatch(source_url):
        raise UsageError(f"source_url must be an https address without a query, not {source_url[:60]!r}")
    first = marker(key)
    report = redacted(report)
    site = CommentSite(dialect, whole_report, source_url)
    budget = max(dialect.budget if budget is None else budget, SMALLEST)
    found = words.ordered(report)
    tables = [rows(one) for one in found[: _FITS[0].environments]]
    for fit in _FITS:
        told = found[: fit.environments]
        tops = [_top(one, table, site, fit) for one, table in zip(told, tables, strict=False)]
        frame = _frame(report, found[len(told) :], site, fit)
        room = budget - _size([first, *tops, *frame])
        # Details take a third at least, unless that costs the last rows.
        if room >= budget // 3 or fit is _FITS[-1]:
            break
    details = _details(told, site, room)
    body = [part for top, detail in zip(tops, details, strict=True) for part in (top, detail)]
    return "\n\n".join(part for part in (first, *body, *frame) if part) + "\n"


def _frame(report: Report, left_out: Sequence[EnvironmentDiff], site: CommentSite, fit: FoldLimits) -> list[str]:
    """What stands below the environments: those left out, those unchanged, what was compared, where the rest is."""
    text = site.dialect.text
    parts = []
    if left_out:
        names = joined([f"`{one.environment[:80]}`" for one in left_out], fit.environments)
        effects = words.effects([row.effect for one in left_out for row in one.headlines]) or "changed"
        parts.append(f"**{text(f'{len(left_out):,} more environments: {effects}')}** ({text(names, 10 * fit.words)})")
    same = words.unchanged(report)
    if not report.environments:
        parts.append("No environment was compared.")
    elif not parts and not words.ordered(report):
        parts.append("**Nothing changes.**")
    parts.append(text(words.unchanged_line([name[:80] for name in same]), 2 * fit.words))
    parts += [f"> note: {text(note, fit.words)}" for note in report.notes[: fit.rows]]
    where = f" · {_whole(site)}" if site.whole_report else ""
    parts.append(f"<sub>{text(words.compared(report), 2 * fit.words)}{where}</sub>")
    return parts


def _whole(site: CommentSite) -> str:
    if _URL.fullmatch(site.whole_report):
        return f"[the whole report]({site.whole_report})"
    return f"the whole report is the artifact {code(site.whole_report[:200])}"


def _top(environment: EnvironmentDiff, table: Sequence[ChangeRow], site: CommentSite, fit: FoldLimits) -> str:
    """What everybody reads of one environment."""
    text = site.dialect.text
    parts = [f"**{text(words.verdict(environment), max(200, fit.words))}**"]
    errors = [f"problem: {error}" for error in environment.head_errors]
    errors += [f"in the base: {error}" for error in environment.base_errors]
    parts.append("\n".join(f"- {text(error, fit.words)}" for error in errors[: max(1, fit.findings)]))
    if table:
        parts.append(_table(environment, table, site, fit))
    if environment.status != "unreadable":
        parts.append(text(money.in_full(environment.cost), max(400, fit.words)))
    parts.append("\n".join(_new(environment, site, fit)))
    return "\n\n".join(part for part in parts if part)


def _table(environment: EnvironmentDiff, table: Sequence[ChangeRow], site: CommentSite, fit: FoldLimits) -> str:
    text = site.dialect.text
    shown, rest = table[: fit.rows], table[fit.rows :]
    lines = ["| | what | means |", "|---|---|---|"] if shown else []
    lines += [f"| {words.MARKS[row.effect]} | {_what(row, environment, site, fit)} | {text(row.means, fit.words)} |"
              for row in shown]  # fmt: skip
    if rest:
        effects = words.effects([row.effect for row in rest for _ in range(row.components)])
        lines += ["", f"… {sum(row.components for row in rest):,} more: {effects}"]
    return "\n".join(lines).lstrip()


def _what(row: ChangeRow, environment: EnvironmentDiff, site: CommentSite, fit: FoldLimits) -> str:
    what = site.dialect.text(row.what, fit.words)
    if row.line and environment.file and site.source_url:
        return f"{what} ({site.file(f'{environment.file}:{row.line}', f'line {row.line}')})"
    return what


def _new(environment: EnvironmentDiff, site: CommentSite, fit: FoldLimits) -> Iterator[str]:
    """New findings with what fixes them; nobody should have to unfold these."""
    found = words.alike(environment.new)
    for finding, others in found[: fit.findings]:
        mark = "❌" if finding.get("severity") == "error" else "⚠️"
        yield f"- {mark} new {_finding(finding, site, fit.words)}{_others_too(others, site)}"
        yield from _remedies(finding, site, fit.words)
    if len(found) > fit.findings:
        yield f"- … {len(found) - fit.findings:,} more new findings: {_MORE}"


def _others_too(others: Sequence[str], site: CommentSite) -> str:
    if not others:
        return ""
    names = joined([f"`{other[:100]}`" for other in others], 3)
    return f" (the same rule of {len(others):,} more: {site.dialect.text(names, 400)})"


def _finding(finding: FindingEntry, site: CommentSite, most: int) -> str:
    severity = "error" if finding.get("severity") == "error" else "warning"
    where = words.place(finding)
    named = f"{severity} {code(str(finding.get('rule', '')))} {code(words.at(finding))}"
    said = site.dialect.text(str(finding.get("message", "")), most)
    return f"{named}{f' ({site.file(where)})' if where else ''}: {said}"


def _remedies(finding: FindingEntry, site: CommentSite, most: int) -> Iterator[str]:
    for remedy in tuple(finding.get("remedies") or ())[:3]:
        yield f"  - fix: {site.dialect.text(str(remedy), most)}"


def _details(told: Sequence[EnvironmentDiff], site: CommentSite, room: int) -> list[str]:
    """What is folded away, one text an environment, in the room there is."""
    grouped = [blocks(one) for one in told]
    for most in _VALUES:
        if room < _LEAST_OF_BLOCK * sum(map(len, grouped)):
            break
        found = [_folds(one, group, site, most, None) for one, group in zip(told, grouped, strict=True)]
        if _size(found) <= room:
            return found
    texts: list[str] = []
    for number, (one, group) in enumerate(zip(told, grouped, strict=True)):
        share = (room - _size(texts)) // (len(told) - number)
        texts.append(_folds(one, group, site, _VALUES[-1], share))
    return texts


def _folds(environment: EnvironmentDiff, group: Sequence[Block], site: CommentSite, most: int, room: int | None) -> str:
    """An environment's folds; with `room`, only what fits into so many bytes."""
    quarter = None if room is None else room // 4
    lines, others = list(_cost_rows(environment, site)), list(_others(environment, site))
    small = [
        _fold(Fold("cost, line by line", "lines", head=_COST_HEAD), lines, [1] * len(lines), quarter),
        _fold(Fold(_findings_title(environment), "findings"), others, [1] * len(others), quarter),
        _fold(
            Fold("how this was made", "notes"),
            (f"- note: {site.dialect.text(note, most)}" for note in environment.notes),
            [1] * len(environment.notes),
            quarter and quarter // 2,
        ),
    ]
    changes = _fold(
        Fold(words.counts(environment), "components", joint="\n\n"),
        (_block(block, site, most) for block in group),
        [len(block.components) for block in group],
        None if room is None else room - _size(small) - 2,
    )
    return "\n\n".join(part for part in (changes, *small) if part)


@dataclass(frozen=True, slots=True)
class Fold:
    """Something folded away: its title, what it is made of, what stands above, and what between."""

    title: str
    noun: str
    head: str = ""
    joint: str = "\n"


def _fold(fold: Fold, items: Iterable[str], weights: Sequence[int], room: int | None) -> str:
    """A fold with as many items as there is room for; the rest is counted. Empty without items, and without room.

    Args:
        fold: what it is.
        items: its parts; only those are made that fit.
        weights: how many things each part tells of.
        room: bytes of UTF-8; None for all there is.
    """
    if not weights:
        return ""
    begin, end = f"<details><summary>{html(fold.title, 300)}</summary>\n\n", "\n\n</details>"
    left = f"\n\n… {sum(weights):,} more {fold.noun}: {_MORE}"
    used = _size([begin, end, left, fold.head]) + len(fold.joint)
    if room is not None and used > room:
        return ""
    shown: list[str] = []
    for item in items:
        used += len(item.encode()) + len(fold.joint)
        if room is not None and used > room:
            break
        shown.append(item)
    rest = sum(weights[len(shown) :])
    inside = fold.joint.join([fold.head, *shown] if fold.head else shown) if shown else ""
    more = f"… {rest:,} more {fold.noun}: {_MORE}" if rest else ""
    return begin + "\n\n".join(part for part in (inside, more) if part) + end


def _block(block: Block, site: CommentSite, most: int) -> str:
    """One component's changes, or those of many that change alike."""
    text = site.dialect.text
    names = members(block)
    lines = [line for change in block.changes for line in (heading(change), *field_lines(change, most))]
    meanings = dict.fromkeys(change.means for change in block.changes if change.means)
    sources = dict.fromkeys(change.source for change in block.changes if change.source)
    about = [f"**{words.MARKS[block.effect]} {text(names)}**"]
    # Words of others never begin a line: there they could begin a list, or be a quick action of GitLab's.
    about += [f"means: {text('; '.join(meanings), max(most, 160))}"] if meanings else []
    about += [f"{len(block.components):,} alike; of the first of them:"] if len(block.components) > 1 else []
    about += [f"<sub>by {', '.join(code(source[:200]) for source in sources)}</sub>"] if sources else []
    return "  \n".join(about) + "\n\n" + fenced([line[: 4 * most + 400] for line in lines], "diff")


def _cost_rows(environment: EnvironmentDiff, site: CommentSite) -> Iterator[str]:
    text = site.dialect.text
    for where, what, before, after, most in money.lines(environment.cost):
        yield f"| {code(where[:200])} | {text(what, 200)} | {text(before, 200)} | {text(after, 200)} | {text(most)} |"


def _findings_title(environment: EnvironmentDiff) -> str:
    fixed, standing, waived = len(environment.fixed), len(environment.standing), len(environment.waived)
    return f"findings: {fixed:,} fixed, {standing:,} standing, {waived:,} waived"


def _others(environment: EnvironmentDiff, site: CommentSite) -> Iterator[str]:
    """Findings that this change did not bring."""
    for kind in ("fixed", "standing", "waived"):
        for finding, others in words.alike(getattr(environment, kind)):
            until = words.waiver(finding)
            told = f"- {kind}: {_finding(finding, site, 400)}{_others_too(others, site)}"
            yield f"{told} ({site.dialect.text(until, 200)})" if until else told


def _size(parts: Iterable[str]) -> int:
    """Bytes of parts, each with the empty line before it."""
    return sum(len(part.encode()) + 2 for part in parts if part)
