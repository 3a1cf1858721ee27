"""A plan rebuilt from registered resources: every judged rule finds there what it finds in the plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from components.core.plan import TYPE_PREFIX, Item, Part, Plan
from components.proofs.finding import Finding
from components.proofs.rules import RULES
from components.reading.index import Index
from infra.plan.environments import load
from infra.policy.registered import JUDGED, NOT_JUDGED, Registered, rebuilt, violations
from infra.stack.project import load_project
from tests.components.proofs.cases import CASES, Case
from tests.contract.program import ROOT, STACKS

TODAY = date(2026, 11, 21)
_STACK = "pulumi:pulumi:Stack"


def _urn(kind: str, name: str) -> str:
    return f"urn:pulumi:test::inference::{kind}::{name}"


def registered(plan: Plan) -> Iterator[Registered]:
    """What a program that registers a plan tells a policy pack."""
    for part in plan.parts:
        owner = _urn(part.token, part.name)
        yield Registered(owner, part.token, part.name, {})
        urns = {item.role: _urn(f"{part.token}${item.type}", item.name) for item in part.items}
        for item in part.items:
            after = tuple(urns[role] for role in item.after)
            yield Registered(urns[item.role], item.type, item.name, item.properties, owner, after)


class _Watched:
    """An index's plan that notes whether a rule asks for what no resource tells."""

    def __init__(self, plan: Plan) -> None:
        self.asked = False
        watch = self

        class WatchedPlan(Plan):
            def __getattribute__(self, name: str) -> Any:
                watch.asked |= name in ("nodes", "nodes_complete")
                return super().__getattribute__(name)

        class WatchedPart(Part):
            def __getattribute__(self, name: str) -> Any:
                watch.asked |= name == "tracks"
                return super().__getattribute__(name)

        parts = tuple(
            WatchedPart(one.kind, one.name, one.items, one.outputs, one.after, one.path, one.siblings, one.tracks)
            for one in plan.parts
        )
        self.index = Index(WatchedPlan(plan.environment, parts, nodes=plan.nodes, nodes_complete=plan.nodes_complete))
        self.asked = False

    def findings(self, rule: str) -> list[Finding]:
        return list(RULES[rule].check(self.index))


@pytest.mark.parametrize("case", [case for case in CASES if case.rule in JUDGED], ids=lambda case: case.rule)
def test_a_judged_rule_refuses_its_case_and_lets_the_sound_one_pass(case: Case) -> None:
    bad, good = case.bad(), case.good()

    found = violations("test", list(registered(bad)), (), TODAY)

    advice = f"{case.rule} needs more than resources: add it to NOT_JUDGED with the reason"
    messages = {one.finding.message for one in found if one.finding.rule == case.rule}
    assert messages == {finding.message for finding in RULES[case.rule].check(Index(bad))}, advice
    assert case.rule not in {one.finding.rule for one in violations("test", list(registered(good)), (), TODAY)}, advice


@pytest.mark.parametrize("rule", RULES)
def test_exactly_the_rules_that_need_nodes_or_memory_are_left_to_infra_check(rule: str) -> None:
    asked = False
    for plan in (plan for case in CASES if case.rule == rule for plan in (case.bad(), case.good())):
        watched = _Watched(plan)
        watched.findings(rule)
        asked |= watched.asked

    assert asked == ("worked out" in NOT_JUDGED.get(rule, ""))


@pytest.mark.parametrize("name", STACKS)
def test_parts_items_places_and_order_are_the_plans(name: str) -> None:
    plan = load(STACKS[name], load_project(ROOT)).plan

    found, urns = rebuilt(name, list(reversed(list(registered(plan)))))

    parts = {part.key: part for part in found.parts}
    assert parts.keys() == {part.key for part in plan.parts}
    for part in plan.parts:
        again = parts[part.key]
        assert again.path == part.path, part.key
        assert {item.name: item.properties for item in again.items} == {i.name: i.properties for i in part.items}
        names = {item.role: item.name for item in part.items}
        for item in again.items:
            planned = next(one for one in part.items if (one.name, one.type) == (item.name, item.type))
            roles = {one.role: one.name for one in again.items}
            assert {roles[role] for role in item.after} == {names[role] for role in planned.after}
        if part.path:
            assert urns[part.path] in {_urn(one.token, one.name) for one in plan.parts if one.path == part.path}


def _deployment(name: str) -> dict[str, object]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "a"}]}}},
    }


def test_another_programs_resources_are_judged_each_as_its_own_part() -> None:
    kind = "kubernetes:apps/v1:Deployment"
    stack = Registered(_urn(_STACK, "x"), _STACK, "x", {})
    theirs = Registered(_urn(kind, "web"), kind, "web", _deployment("web"), stack.urn)

    found = violations("test", [stack, theirs], (), TODAY)

    assert {"runs-as-root", "moving-image", "no-network-policy"} <= {one.finding.rule for one in found}
    assert {one.urn for one in found} == {theirs.urn}
    assert all(str(one).startswith("Deployment.web  [") for one in found)


def test_what_a_chart_brings_is_somebody_elses() -> None:
    kind, chart = "kubernetes:apps/v1:Deployment", "kubernetes:helm.sh/v4:Chart"
    owner = Registered(_urn(chart, "keda"), chart, "keda", {})
    child = Registered(_urn(f"{chart}${kind}", "keda"), kind, "keda", _deployment("keda"), owner.urn)

    plan, _ = rebuilt("test", [child, owner])

    assert [item.type for part in plan.parts for item in part.items] == [chart]


def test_resources_below_a_wrapper_belong_to_our_component_above_it() -> None:
    server, kind = f"{TYPE_PREFIX}ModelServer", "kubernetes:apps/v1:Deployment"
    owner = Registered(_urn(server, "chat"), server, "chat", {})
    wrapper = Registered(_urn("their:own:Thing", "chat-x"), "their:own:Thing", "chat-x", {}, owner.urn)
    child = Registered(_urn(kind, "chat-deployment"), kind, "chat-deployment", _deployment("chat"), wrapper.urn)

    plan, _ = rebuilt("test", [owner, wrapper, child])

    assert plan.parts == (
        Part(
            "ModelServer",
            "chat",
            (Item("deployment", kind, "chat-deployment", _deployment("chat")),),
            path=("models", "chat"),
        ),
    )
