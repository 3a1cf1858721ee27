"""Each rule has a page, made from its docstring and what it really says; `python -m tests.components.proofs.test_pages`
writes them anew.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from components.proofs.rule import FIX, Rule
from components.proofs.rules import RULES
from infra.prove.prove import EXPIRED, UNUSED
from tools.proof_pages import index_page, page

from .cases import CASES
from .plans import findings

FOLDER = Path(__file__).parents[3] / "docs" / "proofs"
OF_WAIVERS = {EXPIRED, UNUSED}
"""Pages written by hand: these are no rules over the plan."""


@cache
def pages() -> dict[str, str]:
    """The text of every generated page by its file name."""
    made = {f"{case.rule}.md": page(RULES[case.rule], findings(case.bad(), case.rule)[0]) for case in CASES}
    return made | {"README.md": index_page(RULES)}


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == {*RULES, *OF_WAIVERS, "README"}


@pytest.mark.parametrize("name", [*(f"{case.rule}.md" for case in CASES), "README.md"])
def test_a_page_says_what_the_code_does(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == pages()[name]


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_says_why_and_how_to_fix_it(rule: Rule) -> None:
    summary, *paragraphs = (rule.faults.__doc__ or "").split("\n\n")
    assert summary.endswith(".")
    assert len(summary) < 120
    assert sum(text.strip().startswith(FIX) for text in paragraphs) == 1
    assert len(paragraphs) >= 2


def test_the_index_links_every_page() -> None:
    text = index_page(RULES)
    assert all(f"({name}.md)" in text for name in {*RULES, *OF_WAIVERS})


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
