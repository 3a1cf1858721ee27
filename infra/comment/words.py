"""What every form of the comment says in the same words: the verdict, findings, and what was not touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.core.errors import dotted
from components.proofs.finding import FindingEntry

from ..diff.changes.report import EFFECTS, Effect, EnvironmentDiff, Report
from ..terminal.words import counted, joined
from . import money

MARKS: dict[Effect, str] = {
    "replaced": "⚠",
    "removed": "⚠",
    "restarted": "↻",
    "rerouted": "⇄",
    "scaled": "⇅",
    "added": "+",
    "harmless": "·",
}
"""What stands before a change; docs/how-to/read-the-comment.md explains each."""
RISKS: frozenset[Effect] = frozenset({"replaced", "removed", "restarted"})
"""What interrupts or moves pods."""


def ordered(report: Report) -> list[EnvironmentDiff]:
    """The environments that a reader must look at: those that cannot be read, then the worst change first."""
    return sorted((one for one in report.environments if one.status != "unchanged"), key=_rank)


def _rank(environment: EnvironmentDiff) -> tuple[bool, int, str]:
    worst = min((EFFECTS.index(one.effect) for one in environment.headlines), default=len(EFFECTS))
    return environment.status != "unreadable", worst, environment.environment


def unchanged(report: Report) -> list[str]:
    """The names of the environments that stay as they are."""
    return [one.environment for one in report.environments if one.status == "unchanged"]


def unchanged_line(names: Sequence[str], most: int = 12) -> str:
    """`dev`, `local` and `prod`: unchanged."""
    return f"{joined([f'`{name}`' for name in names], most)}: unchanged" if names else ""


def verdict(environment: EnvironmentDiff) -> str:
    """`staging: 3 changes, 1 disruptive · + $412 a month at most · 41 proofs hold, 1 new warning`."""
    words = [_happens(environment)]
    if environment.status != "unreadable":
        words += [money.in_short(environment.cost), _proved(environment)]
    return f"{environment.environment}: {' · '.join(word for word in words if word)}"


def _happens(environment: EnvironmentDiff) -> str:
    changes = len(environment.headlines)
    match environment.status:
        case "unreadable":
            return f"cannot be read, {counted(len(environment.head_errors), 'problem')}"
        case "removed":
            return f"the whole environment is removed, {counted(len(environment.changes), 'object')}"
        case "added" if environment.base_errors:
            return f"{counted(environment.resources, 'object')}; the base cannot be read, nothing to compare with"
        case "added":
            return f"a new environment, {counted(environment.resources, 'object')}"
        case "unchanged":
            return "unchanged"
        case _:
            disruptive = f", {environment.disruptive:,} disruptive" if environment.disruptive else ""
            return f"{counted(changes, 'change')}{disruptive}"


def _proved(environment: EnvironmentDiff) -> str:
    if environment.rules_held is None:
        return ""
    words = [f"{counted(environment.rules_held, 'proof')} {'holds' if environment.rules_held == 1 else 'hold'}"]
    for severity in ("error", "warning"):
        count = sum(one.get("severity") == severity for one in environment.new)
        words += [counted(count, f"new {severity}")] if count else []
    words += [f"{len(environment.fixed):,} fixed"] if environment.fixed else []
    return ", ".join(words)


def counts(environment: EnvironmentDiff) -> str:
    """`58 objects: 3 changed, 0 added, 0 removed`."""
    actions = [change.action for change in environment.changes]
    added, removed = actions.count("create"), actions.count("delete")
    changed = len(actions) - added - removed
    return f"{counted(environment.resources, 'object')}: {changed:,} changed, {added:,} added, {removed:,} removed"


def effects(found: Sequence[Effect]) -> str:
    """`640 replaced, 360 restarted`."""
    return ", ".join(f"{count:,} {effect}" for effect in EFFECTS if (count := found.count(effect)))


def place(finding: FindingEntry) -> str:
    """Where a finding stands: `stacks/Pulumi.dev.yaml:9`, or the file alone; empty when unknown."""
    file, line = finding.get("file") or "", finding.get("line")
    return f"{file}:{line}" if file and line else str(file)


def at(finding: FindingEntry) -> str:
    """What a finding is about, as people write it: `models.llama.gpus`."""
    return str(finding.get("at") or dotted(tuple(finding.get("path") or ())))


def worst_first(findings: Sequence[FindingEntry]) -> list[FindingEntry]:
    """Errors before warnings, otherwise as they were given."""
    return sorted(findings, key=lambda one: one.get("severity") != "error")


def alike(findings: Sequence[FindingEntry], most: int = 3) -> list[tuple[FindingEntry, list[str]]]:
    """Findings, errors first, those of a rule together where it finds the same of more than a few.

    Args:
        findings: what was found.
        most: how many of a rule are told one by one.

    Returns:
        Each finding with the places of the others that it stands for.
    """
    by_rule: dict[Any, list[FindingEntry]] = {}
    for finding in worst_first(findings):
        by_rule.setdefault((finding.get("severity"), finding.get("rule")), []).append(finding)
    found: list[tuple[FindingEntry, list[str]]] = []
    for first, *rest in by_rule.values():
        if len(rest) < most:
            found += [(one, []) for one in (first, *rest)]
        else:
            found.append((first, [at(one) for one in rest]))
    return found


def compared(report: Report) -> str:
    """What was compared with what."""
    return f"compared `{report.base}` with `{report.head}`"


def waiver(finding: FindingEntry) -> str:
    """`until 2027-01-31: why`; empty where there is none."""
    waived = finding.get("waived")
    if not isinstance(waived, Mapping):
        return ""
    return f"until {waived.get('until', '')}: {waived.get('reason', '')}"
