"""docs/components.md says what the code says, and leaves nothing out."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter, defaultdict
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter

from components.core.config import Bytes, Count, DnsLabel, EnvName, Flag, Number, Percent, Port
from infra.commands.schema import ForEditors, stack_schema
from infra.plan.environment import Environment
from tests.docs.pages import ROOT
from tools.components_doc import PAGE, components_page, in_words, public_classes, sections

_ADVICE = "run `make docs` and commit the result"


def test_the_page_is_what_the_models_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == components_page(), _ADVICE


def test_every_section_of_a_stack_is_on_the_page() -> None:
    assert [section.key for section in sections()] == list(Environment.model_fields)


def test_every_model_of_a_stack_is_on_the_page_once() -> None:
    described = [name for section in sections() for name in section.models]
    assert sorted(described) == sorted(name for name, model in stack_schema()["$defs"].items() if model)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Count, "whole number, at least 1"),
        (Percent, "whole number, 0 to 100"),
        (Annotated[Number, Field(gt=0, lt=1)], "number, more than 0, less than 1"),
        (Flag, "true or false"),
        (Annotated[str, Field(min_length=10, max_length=500)], "text (at least 10 and at most 500 characters)"),
        (DnsLabel | None, "lower-case letters, digits and dashes (at most 63 characters)"),
        (Bytes, "an amount of bytes as a Kubernetes quantity: 32Gi or 500M"),
        (Literal["a", "b", "c"], "`a`, `b` or `c`"),
        (tuple[str, ...], "list of text"),
        (Annotated[tuple[Port, ...], Field(min_length=1)], "list, each whole number, 1 to 65,535, at least one"),
        (
            dict[EnvName, str],
            "mapping from a variable name: letters, digits and underscores (at most 256 characters) to text",
        ),
        (dict[str, Any], "mapping from text to any value"),
    ],
)
def test_types_are_said_as_people_say_them(kind: Any, words: str) -> None:
    assert in_words(TypeAdapter(kind).json_schema(schema_generator=ForEditors)) == words


def test_every_public_pulumi_class_is_on_the_page() -> None:
    written = {
        node.name
        for path in (ROOT / "components").glob("classes/*.py")
        if path.stem != "component"
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    }
    headings = set(re.findall(r"^### (\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert written
    assert written <= headings


def test_every_argument_of_a_class_says_what_it_means() -> None:
    silent = [
        f"{entry.name}({argument.name})"
        for entry in public_classes()
        for argument in entry.arguments
        if not argument.meaning
    ]
    assert silent == []


def test_headings_are_unique_so_that_links_to_them_are() -> None:
    headings = re.findall(r"^#+ (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [heading for heading, count in Counter(headings).items() if count > 1] == []


def test_no_pattern_has_two_descriptions_because_the_last_import_would_win() -> None:
    words = defaultdict(set)
    for path in (ROOT / "components").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "patterned":
                words[ast.unparse(node.args[0])].add(ast.unparse(node.args[1]))
    assert {pattern: found for pattern, found in words.items() if len(found) > 1} == {}


def test_the_page_is_made_without_pulumi() -> None:
    program = "import sys, tools.components_doc as page; page.components_page(); sys.exit('pulumi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
