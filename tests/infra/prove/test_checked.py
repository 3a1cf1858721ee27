"""What is printed is advice, in order, and safe to print."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.proofs.finding import Finding
from infra.plan.environments import Loaded, load
from infra.plan.overview import Gpus, gpu_ranges
from infra.prove.checked import Checked, as_json, ending_lines, finding_lines, table, worst
from infra.prove.prove import ProofVerdict, Waived
from infra.terminal.terminal import BAD_INPUT, FINDINGS, PROVED, ClosedPipeError, Paint, printable, say

ROOT = Path(__file__).resolve().parents[3]
PLAIN = Paint(on=False)
ERROR = Finding("memory-fit", "error", ("models", "qwen", "gpus"), "needs 17.6 GiB", ("runs_on: [l4]", "gpus: 2"))
WARNING = Finding("image-without-digest", "warning", ("cluster",), "moves", ("add a digest",))


@pytest.fixture(scope="module")
def local() -> Loaded:
    return load(ROOT / "stacks" / "Pulumi.local.yaml", None)


def checked(loaded: Loaded, *findings: Finding, waived: tuple[Waived, ...] = ()) -> Checked:
    verdict = ProofVerdict("local", findings, waived)
    return Checked("local", Path("stacks/Pulumi.local.yaml"), loaded=loaded, verdict=verdict)


def test_a_finding_tells_where_what_and_the_fixes_best_first(local: Loaded) -> None:
    assert list(finding_lines(checked(local, ERROR), PLAIN)) == [
        "stacks/Pulumi.local.yaml:9  models.qwen.gpus  [memory-fit]",
        "  needs 17.6 GiB",
        "  fix, best first:",
        "    runs_on: [l4]",
        "    gpus: 2",
        "  docs/proofs/memory-fit.md",
    ]


def test_errors_come_before_warnings_wherever_they_stand(local: Loaded) -> None:
    lines = list(finding_lines(checked(local, WARNING, ERROR), PLAIN, short=True))

    assert lines == [
        "stacks/Pulumi.local.yaml:9  models.qwen.gpus  [memory-fit] error: needs 17.6 GiB; runs_on: [l4]; or gpus: 2",
        "stacks/Pulumi.local.yaml:4  cluster  [image-without-digest] warning: moves; add a digest",
    ]


def test_the_table_says_what_an_environment_is_and_whether_it_is_proved(local: Loaded) -> None:
    accepted = Waived(WARNING, "until the mirror is there", date(2027, 1, 31))
    good = checked(local, waived=(accepted,))
    bad = checked(local, ERROR, WARNING)

    head, first, second = table([good, bad], PLAIN)

    assert head.split() == ["environment", "models", "objects", "GPUs,", "min–max", "proofs"]  # noqa: RUF001
    assert good.verdict is not None
    assert first.endswith(f"  all {good.verdict.held} hold (1 waived until 2027-01-31)")
    assert second.endswith("1 error, 1 warning")
    assert worst([good, bad]) == FINDINGS
    assert worst([good]) == PROVED
    assert worst([]) == PROVED


def test_an_environment_that_cannot_be_read_counts_most(local: Loaded) -> None:
    unread = Checked("x", Path("x.yaml"))

    assert worst([unread, checked(local, ERROR)]) == BAD_INPUT


def test_json_has_the_figures_the_findings_and_their_lines(local: Loaded) -> None:
    found = as_json(checked(local, ERROR))

    assert found["models"] == 1
    assert found["exit_code"] == FINDINGS
    assert found["findings"][0] | {"message": ""} == {
        "rule": "memory-fit",
        "severity": "error",
        "at": "models.qwen.gpus",
        "path": ["models", "qwen", "gpus"],
        "message": "",
        "remedies": ["runs_on: [l4]", "gpus: 2"],
        "page": "docs/proofs/memory-fit.md",
        "line": 9,
    }


@given(st.text())
def test_nothing_from_a_file_steers_the_terminal(text: str) -> None:
    assert printable(text).isprintable()


def test_colour_is_for_people_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Paint.of(Terminal())("x", "red") == "\x1b[31mx\x1b[0m"
    assert Paint.of(io.StringIO())("x", "red") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Paint.of(Terminal())("x", "red") == "x"


def test_a_closed_pipe_is_told_apart_from_other_errors() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with pytest.raises(ClosedPipeError):
        say("x", file=Closed())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("local", []),
        ("dev", ["0–2 T4 Spot"]),  # noqa: RUF001
        ("staging", ["0–4 A100 Spot", "0–10 L4"]),  # noqa: RUF001
        ("prod", ["3–14 A100", "0–8 A100 Spot", "5–10 A100 by class"]),  # noqa: RUF001
    ],
)
def test_gpus_are_counted_by_nodes_and_by_replicas_where_gke_makes_the_nodes(name: str, expected: list[str]) -> None:
    loaded = load(ROOT / "stacks" / f"Pulumi.{name}.yaml", None)

    assert [str(gpus) for gpus in gpu_ranges(loaded.environment, loaded.plan)] == expected


def test_gpus_read_as_people_write_them() -> None:
    assert str(Gpus("nvidia-h100-80gb", "reservation", 8, 8)) == "8 H100 reserved"


def test_waivers_that_end_within_two_weeks_are_told_once_and_soonest_first(local: Loaded) -> None:
    def accepted(day: int, reason: str = "not yet") -> Waived:
        return Waived(WARNING, reason, date(2026, 12, day))

    checks = [checked(local, waived=(accepted(5), accepted(5), accepted(4, "soon"), accepted(6))), checked(local)]

    assert list(ending_lines(checks, date(2026, 11, 21))) == [
        "  local: a waiver of image-without-digest ends on 2026-12-04, in 13 days: soon",
        "  local: a waiver of image-without-digest ends on 2026-12-05, in 14 days: not yet",
    ]
    assert "in 1 day:" in next(ending_lines(checks, date(2026, 12, 3)))
    assert list(ending_lines([Checked("dev", Path("x"))], date(2026, 11, 21))) == []
    assert list(ending_lines([checked(local)], date.max)) == [], "the calendar's last day is one too"
