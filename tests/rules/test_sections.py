"""Each section of a stack is named once: its file, `Environment`, the schema, the docs and the plan agree."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from components.core.plan import Part
from infra.commands.schema import stack_schema
from infra.plan.environment import Environment
from infra.plan.environments import load
from infra.plan.sections.registry import SECTIONS
from infra.plan.sections.section import Section

from .sources import ROOT

KEYS = [section.key for section in SECTIONS]
STACKS = [*sorted((ROOT / "stacks").glob("Pulumi.*.yaml")), *sorted((ROOT / "tests" / "stacks" / "ok").glob("*.yaml"))]
_APART = {"__init__", "registry", "section"}
"""Files of the folder that are no section."""


@cache
def parts_of(path: Path) -> tuple[Part, ...]:
    return load(path, None).plan.parts


def test_every_section_is_a_field_of_the_environment_and_has_a_file_of_its_name() -> None:
    files = [path.stem for path in (ROOT / "infra" / "plan" / "sections").glob("*.py") if path.stem not in _APART]
    assert sorted(KEYS) == sorted(Environment.model_fields) == sorted(files)


def test_the_schema_and_the_docs_have_every_section() -> None:
    page = (ROOT / "docs" / "components.md").read_text(encoding="utf-8")
    assert {f"inference:{key}" for key in KEYS} == stack_schema()["properties"]["config"]["properties"].keys()
    assert [key for key in KEYS if f"\n## `inference:{key}`\n" not in page] == []


def test_a_kind_of_component_belongs_to_one_section() -> None:
    assert [
        kind for kind, times in Counter(kind for section in SECTIONS for kind in section.at).items() if times > 1
    ] == []


@pytest.mark.parametrize("stack", STACKS, ids=lambda path: path.stem)
def test_sections_know_where_the_stack_has_each_of_their_components(stack: Path) -> None:
    """The policy pack is told only the kind and the name; the diff names what is at a place by its section's noun."""
    owners = {kind: section for section in SECTIONS for kind in section.at}
    for part in parts_of(stack):
        section = owners[part.kind]
        assert (part.key, section.at[part.kind](part.name)) == (part.key, part.path)
        assert part.path[0] == section.key
        assert section.noun is not None or part.path == section.at[part.kind]("")


def test_every_kind_of_component_is_in_some_environment() -> None:
    planned = {part.kind for stack in STACKS for part in parts_of(stack)}
    assert planned == {kind for section in SECTIONS for kind in section.at}


@pytest.mark.parametrize("stack", STACKS, ids=lambda path: path.stem)
def test_parts_are_in_the_order_of_the_sections(stack: Path) -> None:
    order = [KEYS.index(str(part.path[0])) for part in parts_of(stack)]
    assert order == sorted(order)


@pytest.mark.parametrize("section", [one for one in SECTIONS if one.namespaced], ids=lambda section: section.key)
def test_namespaces_are_made_for_what_is_in_them(section: Section) -> None:
    for stack in STACKS:
        made = {part.name for part in parts_of(stack) if part.kind == "Namespace"}
        for part in parts_of(stack):
            if part.path[0] == section.key:
                assert {item.namespace for item in part.items} - {""} <= made, part.key
