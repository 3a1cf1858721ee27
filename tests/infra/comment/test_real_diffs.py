"""The comment of the corpus of real changes (tests/diffs), and of a fleet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.comment import gitlab, markdown, text
from infra.comment.formats import FORMATS, Options
from infra.diff.environment_diff import diff
from infra.diff.report import Report
from tests.diffs.test_corpus import CASES, PROMISED, case_of, compared
from tests.infra.diff.stacks import changed, snapshot, stack

from .rendered import faults


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_change_of_the_corpus_makes_a_sound_comment(path: Path, tmp_path: Path) -> None:
    case = case_of(path)
    report = Report("main", "HEAD", (compared(case, tmp_path),))
    for write in (markdown.write, gitlab.write):
        assert faults(write(report)) == []
    shown = " ".join(text.write(report).split())
    for row in case["expect"]:
        assert " ".join(row["what"].replace("`", "").split())[:300] in shown
    for write_form in FORMATS.values():
        write_form(report, Options()).encode()


def test_the_promised_comment_says_exactly_three_things_and_the_dollars(tmp_path: Path) -> None:
    found = compared(case_of(PROMISED), tmp_path)
    top = markdown.write(Report("main", "HEAD", (found,))).partition("<details>")[0]
    rows = [line for line in top.splitlines() if line.startswith("| ") and "what" not in line]
    assert [row[2] for row in rows] == ["⚠", "↻", "⇄"]
    assert "machine type a2-highgpu-1g → a2-highgpu-2g" in rows[0]
    assert "`--timeout-graceful-shutdown` 30 → 45" in rows[1]
    assert "v1 80 % → 60 %, v2 20 % → 40 %" in rows[2]
    assert "**prod: 3 changes, 2 disruptive" in top
    if found.cost is None:  # nothing prices it
        assert "\ncost: not estimated\n" in top
    else:
        assert re.search(r"· \+ &#36;[\d,]+ a month at (most|least) ·", top)
        assert re.search(r"\ncost a month: .* \(prices of 20\d\d-\d\d-\d\d\)", top)


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
