"""The judged rules as Pulumi policies: one a rule, so that each can be relaxed or tightened by name.

An error is mandatory, a warning advisory. A policy of the whole stack is told what the provider made of each resource,
with every default of the API server (pulumi/pulumi pkg/resource/deploy/step_generator.go, `AnalyzeResources`); rules
are written for what a program asks for. So one more policy, which never reports anything, keeps the inputs that Pulumi
shows it resource by resource before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from components.core.errors import ConfigError, Problem
from components.core.plan import Late

from ..plan.policy import PolicyConfig, Waiver
from ..prove.prove import EXPIRED, UNUSED, WAIVE
from ..terminal.today import utc_day
from .registered import JUDGED, Registered, Violation, violations

NAME = "inference-proofs"
"""The pack's name, as Pulumi shows it."""
INPUTS = "inputs-of-resources"
"""The policy that keeps inputs and reports nothing."""
_WAIVERS = {
    EXPIRED: ("A waiver past its last day.", EnforcementLevel.MANDATORY),
    UNUSED: ("A waiver of something that is not found any more.", EnforcementLevel.ADVISORY),
}
_LEVELS = {"error": EnforcementLevel.MANDATORY, "warning": EnforcementLevel.ADVISORY}


def policies(today: Callable[[], date] = utc_day) -> list[Policy]:
    """All policies of the pack.

    Args:
        today: tells the day waivers are judged by.
    """
    judge = _Judge(today)
    rules: list[Policy] = [
        _policy(rule.id, rule.summary, _LEVELS[rule.severity], judge, rule.fix.replace("\n", " "))
        for rule in JUDGED.values()
    ]
    waivers: list[Policy] = [_policy(name, summary, level, judge) for name, (summary, level) in _WAIVERS.items()]
    keeper = ResourceValidationPolicy(
        name=INPUTS,
        description="Keeps what the program asks for, which the other policies judge. Reports nothing.",
        validate=judge.keep,
        enforcement_level=EnforcementLevel.ADVISORY,
    )
    return [keeper, *rules, *waivers]


def _policy(name: str, summary: str, level: EnforcementLevel, judge: _Judge, fix: str | None = None) -> Policy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for violation in judge.found(args):
            if violation.finding.rule == name:
                report(str(violation), violation.urn or None)

    return StackValidationPolicy(
        name=name, description=summary, validate=validate, enforcement_level=level, remediation_steps=fix
    )


class _Judge:
    """What all policies of one run share: the inputs seen so far, and the verdict once all are there."""

    def __init__(self, today: Callable[[], date]) -> None:
        self._today = today
        self._inputs: dict[str, Mapping[str, Any]] = {}
        self._verdict: tuple[list[str], tuple[Violation, ...]] | None = None

    def keep(self, args: ResourceValidationArgs, report: ReportViolation) -> None:  # noqa: ARG002 - the SDK's signature
        """Remember a resource's inputs."""
        self._inputs[args.urn] = _plain(args.props)
        self._verdict = None

    def found(self, args: StackValidationArgs) -> tuple[Violation, ...]:
        """Everything that is found in a stack; worked out once for all policies."""
        urns = [resource.urn for resource in args.resources]
        if self._verdict is None or self._verdict[0] != urns:
            resources = [
                Registered(
                    urn=one.urn,
                    type=one.resource_type,
                    name=one.name,
                    # A resource that this run does not register, with --target for example, has only its state.
                    properties=self._inputs.get(one.urn) or _plain(one.props),
                    parent=one.parent.urn if one.parent else "",
                    dependencies=tuple(other.urn for other in one.dependencies),
                )
                # The engine promises no order, and a finding is told at the first of several resources it is about.
                for one in sorted(args.resources, key=lambda one: one.urn)
            ]
            found = violations(pulumi.get_stack(), resources, stack_waivers(), self._today())
            self._verdict = (urns, found)
        return self._verdict[1]


def stack_waivers() -> tuple[Waiver, ...]:
    """`policy.waive` of the stack's configuration, which Pulumi hands to policy packs too.

    Raises:
        ConfigError: when it cannot be used; then nothing is deployed.
    """
    section, key = WAIVE
    text = pulumi.Config("inference").get(section)
    try:
        policy = json.loads(text) if text else {}
    except json.JSONDecodeError:
        policy = None
    if not isinstance(policy, dict):
        raise ConfigError([Problem((section,), "must be a mapping with a list `waive`")])
    try:
        return PolicyConfig(waive=policy.get(key, [])).waive
    except ConfigError as error:
        raise ConfigError(Problem((section, *found.path), found.message) for found in error.problems) from None


def _plain(value: Any) -> Any:
    """Properties as plain data: whole floats as ints, and a placeholder for what a preview cannot know."""
    if isinstance(value, Mapping):
        return {str(key): _known(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_known(value, number) for number in range(len(value))]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _known(values: Any, key: Any) -> Any:
    try:
        return _plain(values[key])
    except UnknownValueError:
        return str(Late("unknown"))
