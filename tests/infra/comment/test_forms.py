"""JSON, SARIF and the terminal: the same facts, each in a form its readers can trust."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from infra.comment import sarif, text
from infra.comment.formats import Options, ReportForm
from infra.diff.changes.report import Change, EnvironmentDiff, FieldChange, Headline, Report
from infra.terminal.terminal import Paint

from .reports import finding, fleet, three_changes
from .strings import REPORTS, WIDE

MESSAGE = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
RESULT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": MESSAGE,
        "baselineState": {"enum": ["new", "unchanged", "updated", "absent"]},
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
        "suppressions": {
            "type": "array",
            "items": {
                "required": ["kind"],
                "additionalProperties": False,
                "properties": {"kind": {"enum": ["inSource", "external"]}, "justification": {"type": "string"}},
            },
        },
        "locations": {
            "type": "array",
            "minItems": 1,
            "items": {
                "additionalProperties": False,
                "properties": {
                    "physicalLocation": {
                        "required": ["artifactLocation"],
                        "additionalProperties": False,
                        "properties": {
                            "artifactLocation": {
                                "additionalProperties": False,
                                "properties": {
                                    "uri": {"type": "string", "pattern": r"^[\w./~%-]+$"},
                                    "uriBaseId": {"const": "%SRCROOT%"},
                                },
                            },
                            "region": {"properties": {"startLine": {"type": "integer", "minimum": 1}}},
                        },
                    }
                },
            },
        },
    },
}
SARIF: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "additionalProperties": False,
                "required": ["tool"],
                "properties": {
                    "automationDetails": {"properties": {"id": {"type": "string"}}},
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": RESULT},
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name"],
                                "additionalProperties": False,
                                "properties": {
                                    "name": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "required": ["id"],
                                            "additionalProperties": False,
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": MESSAGE,
                                                "help": MESSAGE,
                                                "helpUri": {"type": "string", "pattern": "^https://"},
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                },
            },
        },
    },
}
"""What is used of SARIF 2.1.0, as the standard has it (docs.oasis-open.org/sarif/sarif/v2.1.0, 3.13 to 3.49)."""


def results(report: Report) -> list[dict[str, Any]]:
    log = json.loads(sarif.write(report))
    jsonschema.validate(log, SARIF)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    return list(run["results"])


def spot(result: dict[str, Any]) -> tuple[str, int]:
    place = result["locations"][0]["physicalLocation"]
    return place["artifactLocation"]["uri"], place["region"]["startLine"]


def test_new_standing_and_waived_findings_and_risks_are_results_on_their_lines() -> None:
    found = {result["ruleId"]: result for result in results(three_changes())}
    assert set(found) == {
        "image-without-digest", "memory-marginal", "lax-namespace", "change-replaced", "change-restarted",
    }  # fmt: skip
    assert found["image-without-digest"]["baselineState"] == "new"
    assert found["memory-marginal"]["baselineState"] == "unchanged"
    assert found["lax-namespace"]["suppressions"][0]["justification"] == "until 2027-01-31: TGI's image runs as root"
    assert found["change-replaced"]["level"] == "warning"
    assert spot(found["change-replaced"]) == ("stacks/Pulumi.staging.yaml", 18)
    assert spot(found["image-without-digest"]) == ("stacks/Pulumi.staging.yaml", 31)
    assert "Fix: add @sha256:" in found["image-without-digest"]["message"]["text"]


def test_a_result_is_known_again_after_its_line_and_its_figures_changed() -> None:
    def prints(line: int, message: str) -> Any:
        new = (finding("r", "models.a", message, line=line),)
        return results(Report("a", "b", (EnvironmentDiff("dev", "changed", new=new),)))[0]["partialFingerprints"]

    assert prints(3, "needs 17 GiB") == prints(9, "needs 18 GiB")


def test_a_file_that_cannot_be_read_is_an_error_on_its_line() -> None:
    error = "stacks/Pulumi.dev.yaml:9  models.llama: unknown field; did you mean nodes?"
    (result,) = results(Report("a", "b", (EnvironmentDiff("dev", "unreadable", head_errors=(error,)),)))
    assert (result["level"], spot(result)) == ("error", ("stacks/Pulumi.dev.yaml", 9))


def test_rules_lead_to_their_page() -> None:
    log = json.loads(sarif.write(three_changes(), source_url="https://github.com/o/r/blob/abc"))
    jsonschema.validate(log, SARIF)
    pages = {rule["id"]: rule["helpUri"] for rule in log["runs"][0]["tool"]["driver"]["rules"]}
    assert pages["memory-marginal"] == "https://github.com/o/r/blob/abc/docs/proofs/memory-marginal.md"
    assert pages["change-replaced"].endswith("/docs/how-to/read-the-comment.md")


def test_no_more_results_than_github_shows_the_worst_of_them() -> None:
    (one,) = fleet(sarif.MOST + 10, alike=False).environments
    worst = (finding("r", "models.a", "m", severity="error"),)
    report = Report("a", "b", (replace(one, changes=(), new=worst),))
    found = json.loads(sarif.write(report))["runs"][0]["results"]
    assert len(found) == sarif.MOST
    assert found[0]["level"] == "error"


def test_half_a_character_in_a_name_stops_no_annotation() -> None:
    (one,) = fleet(1).environments
    found = replace(one, changes=(), new=(finding("rule-\ud800", "models.a", "m", file="stacks/\udfff.yaml"),))
    (run,) = json.loads(sarif.write(Report("a", "b", (found,))))["runs"]
    assert "docs/proofs/rule-%3F.md explains it." in {rule["help"]["text"] for rule in run["tool"]["driver"]["rules"]}
    assert "artifactLocation" in str(run["results"][0]["locations"])


@settings(WIDE, max_examples=30)
@given(REPORTS)
def test_whatever_a_report_holds_every_form_is_written_and_can_be_stored(report: Report) -> None:
    results(report)
    for form in ReportForm:
        form.write(report, Options()).encode()
    assert json.loads(ReportForm.JSON.write(report, Options()))["version"] == 1


def test_json_has_every_fact_by_its_name() -> None:
    told = json.loads(ReportForm.JSON.write(three_changes(), Options()))
    assert list(told) == ["version", "base", "head", "environments", "notes"]
    staging = told["environments"][2]
    assert staging["headlines"][0]["effect"] == "replaced"
    assert staging["changes"][0]["at"] == ["node_pools", "a100-spot"]
    assert staging["cost"]["max_usd"] == 412.0
    assert staging["new"][0]["rule"] == "image-without-digest"


def test_json_tells_absent_from_null() -> None:
    from infra.diff.changes.report import ABSENT  # noqa: PLC0415

    fields = (FieldChange("a", ABSENT, None), FieldChange("b", None, ABSENT))
    change = Change("A b", "C/d", (), "update", "harmless", "", "", "", fields)
    told = json.loads(
        ReportForm.JSON.write(Report("a", "b", (EnvironmentDiff("dev", "changed", changes=(change,)),)), Options())
    )
    assert told["environments"][0]["changes"][0]["fields"] == [
        {"path": "a", "after": None},
        {"path": "b", "before": None},
    ]


def test_the_terminal_has_the_comments_order_and_no_markdown() -> None:
    shown = text.write(three_changes(), whole_report="out/diff.html")
    order = [
        "staging: 3 changes", "⚠ pool a100-spot is replaced", "↻ llama", "⇄ chat", "cost a month: $1,204",
        "new warning [", "NodePool a100-spot: replace", "- nodeConfig.machineType: a2-highgpu-1g",
        "dev and prod: unchanged",
    ]  # fmt: skip
    assert sorted(order, key=shown.index) == order
    assert "`" not in shown
    assert "whole report: out/diff.html" in shown


def test_colours_are_for_terminals() -> None:
    assert "\x1b" not in text.write(three_changes())
    assert "\x1b[31m⚠\x1b[0m" in text.write(three_changes(), paint=Paint(on=True))


@pytest.mark.parametrize("alike", [True, False])
def test_a_fleet_is_short_at_a_terminal(alike: bool) -> None:
    assert len(text.write(fleet(1_000, alike=alike)).splitlines()) < 160


@settings(WIDE, max_examples=30)
@given(REPORTS)
def test_nothing_steers_the_terminal(report: Report) -> None:
    assert re.search(r"[^\S\n ]|[\x00-\x09\x0b-\x1f\x7f\u202e]", text.write(report)) is None


def test_an_unreadable_environment_says_why_at_the_terminal() -> None:
    broken = EnvironmentDiff("dev", "unreadable", head_errors=("stacks/Pulumi.dev.yaml:9  models: no",))
    assert "dev: cannot be read, 1 problem\n  stacks/Pulumi.dev.yaml:9 models: no" in text.write(
        Report("a", "b", (broken,))
    )


def test_the_same_of_many_is_told_in_one_line_whatever_its_words() -> None:
    headlines = tuple(
        Headline(f"Autoscaler/m{n}", (), "scaled", f"`HorizontalPodAutoscaler ns/m{n}`: most 4 → 8", f"m{n} may grow")
        for n in range(5)
    )
    shown = text.write(Report("a", "b", (EnvironmentDiff("dev", "changed", headlines=headlines),)))
    assert "5 Autoscalers: HorizontalPodAutoscaler ns/…: most 4 → 8 (m0, m1, m2 and 2 more)" in shown
    assert "each: it may grow" in shown
