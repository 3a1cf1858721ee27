"""The README is short, shows what the tools really print, and names nothing that is not there."""

from __future__ import annotations

import re

import pytest

from infra.plan.environments import load
from infra.render.render import path_of
from infra.stack.project import load_project
from tests.docs.pages import ROOT
from tools.readme import README, current, with_blocks

_TEXT = README.read_text(encoding="utf-8")


def test_the_readme_shows_what_make_preview_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert current(_TEXT) == _TEXT, "run `make docs` and commit the result"


def test_the_readme_is_short() -> None:
    assert len(_TEXT.splitlines()) < 150


def test_the_readme_names_no_file_that_is_not_rendered() -> None:
    shown = re.findall(r"`out/prod/(\S+\.yaml)`", _TEXT)
    rendered = {path_of(item) for _, item in load(ROOT / "stacks/Pulumi.prod.yaml", load_project(ROOT)).plan.items()}
    assert shown
    assert set(shown) <= rendered


def test_a_block_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no <!-- cost -->"):
        with_blocks(_TEXT, {"cost": "$1"})


def test_a_block_is_replaced_and_its_surroundings_stay() -> None:
    text = "before\n<!-- preview -->\nold\n<!-- /preview -->\nafter\n"
    fresh = with_blocks(text, {"preview": r"new \1"})
    assert fresh == "before\n<!-- preview -->\n```text\nnew \\1\n```\n<!-- /preview -->\nafter\n"
    assert with_blocks(fresh, {"preview": r"new \1"}) == fresh
