"""`infra diff` and `infra snapshot` as their users meet them: what they print where, and what they exit with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.commands.diff import exit_code
from infra.diff.changes.report import EnvironmentDiff, Report
from infra.diff.snapshots.serial import from_json

from ..diff.repository import LOCAL, Repo

INFRA = [sys.executable, "-c", "import sys; from infra.cli import main; sys.exit(main())"]
MOVING = LOCAL.replace("@sha256:823b6f019cafbee8878dfdd0d4750eae4f81dfafb60dc1fbefb66794a59903c8", "").replace(
    ":server-b9994", ":latest"
)
WRONG = LOCAL.replace("inference:models:", "inference:modls:")


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.stack("local")
    made.stack("other")
    made.commit()
    return made


def infra(repo: Repo, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {"GIT_CEILING_DIRECTORIES": str(repo.folder.parent), "XDG_CACHE_HOME": str(repo.folder.parent / "cache")}
    return subprocess.run(
        [*INFRA, *arguments], cwd=repo.folder, env=os.environ | own, check=False, capture_output=True, text=True
    )


def test_with_nothing_given_the_files_are_compared_with_the_last_commit(repo: Repo) -> None:
    repo.stack("local", LOCAL.replace('"4096"', '"8192"'))
    answer = infra(repo, "diff")
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    assert "--ctx-size" in answer.stdout
    assert "compared HEAD (" in answer.stdout
    assert "with the working tree" in answer.stdout


def test_a_new_error_exits_with_1_and_an_old_one_does_not(repo: Repo) -> None:
    repo.stack("local", MOVING)
    assert infra(repo, "diff").returncode == 1
    repo.commit()
    assert infra(repo, "diff").returncode == 0


def test_a_head_that_cannot_be_read_exits_with_2_and_shows_the_rest(repo: Repo) -> None:
    repo.stack("local", WRONG)
    repo.stack("other", LOCAL.replace('"4096"', '"8192"'))
    answer = infra(repo, "diff")
    assert answer.returncode == 2
    assert "did you mean models?" in answer.stdout
    assert "--ctx-size" in answer.stdout
    output = repo.folder / "report.json"
    answer = infra(repo, "diff", "HEAD", "--format", "json", "-o", str(output))
    assert answer.returncode == 2
    assert (answer.stdout, answer.stderr.count("did you mean models?")) == ("", 1)
    told = {one["environment"]: one["status"] for one in json.loads(output.read_text())["environments"]}
    assert told == {"local": "unreadable", "other": "changed"}


def test_a_base_that_cannot_be_read_is_told_and_exits_with_0(repo: Repo) -> None:
    repo.stack("local", WRONG)
    repo.commit()
    repo.stack("local")
    answer = infra(repo, "diff", "--env", "local")
    assert answer.returncode == 0
    assert "did you mean models?" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch"], 'infra: there is no revision "nosuch" here; git fetch brings what the server has'),
        (["--env", "locl"],
         'infra: neither side has an environment "locl"; did you mean local? (one of: local, other)'),
        (["--live", "--preview", "x.json"], "infra: give --live or --preview, not both"),
        (["a", "b", "--live"],
         "infra: got a and b; the cluster is what is compared with, so give one revision at most"),
        (["a", "b", "--preview", "x"],
         "infra: got a and b; the preview is what is compared with, so give one revision at most"),
        (["--preview", "nosuch.json"], "infra: nosuch.json: No such file or directory"),
        (["HEAD", "stacks"], ("infra: stacks is no rendered folder: it has neither kubernetes/ nor cloud/; "
         "infra render ENV -o stacks/ENV")),
        ([""], ("infra: got an empty revision; name a branch, a tag, a commit, a rendered folder, or . for the files")),
        (["HEAD", ""],
         "infra: got an empty revision; name a branch, a tag, a commit, a rendered folder, or . for the files"),
        (["--format", "json", "--format", "html"], "infra: 2 formats need --output with a folder to write them into"),
        (["--format", "json", "--format", "html", "-o", "Pulumi.yaml"],
         "infra: Pulumi.yaml is a file; 2 formats need a folder to write them into"),
        (["--", "-x"], 'infra: got "-x", which is no revision: git takes none that begins with a dash'),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_exits_with_2_and_one_line(repo: Repo, arguments: list[str], message: str) -> None:
    answer = infra(repo, "diff", *arguments)
    assert (answer.returncode, answer.stdout, answer.stderr) == (2, "", message + "\n")


def test_several_forms_are_written_in_one_run(repo: Repo) -> None:
    repo.stack("local", LOCAL.replace('"4096"', '"8192"'))
    folder = repo.folder / "out" / "report"
    forms = [word for form in ("text", "markdown", "gitlab", "json", "sarif", "html") for word in ("--format", form)]
    answer = infra(repo, "diff", *forms, "--output", str(folder))
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    names = {"report.txt", "comment.md", "note.md", "report.json", "report.sarif", "report.html"}
    assert {path.name for path in folder.iterdir()} == names
    assert all("--ctx-size" in path.read_text() for path in folder.iterdir() if path.suffix != ".sarif")
    assert (folder / "comment.md").read_text() == infra(repo, "diff", "--format", "markdown").stdout


@pytest.mark.parametrize("style", ["text", "markdown", "gitlab", "json", "sarif", "html"])
def test_every_form_can_be_written(repo: Repo, style: str) -> None:
    repo.stack("local", LOCAL.replace('"4096"', '"8192"'))
    answer = infra(repo, "diff", "--format", style)
    assert answer.returncode == 0, answer.stderr
    assert "local" in answer.stdout
    # A picture takes long to draw: only the forms that hold one get it.
    assert ("<svg" in answer.stdout or "data:image/svg" in answer.stdout) == (style in ("html", "json"))


def test_a_snapshot_is_read_back_as_it_was_with_errors_inside(repo: Repo) -> None:
    repo.stack("other", WRONG)
    answer = infra(repo, "snapshot", "--today", "2026-11-21")
    assert answer.returncode == 2
    assert answer.stderr == ""
    told = json.loads(answer.stdout)
    assert told["format"] == 1
    local, other = map(from_json, told["environments"])
    assert (local.environment, local.file, len(local.resources)) == ("local", "stacks/Pulumi.local.yaml", 7)
    assert local.findings == ()
    assert local.rules_held
    assert other.errors[0].startswith("stacks/Pulumi.other.yaml:")
    (alone,) = json.loads(infra(repo, "snapshot", "local").stdout)["environments"]
    assert alone["environment"] == "local"


def test_snapshots_of_a_folder_below_are_those_of_the_project(repo: Repo) -> None:
    answer = subprocess.run(
        [*INFRA, "snapshot", "local"], cwd=repo.folder / "stacks", check=True, capture_output=True, text=True
    )
    assert json.loads(answer.stdout)["environments"][0]["file"] == "stacks/Pulumi.local.yaml"


def test_an_environment_that_does_not_exist_has_no_snapshot(repo: Repo) -> None:
    answer = infra(repo, "snapshot", "locl")
    assert answer.returncode == 2
    assert "did you mean local?" in answer.stderr


def test_the_worst_of_the_environments_decides() -> None:
    def report(*found: EnvironmentDiff) -> Report:
        return Report("a", "b", found)

    warned = EnvironmentDiff("w", "changed", new=({"severity": "warning"},))
    failed = EnvironmentDiff("f", "changed", new=({"severity": "error"},))
    unreadable = EnvironmentDiff("u", "unreadable")
    assert exit_code(report(warned)) == 0
    assert exit_code(report(warned, failed)) == 1
    assert exit_code(report(failed, unreadable, warned)) == 2
