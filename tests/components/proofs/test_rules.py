"""Every rule refuses its case and lets a sound plan pass; findings come in order and in full."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.core.errors import dotted
from components.core.manifest import object_item
from components.core.plan import Part, Plan
from components.proofs.rules import RULES, prove

from .cases import CASES, Case
from .plans import exchanged, findings, serving, sound, with_llama


def test_every_rule_has_a_case() -> None:
    assert [case.rule for case in CASES if case.rule not in RULES] == []
    assert RULES.keys() == {case.rule for case in CASES}


def test_a_sound_environment_has_no_findings() -> None:
    assert prove(sound()) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_rule_refuses_its_case(case: Case) -> None:
    found = findings(case.bad(), case.rule)
    assert found
    assert all(finding.severity == RULES[case.rule].severity for finding in found)
    assert all("\n" not in finding.message and finding.remedies and finding.path for finding in found)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_rule_lets_the_sound_variant_pass(case: Case) -> None:
    assert findings(case.good(), case.rule) == []


def test_errors_come_first_and_then_the_order_of_the_plan() -> None:
    plan = with_llama(replicas=3, revision="main", security={"read_only_root": False})
    rules = [finding.rule for finding in prove(plan)]
    assert rules == ["pool-too-small", "container-not-hardened", "model-not-pinned"]


def test_a_part_without_a_place_in_a_file_is_named_by_its_class() -> None:
    part = replace(serving("llama", gpus=2), path=())
    (finding,) = findings(exchanged(sound(), "ModelServer/llama", part), "unschedulable-pod")
    assert dotted(finding.path) == "ModelServer.llama.gpus"


def test_a_finding_is_told_to_machines_in_full() -> None:
    (finding,) = findings(with_llama(revision="main"), "model-not-pinned")
    assert finding.as_json() == {
        "rule": "model-not-pinned",
        "severity": "warning",
        "at": "models.llama.revision",
        "path": ["models", "llama", "revision"],
        "message": "Deployment llama serves Qwen/Qwen3-8B at main, which can move",
        "remedies": ["revision: the 40 digits of a commit, from huggingface.co/Qwen/Qwen3-8B/commits"],
        "page": "docs/proofs/model-not-pinned.md",
    }


def test_the_bare_minimum_of_another_program_is_proved_too() -> None:
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a"},
        "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "a"}]}}},
    }
    plan = Plan("other", (Part("Other", "a", (object_item("deployment", "a", manifest),)),))
    assert {finding.rule for finding in prove(plan)} == {
        "runs-as-root",
        "container-not-hardened",
        "pod-not-isolated",
        "no-network-policy",
        "moving-image",
        "no-memory-limit",
    }
