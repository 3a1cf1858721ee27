"""What a rule is: a small function over the plan's index, with an id, a severity and a page that explains it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ..core.errors import Path
from ..reading.index import Index
from .finding import Finding, Severity

Proof = Literal["memory fit", "scheduling", "loading", "rollout", "traffic", "names", "hardening", "budget"]
"""The groups of rules."""
FIX = "Fix:"
"""Begins the paragraph of a rule's docstring that says what to do."""


class Fault(NamedTuple):
    """What a rule's function yields; the rule makes a `Finding` of it."""

    path: Path
    message: str
    remedies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: what findings and waivers call it.
        proof: the group it belongs to.
        severity: what it makes of a fault.
        faults: the function that finds faults. Its docstring is the rule's page: what it refuses in the first line,
            then why, with sources, then a paragraph that starts with `Fix:`.
    """

    id: str
    proof: Proof
    severity: Severity
    faults: Callable[[Index], Iterator[Fault]]

    @property
    def summary(self) -> str:
        """What it refuses, in one line."""
        return self._paragraphs[0].split("\n")[0]

    @property
    def why(self) -> list[str]:
        """Why it is refused, with sources: a text a paragraph."""
        return [text for text in self._paragraphs[1:] if not text.startswith(FIX)]

    @property
    def fix(self) -> str:
        """What to do."""
        return " ".join(text.removeprefix(FIX).strip() for text in self._paragraphs if text.startswith(FIX))

    @property
    def _paragraphs(self) -> list[str]:
        return inspect.cleandoc(self.faults.__doc__ or "").split("\n\n")

    def check(self, index: Index) -> Iterator[Finding]:
        """Every finding in a plan."""
        for fault in self.faults(index):
            yield Finding(self.id, self.severity, fault.path, fault.message, fault.remedies)


def rule(rule_id: str, proof: Proof, severity: Severity) -> Callable[[Callable[[Index], Iterator[Fault]]], Rule]:
    """Make a rule of a function."""
    return lambda faults: Rule(rule_id, proof, severity, faults)
