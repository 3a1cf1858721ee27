"""Findings and risky changes as SARIF 2.1.0: annotations on the stack file's lines.

The form is docs.oasis-open.org/sarif/sarif/v2.1.0; what GitHub reads of it stands in docs.github.com, "SARIF support
for code scanning".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from components.proofs.finding import FindingEntry

from ..diff.changes.report import EnvironmentDiff, Report
from ..diff.telling.redact import redacted
from . import words
from .escape import line

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MOST = 5_000
"""Results of a run. GitHub shows no more and refuses 25,000 (docs.github.com, "SARIF results exceed limits")."""
_LEVELS = {"replaced": "warning", "removed": "warning", "restarted": "note"}
_MEANING = {
    "replaced": "A change replaces this: it is deleted and made anew.",
    "removed": "A change removes this.",
    "restarted": "A change restarts these pods.",
}
_UNREADABLE = "unreadable-stack"
_SPOT = re.compile(r"(?P<file>[^\s:]+):(?P<line>[1-9]\d{0,6})\b")


def write(report: Report, *, source_url: str = "") -> str:
    """The report's findings and risky changes as a SARIF file.

    New and standing findings have `baselineState` new and unchanged, waived ones are suppressed with their reason;
    fixed ones are not in it, because GitHub would show them.

    Args:
        report: what the diff found; its secrets are taken out here.
        source_url: what a file of the head is below, `https://github.com/o/r/blob/<commit>`; rules then have a link
            to their page.
    """
    results = sorted(_results(redacted(report)), key=lambda one: ("error", "warning", "note").index(one["level"]))
    results = results[:MOST]
    ids = sorted({result["ruleId"] for result in results})
    for result in results:
        result["ruleIndex"] = ids.index(result["ruleId"])
    driver: dict[str, Any] = {"name": "infra diff", "rules": [_rule(rule_id, source_url) for rule_id in ids]}
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": "infra-diff/"},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace").decode() + "\n"


def _results(report: Report) -> Iterator[dict[str, Any]]:
    for environment in report.environments:
        for error in environment.head_errors:
            spot = _SPOT.search(error)
            file, number = (spot["file"], int(spot["line"])) if spot else (environment.file, None)
            yield _result(environment, _UNREADABLE, "error", error, file=file, line_number=number, about=error)
        for finding in environment.new:
            yield _of_finding(environment, finding) | {"baselineState": "new"}
        for finding in environment.standing:
            yield _of_finding(environment, finding) | {"baselineState": "unchanged"}
        for finding in environment.waived:
            suppression = {"kind": "external", "justification": line(words.waiver(finding)) or "waived"}
            yield _of_finding(environment, finding) | {"suppressions": [suppression]}
        for headline in environment.headlines:
            if headline.effect in words.RISKS:
                what = f"{headline.what}. {headline.means}" if headline.means else headline.what
                result = _result(
                    environment, f"change-{headline.effect}", _LEVELS[headline.effect], what,
                    file=environment.file, line_number=headline.line, about=headline.component,
                )  # fmt: skip
                yield result | {"baselineState": "new"}


def _of_finding(environment: EnvironmentDiff, finding: FindingEntry) -> dict[str, Any]:
    remedies = "; or ".join(str(remedy) for remedy in finding.get("remedies") or ())
    message = f"{finding.get('message', '')}{f'. Fix: {remedies}' if remedies else ''}"
    level = "error" if finding.get("severity") == "error" else "warning"
    at = words.at(finding)
    file, number = str(finding.get("file") or environment.file), finding.get("line")
    rule = str(finding.get("rule") or "finding")
    return _result(environment, rule, level, message, file=file, line_number=number, about=at)


def _result(
    environment: EnvironmentDiff, rule: str, level: str, message: str, *, file: str, line_number: Any, about: str
) -> dict[str, Any]:
    # Without the line and the figures, so that a result stays the same while the file around it changes.
    named = f"{environment.environment}\0{rule}\0{about}"
    identity = hashlib.sha256(named.encode("utf-8", "replace")).hexdigest()
    result: dict[str, Any] = {
        "ruleId": rule,
        "level": level,
        "message": {"text": f"{line(environment.environment)}: {line(message).replace('`', '')}"},
        "partialFingerprints": {"infraDiff/v1": identity, "primaryLocationLineHash": f"{identity[:16]}:1"},
    }
    place: dict[str, Any] = {"artifactLocation": {"uri": _quoted(line(file) or "stacks", safe="/.-_~")}}
    # GitHub shows nothing without a line; the first is where a file's own problems stand.
    place["region"] = {"startLine": line_number if isinstance(line_number, int) and line_number > 0 else 1}
    place["artifactLocation"]["uriBaseId"] = "%SRCROOT%"
    result["locations"] = [{"physicalLocation": place}]
    return result


def _quoted(text: str, safe: str) -> str:
    """A text as part of a URI; half a character, which JSON can hold and UTF-8 cannot, becomes a question mark."""
    return quote(text, safe=safe, errors="replace")


def _rule(rule_id: str, source_url: str) -> dict[str, Any]:
    effect = rule_id.removeprefix("change-")
    if rule_id == _UNREADABLE:
        short, page = "The stack file cannot be read.", "docs/how-to/read-the-comment.md"
    elif effect != rule_id and effect in _MEANING:
        short, page = _MEANING[effect], "docs/how-to/read-the-comment.md"
    else:
        short, page = f"{rule_id.replace('-', ' ').capitalize()}.", f"docs/proofs/{_quoted(rule_id, safe='')}.md"
    rule: dict[str, Any] = {
        "id": rule_id,
        "shortDescription": {"text": short},
        "help": {"text": f"{page} explains it.", "markdown": f"`{page}` explains it."},
    }
    if source_url:
        rule["helpUri"] = f"{source_url.rstrip('/')}/{page}"
    return rule
