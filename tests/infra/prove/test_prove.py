"""The verdict on an environment: what stands, what is waived, and waivers that have had their day."""

from __future__ import annotations

from datetime import date

import pytest

from components.core.errors import dotted
from components.proofs.rules import RULES
from infra.plan.policy import Waiver
from infra.prove.prove import ProofVerdict, covers, prove_environment
from tests.components.proofs.plans import findings, sound, with_llama

TODAY = date(2026, 11, 21)


def accepted(*, rule: str = "model-not-pinned", at: str | None = "models.llama", until: str = "2027-01-31") -> Waiver:
    return Waiver(rule=rule, at=at, reason="rebuilt every night until the launch", until=until)


def prove(*waivers: Waiver, today: date = TODAY) -> ProofVerdict:
    return prove_environment("test", with_llama(revision="main"), waivers, today)


def test_a_sound_environment_holds_every_rule() -> None:
    verdict = prove_environment("test", sound(), (), TODAY)
    assert verdict == ProofVerdict("test", ())
    assert verdict.held == len(RULES)


def test_without_a_waiver_a_finding_stands() -> None:
    verdict = prove()
    assert [finding.rule for finding in verdict.warnings] == ["model-not-pinned"]
    assert verdict.errors == ()
    assert verdict.held == len(RULES)


def test_a_rule_with_an_error_does_not_hold() -> None:
    verdict = prove_environment("test", with_llama(gpus=2), (), TODAY)
    assert [finding.rule for finding in verdict.errors] == ["unschedulable-pod"]
    assert verdict.held == len(RULES) - 1


def test_a_waived_finding_is_kept_with_its_reason_and_its_last_day() -> None:
    verdict = prove(accepted())
    assert verdict.findings == ()
    (waived,) = verdict.waived
    assert waived.finding.rule == "model-not-pinned"
    assert waived.as_json()["waived"] == {"reason": "rebuilt every night until the launch", "until": "2027-01-31"}


def test_a_waiver_holds_through_its_last_day() -> None:
    assert prove(accepted(), today=date(2027, 1, 31)).findings == ()
    assert [finding.rule for finding in prove(accepted(), today=date(2027, 2, 1)).findings] == [
        "expired-waiver",
        "model-not-pinned",
    ]


def test_an_expired_waiver_is_an_error_that_names_the_day() -> None:
    verdict = prove(accepted(until="2026-10-31"))
    (expired,) = verdict.expired
    assert expired in verdict.errors
    assert dotted(expired.path) == "policy.waive[0].until"
    assert expired.message == (
        "the waiver of model-not-pinned at models.llama ended on 2026-10-31, 21 days ago; its reason was: rebuilt "
        "every night until the launch"
    )


def test_a_waiver_that_waives_nothing_is_told() -> None:
    verdict = prove_environment("test", sound(), (accepted(),), TODAY)
    (unused,) = verdict.warnings
    assert (unused.rule, dotted(unused.path)) == ("unused-waiver", "policy.waive[0]")
    assert unused.message == (
        "the waiver of model-not-pinned at models.llama waives nothing: nothing is found there any more"
    )
    assert unused.remedies == ("delete it",)


def test_a_waiver_of_a_rule_that_is_not_there_says_which_one_is_meant() -> None:
    (unused,) = prove_environment("test", sound(), (accepted(rule="model-not-pined"),), TODAY).warnings
    assert unused.message.endswith("there is no rule of that name")
    assert unused.remedies[0].startswith("did you mean model-not-pinned?")


@pytest.mark.parametrize(
    ("at", "covered"),
    [
        (None, True),
        ("models", True),
        ("models.llama", True),
        ("models.llama.revision", True),
        ("models.lla", False),
        ("models.llama2", False),
        ("models.llama.revision.x", False),
    ],
)
def test_a_waiver_covers_its_place_and_what_is_below(at: str | None, covered: bool) -> None:
    (finding,) = findings(with_llama(revision="main"), "model-not-pinned")
    assert covers(accepted(at=at), finding) is covered


def test_a_waiver_is_about_one_rule() -> None:
    (finding,) = findings(with_llama(revision="main"), "model-not-pinned")
    assert not covers(accepted(rule="moving-image", at=None), finding)


def test_two_waivers_of_one_finding_are_both_in_use() -> None:
    assert prove(accepted(), accepted(at=None)).findings == ()


def test_errors_come_before_warnings() -> None:
    verdict = prove(accepted(until="2026-01-01"), accepted(rule="moving-image"))
    assert [finding.severity for finding in verdict.findings] == ["error", "warning", "warning"]


def test_the_stacks_own_waivers_are_understood() -> None:
    waiver = Waiver(rule="model-not-pinned", at="models.llama", reason="until the launch", until="2027-01-31")
    assert prove_environment("test", with_llama(revision="main"), (waiver,), TODAY).findings == ()


def test_a_verdict_is_told_to_machines() -> None:
    told = prove(accepted()).as_json()
    assert told["environment"] == "test"
    assert told["findings"] == []
    assert told["rules_held"] == len(RULES)
    assert told["waived"][0]["at"] == "models.llama.revision"
