"""What a proof says: where, what would happen and why, and what fixes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..core.errors import Path, dotted

Severity = Literal["error", "warning"]
"""An error is refused; a warning is told and let through."""


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

    def as_json(self) -> dict[str, Any]:
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
