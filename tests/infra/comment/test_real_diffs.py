"""The comment of the corpus of real changes (tests/diffs), and of a fleet."""

from __future__ import annotations

import html
import re
from functools import partial
from pathlib import Path

import pytest

from infra.comment import markdown, text
from infra.comment.escape import GITLAB
from infra.comment.formats import Options, ReportForm
from infra.diff.changes.report import Report
from infra.diff.environment_diff import diff
from tests.diffs.test_corpus import CASES, PROMISED, case_of, compared
from tests.infra.diff.stacks import changed, snapshot, stack

from .rendered import faults


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_change_of_the_corpus_makes_a_sound_comment(path: Path, tmp_path: Path) -> None:
    case = case_of(path)
    report = Report("main", "HEAD", (compared(case, tmp_path),))
    for write in (markdown.write, partial(markdown.write, dialect=GITLAB)):
        assert faults(write(report)) == []
    shown = " ".join(text.write(report).split())
    for row in case["expect"]:
        assert " ".join(row["what"].replace("`", "").split())[:300] in shown
    for form in ReportForm:
        form.write(report, Options()).encode()


def test_the_promised_comment_says_exactly_three_things_and_the_dollars(tmp_path: Path) -> None:
    found = compared(case_of(PROMISED), tmp_path)
    top = markdown.write(Report("main", "HEAD", (found,))).partition("<details>")[0]
    rows = [line for line in top.splitlines() if line.startswith("| ") and "what" not in line]
    assert [row[2] for row in rows] == ["⚠", "↻", "⇄"]
    assert "machine type a2-highgpu-1g → a2-highgpu-2g" in rows[0]
    assert "`--timeout-graceful-shutdown` 30 → 45" in rows[1]
    assert "v1 80 % → 60 %, v2 20 % → 40 %" in rows[2]
    assert "**prod: 3 changes, 2 disruptive" in top
    verdict, cost = (html.unescape(line) for line in top.splitlines() if "a month" in line)
    assert " · + $1,528 a month at minimum replicas, the same at maximum · " in verdict
    assert re.search(
        r"cost a month: \$22,671 – (\$66,419) → \$24,199 – \1 \(prices of 20\d\d-\d\d-\d\d\) · "  # noqa: RUF001
        r"`node_pools.a100-spot` \+ \$3,036 at most · pods that fit several pools count once in the total$",
        cost,
    )


def test_a_fleet_gets_a_short_comment_for_one_change_and_for_all(tmp_path: Path) -> None:
    base = dict(stack("staging"))
    config = dict(base["config"])
    model = config["inference:models"]["qwen"]
    config["inference:models"] = {f"qwen-{number}": model for number in range(200)}
    base["config"] = config
    before = snapshot(base, tmp_path / "base", "staging", proved=False)
    for touched in (1, 200):
        head = changed(base, {f"models.qwen-{number}.engine.max_input_tokens": 6144 for number in range(touched)})
        after = snapshot(head, tmp_path / str(touched), "staging", proved=False)
        comment = markdown.write(Report("main", "HEAD", (diff(before, after),)))
        assert faults(comment) == []
        assert len(comment.encode()) < 4_000
        assert f"**staging: {touched:,} change" in comment
        assert ("200 models restart: " in comment) == (touched == 200)
