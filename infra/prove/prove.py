"""The verdict on an environment: what the proofs find, less what the team has accepted for a while.

Waivers are checked too: one past its day refuses the environment until somebody looks at it again, and one that
matches nothing is told, so that the list stays as short as the truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from components.core.errors import did_you_mean, dotted
from components.core.plan import Plan
from components.proofs.finding import Finding, FindingEntry
from components.proofs.rules import RULES, found_by, in_order, prove
from components.reading.index import Index

from ..plan.policy import Waiver
from ..terminal import fork

EXPIRED = "expired-waiver"
UNUSED = "unused-waiver"
WAIVE = ("policy", "waive")
"""Where waivers stand in a stack file."""


@dataclass(frozen=True, slots=True)
class Waived:
    """A finding that a waiver accepts.

    Attributes:
        finding: what was found.
        reason: why it is acceptable.
        until: last day it is.
    """

    finding: Finding
    reason: str
    until: date

    def as_json(self) -> FindingEntry:
        """The finding for machines, with its waiver."""
        return {**self.finding.as_json(), "waived": {"reason": self.reason, "until": self.until.isoformat()}}


@dataclass(frozen=True, slots=True)
class ProofVerdict:
    """What the proofs say of an environment.

    Attributes:
        environment: its name.
        findings: what stands, errors first and then in the plan's order; expired and unused waivers among them.
        waived: what was found and is accepted.
        expired: the waivers that are past their day, as the findings they are.
    """

    environment: str
    findings: tuple[Finding, ...]
    waived: tuple[Waived, ...] = ()
    expired: tuple[Finding, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What refuses the environment."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is told and let through."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    @property
    def held(self) -> int:
        """How many rules hold: those with no error that stands."""
        return len(RULES.keys() - {finding.rule for finding in self.errors})

    def as_json(self) -> dict[str, Any]:
        """The verdict for machines."""
        return {
            "environment": self.environment,
            "findings": [finding.as_json() for finding in self.findings],
            "waived": [waived.as_json() for waived in self.waived],
            "rules_held": self.held,
        }


def prove_environment(
    environment_name: str, plan: Plan, policy_waivers: Sequence[Waiver], today: date, index: Index | None = None
) -> ProofVerdict:
    """Prove a plan and weigh what is found against the team's waivers.

    Args:
        environment_name: the stack's name.
        plan: what to prove.
        policy_waivers: `policy.waive` of the stack, in its order.
        today: the day waivers are judged by; a waiver holds through its last day.
        index: that of the plan, from whoever has made one.
    """
    found = _proved(index or Index(plan))
    in_force = [waiver for waiver in policy_waivers if today <= date.fromisoformat(waiver.until)]
    waived: list[Waived] = []
    standing: list[Finding] = []
    for finding in found:
        waiver = next((waiver for waiver in in_force if covers(waiver, finding)), None)
        if waiver:
            waived.append(Waived(finding, waiver.reason, date.fromisoformat(waiver.until)))
        else:
            standing.append(finding)
    expired = tuple(_expired(number, waiver, today) for number, waiver in _past(policy_waivers, today))
    unused = [
        _unused(number, waiver)
        for number, waiver in enumerate(policy_waivers)
        if waiver in in_force and not any(covers(waiver, finding) for finding in found)
    ]
    findings = sorted((*expired, *standing, *unused), key=lambda finding: finding.severity != "error")
    return ProofVerdict(environment_name, tuple(findings), tuple(waived), expired)


def _proved(index: Index) -> list[Finding]:
    """What all rules find; half of them look at a large plan in a second process."""
    if len(index.entries) < fork.LARGE or not fork.can_fork():
        return prove(index.plan, index)
    rules = list(RULES.values())
    index.workloads  # noqa: B018 - what nearly all of them read is found once, for both
    with fork.beside(partial(found_by, index, rules[len(rules) // 2 :])) as others:
        found = found_by(index, rules[: len(rules) // 2])
        return in_order(index, [*found, *others.result()])


def covers(waiver: Waiver, finding: Finding) -> bool:
    """Whether a waiver is about a finding: the same rule, at its place or below it."""
    if waiver.rule != finding.rule:
        return False
    place = dotted(finding.path)
    return waiver.at is None or place == waiver.at or place.startswith((f"{waiver.at}.", f"{waiver.at}["))


def _past(waivers: Iterable[Waiver], today: date) -> Iterable[tuple[int, Waiver]]:
    return (entry for entry in enumerate(waivers) if today > date.fromisoformat(entry[1].until))


def _expired(number: int, waiver: Waiver, today: date) -> Finding:
    days = (today - date.fromisoformat(waiver.until)).days
    return Finding(
        EXPIRED,
        "error",
        (*WAIVE, number, "until"),
        f"the waiver of {_about(waiver)} ended on {waiver.until}, {days} day{'s' if days > 1 else ''} ago; its reason "
        f"was: {waiver.reason}",
        ("fix what it waives and delete it", "set until to a later day, if the reason still holds"),
    )


def _unused(number: int, waiver: Waiver) -> Finding:
    hint = () if waiver.rule in RULES else (did_you_mean(waiver.rule, RULES, "a rule"),)
    says = "there is no rule of that name" if hint else "nothing is found there any more"
    return Finding(
        UNUSED,
        "warning",
        (*WAIVE, number),
        f"the waiver of {_about(waiver)} waives nothing: {says}",
        (*hint, "delete it"),
    )


def _about(waiver: Waiver) -> str:
    return f"{waiver.rule} at {waiver.at}" if waiver.at else f"{waiver.rule}, everywhere"
