"""What `infra migrate` prints: the block that gives a model another engine, and all that changes with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from components.core.errors import ConfigError, did_you_mean, dotted
from components.proofs.finding import Finding
from components.rollout.model import ModelConfig, RollingRollout
from components.serving.config import ModelServerConfig
from components.serving.migration import Migration, migration, renamed_metrics
from components.serving.pod import gpus_of

from ..plan.environments import Loaded, UsageError
from ..plan.planning import planned
from ..prove.prove import prove_environment
from ..render.yaml_text import to_yaml

_NO_EQUIVALENT = "–"  # noqa: RUF001 - as the tables of `infra check` have it


@dataclass(frozen=True, slots=True)
class EngineChange:
    """A model's change of engine, tried on its environment.

    Attributes:
        model: the model's name.
        environment: the environment's.
        of: the engine it has.
        to: the engine it gets.
        block: what to write below `models.<model>`, replacing what is there by the same name.
        migration: what became of each setting, and what follows.
        refused: what the environment with the block is refused for; empty when it can be planned.
        findings: what the proofs find in it that they did not find before.
    """

    model: str
    environment: str
    of: str
    to: str
    block: Mapping[str, Any]
    migration: Migration
    refused: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def proved(self) -> bool:
        """Whether the environment with the block can be planned, with no new error."""
        return not self.refused and all(finding.severity != "error" for finding in self.findings)


def change(loaded: Loaded, name: str, to: str, *, replace: bool, today: date) -> EngineChange:
    """Work out how a model changes to another engine, and try it on the environment.

    Args:
        loaded: the environment.
        name: the model.
        to: the engine's kind.
        replace: in place, instead of as a canary beside what runs.
        today: the day waivers are judged by.

    Raises:
        UsageError: for a model that is not there, and a change that nobody can work out.
    """
    models = loaded.environment.models
    if name not in models:
        raise UsageError(f'no model "{name}" in {loaded.plan.environment}; {did_you_mean(name, models)}')
    config = models[name]
    if not replace and not isinstance(config.rollout, RollingRollout):
        fix = "finish it first, or write --replace for an engine: block alone"
        raise UsageError(f"{name} has a rollout already, of kind {config.rollout.kind}; {fix}")
    gpus = gpus_of(config, tuple(node for node in loaded.plan.nodes if node.pool in config.runs_on))
    try:
        found = migration(config, to, gpus)
    except ConfigError as error:
        raise UsageError(f"{name}: {error}") from None
    block = _block(config, found.engine, to, replace=replace)
    refused, findings = _tried(loaded, name, block, today)
    return EngineChange(name, loaded.plan.environment, config.engine.kind, to, block, found, refused, findings)


def _block(config: ModelConfig, engine: Mapping[str, Any], to: str, *, replace: bool) -> dict[str, Any]:
    if not replace:
        return {"rollout": {"kind": "canary", "canary": {"engine": dict(engine)}}}
    block: dict[str, Any] = {"engine": dict(engine)}
    if renamed := {old: new for old, new in renamed_metrics(config, to).items() if new}:
        block["autoscaling"] = _renamed(config, renamed)
    return block


def _renamed(config: ModelServerConfig, names: Mapping[str, str]) -> dict[str, Any]:
    """Autoscaling by the new engine's names."""
    scaling = config.autoscaling.renamed(names) if config.autoscaling else None
    return scaling.model_dump(mode="json", exclude_unset=True) if scaling else {}


def _tried(
    loaded: Loaded, name: str, block: Mapping[str, Any], today: date
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """What is wrong with the environment once the block is in it."""
    stack, waivers = loaded.stack, loaded.environment.policy.waive
    models = {**stack.values["models"], name: {**stack.values["models"][name], **block}}
    try:
        _, plan = planned({**stack.values, "models": models}, stack.environment, set(stack.secrets))
    except ConfigError as error:
        return tuple(f"{dotted(problem.path)}: {problem.message}" for problem in error.problems), ()
    before = prove_environment(stack.environment, loaded.plan, waivers, today)
    after = prove_environment(stack.environment, plan, waivers, today)
    known = {(finding.rule, finding.path) for finding in (*before.errors, *before.warnings)}
    new = (finding for finding in (*after.errors, *after.warnings) if (finding.rule, finding.path) not in known)
    return (), tuple(new)


def lines(found: EngineChange, *, replace: bool) -> Iterator[str]:
    """The change as a stack file takes it: the block, after all that is to be known, as comments."""
    manner = "in place" if replace else "as a canary beside what runs"
    yield f"# {found.model} of {found.environment}: from {found.of} to {found.to}, {manner}."
    yield "#"
    rows = [(step.old, step.new or _NO_EQUIVALENT, step.note) for step in found.migration.steps]
    yield from _table((found.of, found.to, "what differs"), rows)
    yield "#"
    yield from _table(("what follows", f"with {found.of}", f"with {found.to}"), found.migration.follows)
    yield "#"
    for problem in found.refused:
        yield f"# refused: {problem}"
    for finding in found.findings:
        yield f"# {finding.severity} [{finding.rule}]: {finding.message}"
        yield from (f"#   fix: {remedy}" for remedy in finding.remedies)
    if not found.refused and not found.findings:
        yield f"# Tried on {found.environment}: it plans, and the proofs find nothing new."
    yield f"# Below models.{found.model}, in place of what is there by the same name:"
    yield to_yaml(found.block).removesuffix("\n")


def as_json(found: EngineChange) -> dict[str, Any]:
    """The change for programs."""
    steps = [{"old": step.old, "new": step.new, "note": step.note} for step in found.migration.steps]
    follows = [{"what": what, "before": old, "after": new} for what, old, new in found.migration.follows]
    findings = [
        {"rule": each.rule, "severity": each.severity, "path": dotted(each.path), "message": each.message}
        for each in found.findings
    ]
    return {
        "model": found.model,
        "environment": found.environment,
        "from": found.of,
        "to": found.to,
        "block": found.block,
        "flags": steps,
        "follows": follows,
        "refused": list(found.refused),
        "findings": findings,
        "proved": found.proved,
    }


def _table(head: tuple[str, str, str], rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(2)]
    for first, second, last in (head, *rows):
        yield f"#   {first:<{widths[0]}}  {second:<{widths[1]}}  {last}".rstrip()
