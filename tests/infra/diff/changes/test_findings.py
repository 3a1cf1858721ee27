"""Which findings are new, fixed and standing."""

from __future__ import annotations

from components.proofs.finding import FindingEntry, Severity
from infra.diff.changes.findings import compare_findings


def finding(
    message: str, rule: str = "memory-fit", at: str = "models.llama", severity: Severity = "error"
) -> FindingEntry:
    return {"rule": rule, "severity": severity, "at": at, "message": message}


def test_a_finding_whose_numbers_change_still_stands() -> None:
    found = compare_findings([finding("needs 17.6 GiB")], [finding("needs 18.1 GiB")])
    assert (found.new, found.fixed) == ((), ())
    assert found.standing == (finding("needs 18.1 GiB"),)


def test_another_rule_another_place_or_another_severity_is_another_finding() -> None:
    old = finding("needs 1 GiB")
    for new in (finding("x", rule="quota"), finding("x", at="models.chat"), finding("x", severity="warning")):
        found = compare_findings([old], [new])
        assert (found.new, found.fixed, found.standing) == ((new,), (old,), ())


def test_of_two_findings_at_one_place_the_one_that_went_is_fixed() -> None:
    first, second = finding("port 80 is taken"), finding("no host is given")
    found = compare_findings([first, second], [finding("no host is given")])
    assert (found.fixed, found.standing) == ((first,), (second,))


def test_a_second_finding_at_one_place_is_new() -> None:
    found = compare_findings([finding("a 1")], [finding("b"), finding("a 2")])
    assert (found.new, found.standing) == ((finding("b"),), (finding("a 2"),))


def test_without_a_proved_base_everything_stands_and_without_a_proved_head_nothing_is_known() -> None:
    one = finding("a")
    assert compare_findings(None, [one]).standing == (one,)
    assert compare_findings([one], None) == ((), (), ())
