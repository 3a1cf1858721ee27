"""Every YAML block of the documentation is what it claims to be."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from textwrap import indent

import pytest
import yaml

from infra.prove.prove import prove_environment
from tests.docs.pages import ROOT, Block, blocks, joined, planned, stack_blocks

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize("block", stack_blocks(), ids=str)
def test_a_stack_snippet_is_planned_and_proved(block: Block, tmp_path: Path) -> None:
    loaded = planned(joined(block), tmp_path)
    verdict = prove_environment("docs", loaded.plan, loaded.environment.policy.waive, TODAY)
    assert [str(finding) for finding in verdict.errors] == []


def test_every_how_to_page_about_stacks_has_a_snippet() -> None:
    without = {
        "deploy-without-pulumi.md",
        "recover-and-repair.md",
        "reuse-a-component.md",
        "start-autoscaling.md",
        "judge-your-environments-with-a-real-cluster.md",
        "run-on-one-machine.md",
        "change-the-engine.md",
        "set-up-pull-request-previews.md",
        "preview-in-gitlab.md",
        "preview-a-pull-request.md",
        "read-the-comment.md",
    }
    shown = {block.page.name for block in stack_blocks()}
    every = {page.name for page in (ROOT / "docs/how-to").glob("*.md")}
    assert every - shown == without


_GITLAB = [block for block in blocks("yaml") if "gitlab" in block.options]
_OTHERS = [block for block in blocks("yaml") if "stack" not in block.options and block not in _GITLAB]
_SECTIONS = [block for block in _OTHERS if block.text.startswith("inference:")]


@pytest.mark.parametrize("block", _SECTIONS, ids=str)
def test_a_section_by_itself_is_taken_as_a_stack_takes_it(block: Block, tmp_path: Path) -> None:
    fragment = Block(block.page, "yaml", ("stack", "on=minimal"), f"config:\n{indent(block.text, '  ')}")
    assert planned(joined(fragment), tmp_path).environment


@pytest.mark.parametrize("block", [block for block in _OTHERS if block not in _SECTIONS], ids=str)
def test_any_other_yaml_block_is_one_object(block: Block) -> None:
    assert {"apiVersion", "kind", "metadata", "spec"} == set(yaml.safe_load(block.text))


def test_the_pipeline_for_gitlab_is_one_to_gitlabs_schema(tmp_path: Path) -> None:
    (block,) = _GITLAB
    file = tmp_path / ".gitlab-ci.yml"
    file.write_text(block.text, encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_pipeline_for_gitlab_calls_what_there_is_and_keeps_tokens_from_a_merge_requests_code() -> None:
    (block,) = _GITLAB
    jobs = {name: job for name, job in yaml.safe_load(block.text).items() if name not in ("stages", "default")}
    lines = [line for job in jobs.values() for line in job.get("script", ())]
    assert {word for line in lines for word in re.findall(r"scripts/[a-z-]+", line)} == {
        f"scripts/{name}" for name in ("diff-report", "drift") if (ROOT / "scripts" / name).is_file()
    }
    assert "TOKEN" not in str(jobs["preview"])
    trusted = jobs["note"]["script"]
    assert trusted.index("cd ../trusted") < next(n for n, line in enumerate(trusted) if "infra.publish" in line)
    for name in ("deploy dev", "deploy staging", "deploy prod"):
        assert jobs[name]["environment"] == jobs[name]["resource_group"] == name.removeprefix("deploy ")
