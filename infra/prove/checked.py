"""What `infra check` found out, as it is told: findings as advice, figures as one table, and the same as JSON.

Text that comes from files is made safe to print.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.core.errors import dotted

from ..plan.environments import Loaded
from ..plan.overview import Gpus, count_objects, gpu_ranges, models
from ..stack.stackfile import StackError
from ..terminal.columns import aligned
from ..terminal.terminal import BAD_INPUT, FINDINGS, PROVED, Paint, printable
from ..terminal.words import counted

if TYPE_CHECKING:
    from components.proofs.finding import Finding
    from components.reading.index import Index

    from ..stack.yamlfile import Located
    from .prove import ProofVerdict

ENDS_SOON_DAYS = 14
"""How long before its last day a waiver is told of."""
_NONE = "–"  # noqa: RUF001 - as print has it


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: `stacks/Pulumi.dev.yaml:9  models.llama`."""

    file: Path
    line: int | None
    at: str

    def __str__(self) -> str:
        spot = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{spot}  {self.at}" if self.at else spot


@dataclass(frozen=True)
class Checked:
    """What `infra check` found out about one environment: either it could not be read, or it was proved.

    Attributes:
        name: the environment.
        file: its file.
        refused: what is wrong with the file.
        loaded: the environment, when its file is good.
        index: its plan, looked up.
        verdict: what the proofs say of it.
    """

    name: str
    file: Path
    refused: StackError | None = None
    loaded: Loaded | None = None
    index: Index | None = None
    verdict: ProofVerdict | None = None

    @property
    def problems(self) -> Sequence[Located]:
        """What is wrong with the file, by line."""
        return self.refused.problems if self.refused else ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the proofs found, errors first and each in the order of the file."""
        if self.verdict is None:
            return ()
        return tuple(
            finding
            for group in (self.verdict.errors, self.verdict.warnings)
            for finding in sorted(group, key=lambda one: self.place(one).line or 0)
        )

    @property
    def exit_code(self) -> int:
        """0 proved, 1 findings, 2 bad input."""
        if self.verdict is None:
            return BAD_INPUT
        return FINDINGS if self.verdict.errors else PROVED

    @cached_property
    def gpus(self) -> tuple[Gpus, ...]:
        """GPUs it can have."""
        return gpu_ranges(self.loaded.environment, self.loaded.plan) if self.loaded else ()

    @property
    def objects(self) -> int:
        """Kubernetes objects in its plan."""
        return count_objects(self.loaded.plan.parts) if self.loaded else 0

    @property
    def models(self) -> int:
        """Models in its plan."""
        return sum(1 for _ in models(self.loaded.plan)) if self.loaded else 0

    def place(self, finding: Finding) -> Place:
        """Where a finding stands."""
        line = self.loaded.stack.line(finding.path) if self.loaded else None
        return Place(self.file, line, dotted(finding.path))


def problem_lines(checked: Checked, paint: Paint, *, short: bool = False) -> Iterator[str]:
    """What is wrong with a file."""
    for line, problem in checked.problems:
        place = Place(checked.file, line, dotted(problem.path))
        if short:
            yield printable(f"{place}  {problem.message}")
        else:
            yield _heading(place, paint)
            yield "  " + printable(problem.message)


def finding_lines(checked: Checked, paint: Paint, *, short: bool = False) -> Iterator[str]:
    """What the proofs found: what would happen, and what fixes it."""
    for finding in checked.findings:
        place = checked.place(finding)
        if short:
            fixes = f"; {'; or '.join(finding.remedies)}" if finding.remedies else ""
            yield printable(f"{place}  [{finding.rule}] {finding.severity}: {finding.message}{fixes}")
            continue
        color = "red" if finding.severity == "error" else "yellow"
        kind = "" if finding.severity == "error" else f"  {paint('warning', color)}"
        yield f"{_heading(place, paint)}  {paint(f'[{finding.rule}]', color)}{kind}"
        yield "  " + printable(finding.message)
        if len(finding.remedies) == 1:
            yield f"  fix: {printable(finding.remedies[0])}"
        elif finding.remedies:
            yield "  fix, best first:"
            yield from (f"    {printable(remedy)}" for remedy in finding.remedies)
        yield "  " + paint(f"docs/proofs/{finding.rule}.md", "dim")


def ending_lines(checks: Sequence[Checked], today: date) -> Iterator[str]:
    """The waivers that end within two weeks, soonest first; after their day they are errors."""
    ending = {
        (waived.until, checked.name, waived.finding.rule, waived.reason)
        for checked in checks
        for waived in (checked.verdict.waived if checked.verdict else ())
        if (waived.until - today).days <= ENDS_SOON_DAYS
    }
    for until, name, rule, reason in sorted(ending):
        left = counted((until - today).days, "day")
        yield printable(f"  {name}: a waiver of {rule} ends on {until.isoformat()}, in {left}: {reason}")


def table(checks: Sequence[Checked], paint: Paint, costs: Mapping[str, str] | None = None) -> Iterator[str]:
    """One row an environment: what it is, and whether it is proved.

    Args:
        checks: the environments.
        paint: for the terminal.
        costs: what each costs in a month, by name. Omitted: it is not told.
    """
    head: tuple[str, ...] = ("environment", "models", "objects", "GPUs, min–max", "proofs")  # noqa: RUF001 - as print has it
    rows = [_row(checked) for checked in checks]
    if costs is not None:
        head = (*head[:-1], "a month", head[-1])
        rows = [(*row[:-1], costs.get(row[0], _NONE), row[-1]) for row in rows]
    heading, *lines = aligned(head, rows, right=("models", "objects"))
    yield paint(heading, "dim")
    yield from lines


def as_json(checked: Checked) -> dict[str, Any]:
    """One environment for machines."""
    verdict = checked.verdict
    return {
        "environment": checked.name,
        "file": str(checked.file),
        "exit_code": checked.exit_code,
        "models": checked.models,
        "objects": checked.objects,
        "gpus": [
            {"accelerator": gpu.accelerator, "provisioning": gpu.bought, "min": gpu.min, "max": gpu.max}
            for gpu in checked.gpus
        ],
        "problems": [
            {"line": line, "at": dotted(problem.path), "path": list(problem.path), "message": problem.message}
            for line, problem in checked.problems
        ],
        "findings": [finding.as_json() | {"line": checked.place(finding).line} for finding in checked.findings],
        "waived": [waived.as_json() for waived in verdict.waived] if verdict else [],
        "rules_held": verdict.held if verdict else 0,
    }


def _heading(place: Place, paint: Paint) -> str:
    return paint(printable(str(place)), "bold")


def _row(checked: Checked) -> tuple[str, ...]:
    if checked.verdict is None:
        count = len(checked.problems)
        return (checked.name, _NONE, _NONE, _NONE, f"not read: {counted(count, 'problem')}")
    gpus = ", ".join(str(gpu) for gpu in checked.gpus) or "none"
    return (checked.name, f"{checked.models:,}", f"{checked.objects:,}", gpus, proofs_in_words(checked.verdict))


def proofs_in_words(verdict: ProofVerdict) -> str:
    """`all 20 hold, 2 warnings (1 waived until 2027-01-31)`."""
    words = [counted(len(verdict.errors), "error")] if verdict.errors else [f"all {verdict.held} hold"]
    words += [counted(len(verdict.warnings), "warning")] if verdict.warnings else []
    waived = ""
    if verdict.waived:
        waived = f" ({len(verdict.waived)} waived until {min(one.until for one in verdict.waived).isoformat()})"
    return ", ".join(words) + waived


def worst(checks: Iterable[Checked]) -> int:
    """The exit code for several environments: what could not be read counts most."""
    return max((checked.exit_code for checked in checks), default=PROVED)
