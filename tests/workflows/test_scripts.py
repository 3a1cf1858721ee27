"""The scripts behind the workflows, with stand-ins for `infra` and `pulumi` that note how they are called."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from infra.comment.formats import ReportForm

from .reading import ROOT

_INFRA = """#!/bin/sh
echo "infra $*" >> calls
while [ $# -gt 1 ]; do
  if [ "$1" = --output ] && [ -d "$2" ]; then
    for name in comment.md note.md report.json report.sarif report.html report.txt; do echo "told" > "$2/$name"; done
  elif [ "$1" = --output ]; then echo "told" > "$2"; fi
  shift
done
exit "${INFRA_CODE:-0}"
"""
_PULUMI = """#!/bin/sh
echo "pulumi $*" >> calls
echo '{"steps": []}'
echo 'the provider said why' >&2
case "$*" in
  *--expect-no-changes*) exit "${CHANGES_CODE:-0}" ;;
esac
exit "${PULUMI_CODE:-0}"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, text in ((".venv/bin/infra", _INFRA), ("bin/pulumi", _PULUMI)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    return tmp_path


def ran(place: Path, script: str, *arguments: str, **variables: object) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    given |= {"PATH": f"{place / 'bin'}:{given['PATH']}", "TMPDIR": str(place)}
    given |= {name: str(value) for name, value in variables.items()}
    command = [str(ROOT / "scripts" / script), *arguments]
    return subprocess.run(command, cwd=place, env=given, capture_output=True, text=True, check=False)


def calls(place: Path) -> list[str]:
    return (place / "calls").read_text().splitlines()


def test_a_report_has_every_form_and_is_the_jobs_summary(place: Path) -> None:
    done = ran(place, "diff-report", "out", "HEAD^1", "HEAD", GITHUB_STEP_SUMMARY=place / "summary")

    assert done.returncode == 0
    names = {"comment.md", "note.md", "report.json", "report.sarif", "report.html", "report.txt"}
    assert {path.name for path in (place / "out").iterdir()} == names
    (call,) = calls(place)
    assert call.startswith("infra diff HEAD^1 HEAD --output out ")
    assert {word.strip() for word in call.split("--format ")[1:]} == set(ReportForm)
    summary = (place / "summary").read_text()
    assert summary.startswith("told\n")
    assert "````text\ntold\n\n````" in summary


def test_a_report_of_what_does_not_hold_is_written_and_fails(place: Path) -> None:
    assert ran(place, "diff-report", "out", "a", "b", INFRA_CODE=1).returncode == 1
    assert (place / "out/comment.md").is_file()


def test_a_preview_is_told_and_its_state_does_not_leave_the_job(place: Path) -> None:
    done = ran(place, "preview-deployed", "dev", "out")

    assert done.returncode == 0
    assert [path.name for path in (place / "out").iterdir()] == ["comment.md"]
    assert calls(place)[0] == "pulumi preview --stack dev --json --non-interactive"
    assert calls(place)[1].startswith("infra diff --preview ")
    assert " --env dev --format markdown --output out/comment.md" in calls(place)[1]
    assert not [path for path in place.glob("tmp*") if path.is_dir()]


def test_a_preview_that_fails_says_why(place: Path) -> None:
    done = ran(place, "preview-deployed", "dev", "out", PULUMI_CODE=255)
    assert done.returncode == 2
    assert "the provider said why" in done.stderr
    assert list((place / "out").iterdir()) == []


def test_without_drift_there_is_no_report(place: Path) -> None:
    (place / "out").mkdir()
    (place / "out/comment.md").write_text("of another night")

    assert ran(place, "drift", "prod", "out").returncode == 0

    assert list((place / "out").iterdir()) == []
    assert len(calls(place)) == 1


@pytest.mark.parametrize(("infra", "code"), [(0, 0), (1, 0), (2, 2)])
def test_drift_is_told(place: Path, infra: int, code: int) -> None:
    done = ran(place, "drift", "prod", "out", CHANGES_CODE=255, INFRA_CODE=infra)

    assert done.returncode == code
    assert [path.name for path in (place / "out").iterdir()] == ["comment.md"]
    assert calls(place)[:2] == [
        "pulumi preview --stack prod --refresh --json --non-interactive --expect-no-changes",
        "pulumi preview --stack prod --refresh --json --non-interactive",
    ]


def test_a_cluster_that_cannot_be_asked_is_no_drift(place: Path) -> None:
    done = ran(place, "drift", "prod", "out", CHANGES_CODE=255, PULUMI_CODE=255)
    assert done.returncode == 2
    assert "the provider said why" in done.stderr
    assert list((place / "out").iterdir()) == []
