"""What a proof says: where, what would happen and why, and what fixes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from ..core.errors import Path, dotted

Severity = Literal["error", "warning"]
"""An error is refused; a warning is told and let through."""


class WaiverEntry(TypedDict, total=False):
    """Until when a finding is accepted, and why."""

    reason: str
    until: str


class FindingEntry(TypedDict, total=False):
    """A finding as the JSON that travels, in which older code may have written less.

    `at` is the path as people write it; `file` and `line` are where a snapshot found it, `waived` why it is accepted.
    """

    rule: str
    severity: Severity
    at: str
    path: Sequence[str | int]
    message: str
    remedies: Sequence[str]
    page: str
    file: str
    line: int | None
    waived: WaiverEntry


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a proof found.

    Attributes:
        rule: id of the rule, `unschedulable-pod`; `docs/proofs/<rule>.md` explains it.
        severity: whether it is refused.
        path: the part's place in the stack file and the field below it, `("models", "llama", "gpus")`; for a part
            without one, `("ModelServer", "llama", "gpus")`.
        message: what would happen and why, with numbers, in one line; never a secret.
        remedies: what fixes it, best first.
    """

    rule: str
    severity: Severity
    path: Path
    message: str
    remedies: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{dotted(self.path)}  [{self.rule}]  {self.message}"

    def as_json(self) -> FindingEntry:
        """The finding for machines; `at` is the path as people write it."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "at": dotted(self.path),
            "path": list(self.path),
            "message": self.message,
            "remedies": list(self.remedies),
            "page": f"docs/proofs/{self.rule}.md",
        }
