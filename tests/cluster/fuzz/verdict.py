"""What `infra check` says of a stack, in this process and by the command's own way: file, models, plan, proofs."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from pathlib import Path as FilePath
from typing import Any

from components.core.errors import ConfigError, Path, Problem
from components.core.plan import Plan
from components.proofs.finding import Finding
from infra.plan.environment import Environment
from infra.plan.environments import load
from infra.plan.planning import planned
from infra.prove.prove import prove_environment
from infra.render.yaml_text import to_yaml
from infra.stack.stackfile import StackError

TODAY = date(2026, 11, 21)
"""The day waivers are judged by."""
SECRETS = ("hf_token", "other_token")
"""Secrets that every generated stack has."""
_ROUNDS = 60
_REQUIRED = ("kind", "model", "engine")
"""Settings that a model server is not without."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` says of a stack.

    Attributes:
        plan: its plan; `None` when the settings gave none.
        problems: what is wrong with the settings.
        findings: what the proofs refuse.
        waived: whether the team's own waivers hide an error.
    """

    plan: Plan | None
    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    waived: bool = False

    @property
    def accepts(self) -> bool:
        """Whether `check` exits with 0."""
        return self.plan is not None and not self.findings

    @property
    def paths(self) -> list[Path]:
        """Where it refuses something."""
        return [problem.path for problem in self.problems] + [finding.path for finding in self.findings]

    def lines(self) -> list[str]:
        """What it refuses, a line each."""
        return [str(entry) for entry in (*self.problems, *self.findings)]


def check(values: Mapping[str, Any]) -> Checked:
    """Check a stack, from its file on."""
    with tempfile.TemporaryDirectory() as folder:
        path = FilePath(folder) / "Pulumi.generated.yaml"
        path.write_text(stack_text(values), encoding="utf-8")
        try:
            loaded = load(path, None)
        except StackError as error:
            return Checked(None, tuple(problem for _, problem in error.problems))
    return _proved(loaded.environment, loaded.plan)


def _proved(environment: Environment, plan: Plan) -> Checked:
    verdict = prove_environment("generated", plan, environment.policy.waive, TODAY)
    waived = any(one.finding.severity == "error" for one in verdict.waived)
    return Checked(plan, (), verdict.errors, waived)


def stack_text(values: Mapping[str, Any]) -> str:
    """The stack as a file, with the secrets that every generated one has."""
    sealed = {f"inference:{name}": {"secure": "v1:AAAAAAAAAAAAAAAA:AAAAAAAAAAAA"} for name in SECRETS}
    return to_yaml({"config": {**sealed, **{f"inference:{name}": value for name, value in values.items()}}})


def repaired(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same with what `check` refuses taken out, as long as there is something."""
    rest = deepcopy(dict(values))
    for _ in range(_ROUNDS):
        try:
            checked = _proved(*planned(rest, "generated", SECRETS))
        except ConfigError as error:
            checked = Checked(None, error.problems)
        told = dict(zip(checked.paths, checked.lines(), strict=True))
        cuts = [_cut(rest, path, told[path]) for path in sorted(told, key=len, reverse=True)]
        if not any(cuts):
            break
    return rest


def _cut(values: dict[str, Any], path: Path, told: str) -> bool:
    """Take out what stands at a path, or is named beside it, or is around it; whether there was anything."""
    while path:
        holder: Any = values
        for step in path[:-1]:
            try:
                holder = holder[step]
            except (KeyError, IndexError, TypeError):
                holder = None
        if named := _named(holder, path[-1], told):
            del named[0][named[1]]
            return True
        try:
            del holder[path[-1]]
        except (KeyError, IndexError, TypeError):
            path = path[:-1]
        else:
            return True
    return False


def _named(holder: Any, last: str | int, told: str) -> tuple[dict[str, Any], str] | None:
    """A setting that a problem names: of the settings it is about, or beside the one that is missing."""
    if not isinstance(holder, dict):
        return None
    place = holder.get(last) if last in holder else holder
    words = set(re.findall(r"\w+", told)) - {last}
    if isinstance(place, dict):
        for name in place:
            if name in words and name not in _REQUIRED:
                return place, name
    return None
