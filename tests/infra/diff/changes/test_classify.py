"""What a difference makes of a resource: replaced, restarted, rerouted, scaled or harmless."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from components.catalog.object_fields import Trait
from components.catalog.replacements import How, ReplacementRule, replacement_rules
from components.catalog.table import rows
from infra.diff.changes.classify import classify, created, deleted
from infra.diff.changes.compare import differences
from infra.diff.changes.report import EFFECTS
from infra.diff.snapshots.snapshot import Resource

from ..samples import changed

RULES = sorted(replacement_rules().values())


def name_of(rule: ReplacementRule) -> str:
    return f"{rule.kind} {rule.field}"


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.field not in ("+", "-")], ids=name_of)
def test_every_rule_decides_what_a_change_of_its_field_does(rule: ReplacementRule) -> None:
    before, after = changed(rule)
    found = classify(before, after, differences(after.kind, before.properties, after.properties))
    assert found.effect == rule.effect
    assert found.action == ("replace" if rule.how in ("delete-first", "replace") else "update")
    assert found.reason.startswith(rule.reason)
    assert found.source == rule.source


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.field in ("+", "-")], ids=name_of)
def test_every_rule_decides_what_gaining_or_losing_such_a_resource_does(rule: ReplacementRule) -> None:
    _, resource = changed(rule)
    made = created if rule.field == "+" else deleted
    found = made(resource, component_stays=rule.kind != "*")
    assert (found.effect, found.reason) == (rule.effect, rule.reason)


def test_the_tables_use_the_words_that_the_code_knows() -> None:
    assert {rule.how for rule in RULES} <= set(get_args(How))
    assert {rule.effect for rule in RULES} <= set(EFFECTS)
    assert {row["trait"] for row in rows("object_fields")} == set(get_args(Trait))


def test_what_replaces_says_that_the_old_one_goes_first() -> None:
    before, after = changed(replacement_rules()["Deployment", "spec.selector"])
    found = classify(before, after, differences("Deployment", before.properties, after.properties))
    assert found.reason == (
        "a Deployment's selector cannot be changed: it is deleted, and then made anew under the same name"
    )


def test_what_is_protected_is_said_to_be() -> None:
    before, after = changed(replacement_rules()["Cluster", "network"])
    before = replace(before, protect=True)
    found = classify(before, after, differences("Cluster", before.properties, after.properties))
    assert found.reason.endswith("it is protected, so Pulumi refuses until protect is off")


@pytest.mark.parametrize(
    ("kind", "before", "after", "action", "effect"),
    [
        ("PersistentVolumeClaim", {"spec": {"resources": {"requests": {"storage": "2Ti"}}}},
         {"spec": {"resources": {"requests": {"storage": "1024Gi"}}}}, "update", "replaced"),
        ("ConfigMap", {"immutable": True, "data": {"a": "1"}}, {"immutable": True, "data": {"a": "2"}},
         "replace", "replaced"),
        ("ConfigMap", {"data": {"a": "1"}}, {"immutable": True, "data": {"a": "1"}}, "update", "harmless"),
        ("NodePool", {"nodeLocations": ["a", "b"]}, {"nodeLocations": ["a"]}, "update", "replaced"),
        ("NodePool", {"nodeLocations": ["a"]}, {"nodeLocations": ["b", "a"]}, "update", "scaled"),
        ("NodePool", {"nodeConfig": {"taints": []}},
         {"nodeConfig": {"taints": [{"key": "a", "value": "b", "effect": "NO_EXECUTE"}]}}, "update", "replaced"),
        ("NodePool", {"nodeConfig": {"taints": []}},
         {"nodeConfig": {"taints": [{"key": "a", "value": "b", "effect": "NO_SCHEDULE"}]}}, "update", "harmless"),
        ("Deployment", {"spec": {"replicas": 2}}, {"spec": {"replicas": 0}}, "update", "removed"),
        ("Deployment", {"spec": {"replicas": 2}}, {"spec": {"replicas": 3}}, "update", "scaled"),
    ],
)  # fmt: skip
def test_some_values_decide_beside_the_field(
    kind: str, before: dict[str, Any], after: dict[str, Any], action: str, effect: str
) -> None:
    sides = [Resource(kind, kind, kind, "", "a", "", (), "", side) for side in (before, after)]
    found = classify(sides[0], sides[1], differences(kind, before, after))
    assert (found.action, found.effect) == (action, effect)


def test_a_controller_whose_component_has_another_now_is_replaced_and_not_removed() -> None:
    resource = changed(replacement_rules()["Deployment", "spec.template"])[0]
    assert deleted(resource, component_stays=True, has_successor=True).effect == "replaced"
    assert deleted(resource, component_stays=True).effect == "removed"
