"""docs/architecture.md names files, functions and floors that are there, and a walk that never goes back."""

from __future__ import annotations

import ast
import re

import pytest

from tests.docs.pages import ROOT
from tests.rules.floors import LIBRARY, PROGRAM, floors_of

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
PLACES = re.findall(r"`([\w/]+\.py):([\w.]+)`", PAGE)
STEPS = re.findall(r"^\| \d+ \| .* \| `([\w/]+\.py):[\w.]+` \|$", PAGE, re.MULTILINE)


def defined(body: list[ast.stmt], name: str) -> ast.stmt | None:
    """The function, class or field of that name."""
    for node in body:
        target = node.target if isinstance(node, ast.AnnAssign) else node
        if name in (getattr(target, "name", None), getattr(target, "id", None)):
            return node
    return None


@pytest.mark.parametrize(("file", "name"), PLACES)
def test_what_it_names_is_there(file: str, name: str) -> None:
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    for word in name.split("."):
        node = defined(body, word)
        assert node is not None, f"{file} has no {name}"
        body = getattr(node, "body", [])


def test_the_walk_goes_up_the_floors_of_each_tree() -> None:
    assert len(STEPS) == 20
    for tree in ("components", "infra"):
        modules = [step.removesuffix(".py").replace("/", ".") for step in STEPS if step.startswith(tree)]
        numbers = [floors_of(module)[tree].number for module in modules]
        assert numbers == sorted(numbers)


@pytest.mark.parametrize(("tree", "floors"), [("components", LIBRARY), ("infra", PROGRAM)])
def test_the_floors_are_those_that_hold(tree: str, floors: tuple[tuple[str, ...], ...]) -> None:
    table = PAGE.split(f"| floor of `{tree}/` | folders |\n|---|---|\n")[1].split("\n\n")[0]
    told = [(line.split(" | ")[0], line.split(" | ")[1]) for line in table.splitlines()]
    assert [(number, folders.rstrip(" |").replace("`", "")) for number, folders in told] == [
        (f"| {number}", ", ".join(folders)) for number, folders in reversed(list(enumerate(floors, start=1)))
    ]
