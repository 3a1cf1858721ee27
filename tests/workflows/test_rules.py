"""What no linter knows of our workflows: who may write, what is pinned, and that what they call exists."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from infra.commands import app
from infra.publish import github
from infra.stack.stackfile import stack_paths

from .reading import FILES, FOLDER, ROOT, Job, jobs, workflows

JOBS = list(jobs())
UNTRUSTED = [job for job in JOBS if job.file in ("preview.yml", "test.yml")]
"""The jobs that run a pull request's own code."""
_TRUSTED = re.compile(
    r"matrix\.(environment|python)|inputs\.environment|vars\.[A-Z_]+|github\.token|"
    r"runner\.(os|arch)|hashFiles\('[^']+'(, '[^']+')*\)|"
    r"github\.(event\.pull_request\.number|event\.workflow_run\.(head_repository\.id|head_branch)|ref)|"
    r"fromJSON\(vars\.[A-Z_]+ \|\| '\[\]'\)"
)
"""Expressions that stand for a value somewhere; conditions may be any. A branch's name may only name a group."""


def _values(data: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _values(value, (*path, str(key)))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _values(value, (*path, str(number)))
    else:
        yield path, str(data)


def _used() -> Iterator[tuple[Job, str]]:
    for job in JOBS:
        yield from ((job, step["uses"]) for step in job.steps if "uses" in step)


def test_there_are_the_workflows_that_we_say_there_are() -> None:
    names = {"preview.yml", "comment.yml", "deploy.yml", "deploy-environment.yml", "drift.yml", "test.yml"}
    assert {path.name for path in FILES} == names
    assert not list(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit_with_the_version_beside_it(path: Any) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if re.match(r"\s*(- )?uses:", line)]
    for line in lines:
        ours = re.search(r"uses: \./\.github/workflows/[\w-]+\.yml$", line)
        assert ours or re.search(r"uses: [\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_an_action_has_one_commit_and_one_version_everywhere() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
    found = set(re.findall(r"uses: (\S+)@(\S+) # (\S+)", text))
    assert len(found) == len({name for name, _, _ in found})


def test_a_called_workflow_exists() -> None:
    for job in JOBS:
        if called := job.data.get("uses"):
            assert (ROOT / called).is_file()
            assert "workflow_call" in workflows()[called.rpartition("/")[2]]["on"]


@pytest.mark.parametrize("file", [path.name for path in FILES])
def test_no_permission_is_given_to_a_whole_workflow(file: str) -> None:
    assert workflows()[file]["permissions"] == {}


@pytest.mark.parametrize("job", JOBS, ids=str)
def test_every_job_says_what_it_may_do_and_how_long_it_may_take(job: Job) -> None:
    assert isinstance(job.data["permissions"], dict)
    assert "uses" in job.data or job.data["timeout-minutes"] <= 180


def test_who_may_write_what() -> None:
    writes = {
        str(job): sorted(scope for scope, level in job.data["permissions"].items() if level == "write") for job in JOBS
    }
    assert {name: scopes for name, scopes in writes.items() if scopes} == {
        "comment.yml:comment": ["pull-requests", "security-events"],
        "deploy.yml:dev": ["id-token"],
        "deploy.yml:staging": ["id-token"],
        "deploy.yml:prod": ["id-token"],
        "deploy-environment.yml:deploy": ["id-token"],
        "drift.yml:drift": ["id-token", "issues"],
        "preview.yml:deployed": ["id-token"],
    }


def test_nothing_runs_a_pull_requests_code_with_the_bases_rights() -> None:
    for file, data in workflows().items():
        assert "pull_request_target" not in data["on"], file
        if "workflow_run" in data["on"]:
            for job in (job for job in JOBS if job.file == file):
                assert not [value for path, value in _values(job.steps) if path[-1] in ("ref", "repository")]
                assert all("allow-unsafe" not in value for _, value in _values(job.data))


@pytest.mark.parametrize("job", UNTRUSTED, ids=str)
def test_a_job_that_runs_a_pull_requests_code_has_no_secret_and_no_token(job: Job) -> None:
    text = str(job.data)
    assert "secrets" not in text
    assert "github.token" not in text
    assert {level for scope, level in job.data["permissions"].items() if scope != "id-token"} == {"read"}


def test_only_our_own_branches_get_credentials_in_a_preview() -> None:
    (job,) = [job for job in UNTRUSTED if "id-token" in job.data["permissions"]]
    condition = job.data["if"]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in condition
    assert "vars.PREVIEW_ENVIRONMENTS != ''" in condition
    assert "||" not in condition


def test_no_job_uses_a_stored_secret() -> None:
    assert not [path.name for path in FILES if "secrets." in path.read_text(encoding="utf-8")]


def test_no_checkout_leaves_its_token_behind() -> None:
    for job in JOBS:
        for step in job.steps:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, job


@pytest.mark.parametrize("job", JOBS, ids=str)
def test_a_script_gets_values_from_its_environment_only(job: Job) -> None:
    for script in job.scripts:
        assert "${{" not in script
        assert len(script.strip().splitlines()) <= 4, "longer ones belong into scripts/, where they are tested"


def test_only_known_expressions_stand_for_values() -> None:
    for file, data in workflows().items():
        for path, value in _values(data):
            for expression in re.findall(r"\$\{\{(.*?)\}\}", value):
                if path[-1] == "if":
                    continue
                assert _TRUSTED.fullmatch(expression.strip()), (file, path)
                assert "head_branch" not in expression or path[-2:] == ("concurrency", "group"), (file, path)


def test_a_deployment_is_never_cancelled_and_environments_come_in_order() -> None:
    (deploy,) = [job for job in JOBS if job.file == "deploy-environment.yml"]
    assert deploy.data["concurrency"] == {"group": "deploy-${{ inputs.environment }}", "cancel-in-progress": False}
    assert deploy.data["environment"] == "${{ inputs.environment }}"
    assert "concurrency" not in workflows()["deploy.yml"]
    needs = {job.name: job.data.get("needs") for job in JOBS if job.file == "deploy.yml"}
    assert needs == {"check": None, "dev": "check", "staging": ["check", "dev"], "prod": ["check", "dev", "staging"]}
    scripts = deploy.scripts
    checked, deployed = (next(n for n, script in enumerate(scripts) if word in script) for word in ("check", " up "))
    assert checked < deployed
    assert {name for name in needs if name != "check"} < stack_paths(ROOT).keys()


def _commands() -> Iterator[tuple[Job, list[str]]]:
    for job in JOBS:
        for script in job.scripts:
            for line in script.splitlines():
                yield job, shlex.split(line.partition(" > ")[0])


def test_what_workflows_call_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    names = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    called = set()
    for job, (program, *words) in _commands():
        called.add(program)
        if program == "make":
            assert set(words) <= targets, job
        elif program == ".venv/bin/infra":
            assert words[0] in names, job
        elif program.startswith(("scripts/", ".ci/")):
            assert (ROOT / program).stat().st_mode & 0o111, job
        elif "-m" in words:
            assert words[words.index("-m") + 1] == "infra.publish"
    assert called <= {
        "make", "mkdir", "printf", "pulumi", "python3", ".venv/bin/infra", ".venv/bin/python", ".ci/run",
        "scripts/diff-report", "scripts/preview-deployed", "scripts/drift",
    }  # fmt: skip


def test_the_oldest_and_the_newest_python_are_tested_and_the_oldest_does_everything_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = project["requires-python"].removeprefix(">=")
    (tests,) = [job for job in JOBS if str(job) == "test.yml:test"]
    tested = tests.data["strategy"]["matrix"]["python"]
    looked_for = re.findall(r"python3\.(\d+)", (ROOT / "scripts" / "python").read_text(encoding="utf-8"))
    assert tested == [oldest, f"3.{max(map(int, looked_for))}"]
    used = {
        step["with"]["python-version"] for job in JOBS for step in job.steps if "setup-python" in step.get("uses", "")
    }
    assert used == {oldest, "${{ matrix.python }}"}


def test_one_machine_runs_what_the_jobs_of_the_tests_run_and_the_checks_wait_for_nothing() -> None:
    tests = [job for job in JOBS if job.file == "test.yml"]
    own = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    called = [script for job in tests for script in job.scripts]
    assert set(called) <= {*own}
    assert own.index(called[0]) == min(own.index(script) for script in called)
    assert not any("needs" in job.data for job in tests)


def test_the_job_that_posts_looks_for_what_the_preview_leaves() -> None:
    (post,) = [data for data in workflows().values() if "workflow_run" in data["on"]]
    assert post["on"]["workflow_run"]["workflows"] == [workflows()["preview.yml"]["name"]]
    names = [
        step["with"]["name"] for job in UNTRUSTED for step in job.steps if "upload-artifact" in step.get("uses", "")
    ]
    assert names == [github.ARTIFACT, github.DEPLOYED + "${{ matrix.environment }}"]


def test_the_pulumi_cli_is_the_version_of_the_sdk() -> None:
    locked = re.findall(r"^pulumi==(\S+)", (ROOT / "requirements/deploy.txt").read_text(), re.MULTILINE)
    versions = [
        str(step["with"]["pulumi-version"])
        for job in JOBS
        for step in job.steps
        if "pulumi/actions" in step.get("uses", "")
    ]
    assert versions
    assert set(versions) == set(locked)
