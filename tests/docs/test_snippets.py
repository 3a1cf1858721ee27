"""Every YAML block of the documentation is what it claims to be."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from textwrap import indent

import pytest
import yaml

from infra.prove import prove_environment
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
    }
    shown = {block.page.name for block in stack_blocks()}
    every = {page.name for page in (ROOT / "docs/how-to").glob("*.md")}
    assert every - shown == without


_OTHERS = [block for block in blocks("yaml") if "stack" not in block.options]
_SECTIONS = [block for block in _OTHERS if block.text.startswith("inference:")]


@pytest.mark.parametrize("block", _SECTIONS, ids=str)
def test_a_section_by_itself_is_taken_as_a_stack_takes_it(block: Block, tmp_path: Path) -> None:
    fragment = Block(block.page, "yaml", ("stack", "on=minimal"), f"config:\n{indent(block.text, '  ')}")
    assert planned(joined(fragment), tmp_path).environment


@pytest.mark.parametrize("block", [block for block in _OTHERS if block not in _SECTIONS], ids=str)
def test_any_other_yaml_block_is_one_object(block: Block) -> None:
    assert {"apiVersion", "kind", "metadata", "spec"} == set(yaml.safe_load(block.text))
