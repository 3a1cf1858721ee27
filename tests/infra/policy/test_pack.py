"""The pack, run as Pulumi runs it, finds in what is registered what `infra check` finds in the plan."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi.runtime.proto import analyzer_pb2

from components.core.errors import dotted
from components.proofs.rules import RULES
from infra.plan.environments import load
from infra.policy.registered import JUDGED, NOT_JUDGED
from infra.policy.resources import INPUTS
from infra.prove.prove import EXPIRED, UNUSED, ProofVerdict, prove_environment
from infra.stack.project import load_project
from tests.contract.program import ROOT, STACKS, recorder_for, up
from tests.contract.recorder import Recorder

from .engine import Told, pack


def _told(found: list[Told]) -> set[tuple[str, str]]:
    """Rule and place; the pack puts the rule's summary above the finding and its fixes below.

    Not the rest of the line: a finding about several resources names the first, and resources are registered at once.
    """
    return {(one.policy, one.message.split("\n")[1].partition("  [")[0]) for one in found}


def _checked(path: Path) -> set[tuple[str, str]]:
    loaded = load(path, load_project(ROOT))
    today = datetime.now(tz=UTC).date()
    verdict = prove_environment(loaded.plan.environment, loaded.plan, loaded.environment.policy.waive, today)
    return {(found.rule, dotted(found.path)) for found in verdict.findings if found.rule not in NOT_JUDGED}


def _broken(folder: Path, **policy: Any) -> Path:
    """prod with a model that may write everywhere, from an image that moves, on a route that leads nowhere."""
    stack = yaml.safe_load((ROOT / "stacks/Pulumi.prod.yaml").read_text(encoding="utf-8"))
    name = "Pulumi.prod.yaml"
    models = stack["config"]["inference:models"]
    models["llama"]["security"] = {"read_only_root": False}
    models["llama"].setdefault("revision", "main")
    models["llama"]["revision"] = "main"
    if policy:
        stack["config"]["inference:policy"] = policy
    path = folder / name
    path.write_text(yaml.safe_dump(stack, sort_keys=False), encoding="utf-8")
    return path


def _registered(path: Path) -> Recorder:
    """What the program registers, also where it would refuse to: the pack is there for programs that do not ask."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("infra.prove.prove.prove_environment", lambda name, plan, waivers, today: ProofVerdict(name, ()))
        return up(recorder_for(path, preview=True))


@pytest.mark.parametrize("name", STACKS)
def test_the_pack_finds_in_an_environment_exactly_what_infra_check_finds(name: str) -> None:
    recorder = up(recorder_for(STACKS[name], preview=True))

    with pack(recorder.stack, recorder.config) as running:
        found = running.judge(recorder)

    assert _told(found) == _checked(STACKS[name])
    for one in found:
        assert one.level == ("MANDATORY" if RULES[one.policy].severity == "error" else "ADVISORY")
        assert one.urn in recorder.registered


def test_a_broken_environment_is_refused_for_what_infra_check_refuses_it_for(tmp_path: Path) -> None:
    path = _broken(tmp_path)
    recorder = _registered(path)

    with pack("prod", recorder.config) as running:
        found = running.judge(recorder)

    expected = _checked(path)
    assert {"container-not-hardened", "model-not-pinned"} <= {rule for rule, _ in expected}
    assert _told(found) == expected
    assert "MANDATORY" in {one.level for one in found}


def test_a_waiver_of_the_stack_counts_and_one_past_its_day_refuses(tmp_path: Path) -> None:
    reason = "known, and accepted for this test"
    held = {"rule": "container-not-hardened", "at": "models.llama", "reason": reason, "until": "2999-12-31"}
    past = {"rule": "model-not-pinned", "at": "models.llama", "reason": reason, "until": "2020-01-31"}
    elsewhere = {"rule": "memory-marginal", "reason": reason, "until": "2999-12-31"}
    path = _broken(tmp_path, waive=[held, past, elsewhere])
    recorder = _registered(path)

    with pack("prod", recorder.config) as running:
        found = running.judge(recorder)

    rules = {one.policy: one.level for one in found}
    assert "container-not-hardened" not in rules
    assert rules["model-not-pinned"] == "ADVISORY"
    assert rules[EXPIRED] == "MANDATORY"
    assert UNUSED not in rules, "whether a waiver of a rule that the pack cannot judge is used, it cannot know"


def test_a_policy_section_that_cannot_be_used_stops_the_deployment() -> None:
    recorder = up(recorder_for(STACKS["local"], preview=True))
    config = {**recorder.config, "inference:policy": json.dumps({"waive": [{"rule": "model-not-pinned"}]})}

    with pack("local", config) as running, pytest.raises(Exception, match=r"policy\.waive"):
        running.judge(recorder)


def test_every_rule_is_a_policy_or_says_why_not() -> None:
    with pack("local", {}) as running:
        info = running.info()

    levels = {one.name: analyzer_pb2.EnforcementLevel.Name(one.enforcementLevel) for one in info.policies}
    assert levels.keys() == {*JUDGED, EXPIRED, UNUSED, INPUTS}
    assert JUDGED.keys() | NOT_JUDGED.keys() == RULES.keys()
    assert all(one.remediation_steps for one in info.policies if one.name in JUDGED)
    assert {name for name, level in levels.items() if level == "MANDATORY"} == {
        EXPIRED,
        *(rule.id for rule in JUDGED.values() if rule.severity == "error"),
    }


def test_a_rule_is_relaxed_by_name(tmp_path: Path) -> None:
    recorder = _registered(_broken(tmp_path))

    with pack("prod", recorder.config) as running:
        running.configure({"container-not-hardened": analyzer_pb2.ADVISORY, "model-not-pinned": analyzer_pb2.DISABLED})
        found = {one.policy: one.level for one in running.judge(recorder)}

    assert found["container-not-hardened"] == "ADVISORY"
    assert "model-not-pinned" not in found
