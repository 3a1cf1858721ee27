"""The comment says what happens, worst first, in a few bytes; and nothing that a pull request holds gets out of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.cost.figures import CostChange
from infra.comment import markdown
from infra.comment.escape import GITHUB, GITLAB
from infra.comment.markdown import SMALLEST
from infra.diff.changes.report import EnvironmentDiff, Headline, Report
from infra.plan.environments import UsageError

from .rendered import faults, tokens
from .reports import finding, fleet, three_changes
from .strings import HOSTILE, REPORTS, TEXTS, WIDE

GITHUBS_LIMIT = 65_536
GITLABS_LIMIT = 1_000_000
note = partial(markdown.write, dialect=GITLAB)
BUDGET = GITHUB.budget
BLOB = "https://github.com/o/r/blob/abc"


def above_the_fold(text: str) -> str:
    return text.partition("<details>")[0]


def test_the_verdict_comes_first_then_the_risks_then_the_dollars() -> None:
    text = markdown.write(three_changes())
    lines = [line for line in above_the_fold(text).splitlines() if line]
    assert lines[0] == "<!-- infra-diff -->"
    assert lines[1] == (
        "**staging: 3 changes, 2 disruptive · + &#36;412 a month at most · 41 proofs hold, 1 new warning**"
    )
    assert [line[:3] for line in lines[4:7]] == ["| ⚠", "| ↻", "| ⇄"]
    assert "machine type a2-highgpu-1g → a2-highgpu-2g | its 3 pods move; about 9 min without `vision`" in lines[4]
    assert lines[7].startswith("cost a month: &#36;1,204 – &#36;4,816 → &#36;1,204 – &#36;5,228 (prices of 2026-08-20)")  # noqa: RUF001
    assert "`node_pools.a100-spot` + &#36;412 at most" in lines[7]
    assert lines[8].startswith("- ⚠️ new warning `image-without-digest` `models.llama.engine.image`")
    assert lines[9].startswith("  - fix: ")


def test_unchanged_environments_are_one_line_together() -> None:
    text = markdown.write(three_changes())
    assert "\n`dev` and `prod`: unchanged\n" in text
    assert text.count("unchanged") == 1


def test_fields_are_folded_away_as_a_diff() -> None:
    fences = [token.content for token in tokens(markdown.write(three_changes())) if token.type == "fence"]
    assert fences[0] == (
        "@@ NodePool a100-spot @@ ! replace, replaced: a pool's machine type cannot be changed\n"
        "- nodeConfig.machineType: a2-highgpu-1g\n"
        "+ nodeConfig.machineType: a2-highgpu-2g\n"
    )


def test_it_says_where_the_whole_report_is() -> None:
    assert "the artifact `infra-diff`" in markdown.write(three_changes(), whole_report="infra-diff")
    address = "https://github.com/o/r/actions/runs/1/artifacts/2"
    assert f"[the whole report]({address})" in markdown.write(three_changes(), whole_report=address)


def test_lines_of_the_stack_file_are_links_where_the_head_can_be_linked_to() -> None:
    text = markdown.write(three_changes(), source_url=BLOB)
    assert f"([line 18]({BLOB}/stacks/Pulumi.staging.yaml#L18))" in text
    assert "](" not in markdown.write(three_changes())


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://evil.example/)[x](y", "https://e.example/?a=b c"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="source_url must be"):
        markdown.write(three_changes(), source_url=url)


def test_comments_are_told_apart_by_a_key() -> None:
    assert markdown.write(three_changes(), key="org/repo.dev").startswith("<!-- infra-diff org/repo.dev -->\n")
    with pytest.raises(UsageError, match="the key of a comment"):
        markdown.write(three_changes(), key="--> <b>")


def test_nothing_changed_is_said() -> None:
    text = markdown.write(Report("a", "b", (EnvironmentDiff("dev", "unchanged"),)))
    assert "**Nothing changes.**" in text
    assert "`dev`: unchanged" in text


def test_an_environment_that_cannot_be_read_comes_first_with_its_reasons() -> None:
    broken = EnvironmentDiff("prod", "unreadable", head_errors=("stacks/Pulumi.prod.yaml:9  models: unknown key `x`",))
    report = three_changes()
    text = markdown.write(replace(report, environments=(*report.environments, broken)))
    assert text.index("prod: cannot be read, 1 problem") < text.index("staging: 3 changes")
    assert "- problem: stacks/Pulumi.prod.yaml:9 models: unknown key `x`" in text


def test_a_rule_that_finds_the_same_of_many_is_one_line() -> None:
    found = tuple(finding("memory-does-not-fit", f"models.m{number}", "too large") for number in range(500))
    text = markdown.write(Report("a", "b", (EnvironmentDiff("dev", "changed", new=found, rules_held=3),)))
    assert "(the same rule of 499 more: `models.m1`, `models.m2`, `models.m3` and 496 more)" in text
    assert text.count("memory-does-not-fit") == 1
    assert "500 new warnings" in text


def test_an_unknown_cost_is_said_and_no_zero() -> None:
    report = three_changes()
    (staging,) = (one for one in report.environments if one.environment == "staging")
    cost: CostChange = {
        **(staging.cost or {}),
        "max_usd": None,
        "min_usd": None,
        "unknown": ["node_pools.x: no price of nvidia-b9"],
    }
    text = markdown.write(Report("a", "b", (replace(staging, cost=cost),)))
    assert "cost unknown" in text.splitlines()[2]
    assert "not counted: node&#95;pools.x: no price of nvidia-b9" in text
    assert "cost: not estimated" in markdown.write(Report("a", "b", (replace(staging, cost=None),)))


@pytest.mark.parametrize("write", [markdown.write, note])
def test_a_thousand_models_that_change_alike_are_one_row_and_one_diff(write: object) -> None:
    text = write(fleet(1_000))  # type: ignore[operator]
    row = "| ↻ | 1,000 models restart: image tgi:3.3.6 → tgi:3.3.7 (`model-0`, `model-1`, `model-2` and 997 more) |"
    assert row in text
    assert "each: 2 pods, one at a time: about 9 min at 50 %" in text
    assert text.count("```diff") == 1
    assert len(text.encode()) < 6_000


def test_one_change_in_a_fleet_is_a_short_comment() -> None:
    text = markdown.write(fleet(1))
    assert "`model-0` restarts: image tgi:3.3.6 → tgi:3.3.7" in text
    assert len(text.encode()) < 3_000


def test_a_thousand_different_changes_stay_in_the_budget_and_say_what_is_left_out() -> None:
    text = markdown.write(fleet(1_000, alike=False), whole_report="infra-diff")
    assert len(text.encode()) <= BUDGET < GITHUBS_LIMIT
    assert len(text.encode()) > BUDGET * 0.8, "what there is room for is told"
    assert "… 970 more: 970 restarted" in above_the_fold(text)
    shown = text.count("```diff")
    assert shown > 50
    assert f"… {1_000 - shown:,} more components: see the whole report" in text
    assert "cost a month:" in above_the_fold(text)
    assert faults(text) == []


def test_long_values_give_way_before_components_do() -> None:
    text = markdown.write(fleet(90, alike=False))
    assert text.count("```diff") == 90
    assert "more components" not in text
    assert "characters)" in text
    assert len(text.encode()) <= BUDGET


def test_the_budget_of_gitlab_is_below_its_limit() -> None:
    text = note(fleet(3_000, alike=False))
    assert len(text.encode()) <= GITLAB.budget < GITLABS_LIMIT


def test_many_environments_with_many_risks_keep_their_counts_and_the_budget() -> None:
    (one,) = fleet(60, alike=False).environments
    report = Report("a", "b", tuple(replace(one, environment=f"env-{number}") for number in range(90)))
    text = markdown.write(report)
    assert len(text.encode()) <= BUDGET
    assert "**env-0: 60 changes, 60 disruptive" in text
    assert "more environments: " in text


def test_the_largest_texts_in_the_smallest_budget_keep_the_verdict_and_the_cost() -> None:
    long = "🌈@" * 3_000
    headline = Headline(long, (long,), "replaced", long, long)
    (staging,) = (one for one in three_changes().environments if one.environment == "staging")
    found = tuple(finding("r", "a", long, severity="error", remedies=[long] * 9) for _ in range(40))
    full = replace(staging, headlines=(headline,) * 3 + staging.headlines, new=found, notes=(long,), standing=found)
    report = Report(long, long, tuple(replace(full, environment=f"e{n}") for n in range(5)), (long,) * 40)
    for write in (markdown.write, note):
        text = write(report, budget=SMALLEST)
        assert len(text.encode()) <= SMALLEST
        assert "**e0: " in text
        assert "412 a month at most" in text


@settings(WIDE, max_examples=60)
@given(REPORTS, st.sampled_from([SMALLEST, 20_000, BUDGET]))
def test_whatever_a_report_holds_the_comment_keeps_its_form_and_its_budget(report: Report, budget: int) -> None:
    for write in (markdown.write, note):
        text = write(report, budget=budget)
        assert faults(text) == []
        assert len(text.encode()) <= budget
        assert text.count("<!-- infra-diff") == 1


@settings(WIDE, max_examples=25)
@given(REPORTS)
def test_links_lead_to_the_heads_files_only(report: Report) -> None:
    assert faults(markdown.write(report, source_url=BLOB), links=True) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_shown_and_does_nothing(text: str) -> None:
    headline = Headline(f"ModelServer/{text}", ("models", text), "replaced", f"`{text}` and {text}", text)
    report = Report(text, text, (EnvironmentDiff("dev", "changed", text, headlines=(headline,)),), (text,))
    for write in (markdown.write, note):
        assert faults(write(report)) == []


@given(TEXTS)
def test_gitlab_makes_no_reference_of_words(text: str) -> None:
    from .rendered import inlines  # noqa: PLC0415

    headline = Headline("a/b", (), "added", text, text)
    written = note(Report("a", "b", (EnvironmentDiff("dev", "changed", headlines=(headline,)),)))
    for token in inlines(tokens(written)):
        if token.type == "text":
            assert not any(sigil + "1" in token.content for sigil in "@#$%!~&^")
