"""docs/components.md says what the code says, and leaves nothing out."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter, defaultdict

from infra.plan.environment import Environment
from tests.docs.pages import ROOT
from tools.components_doc import PAGE, components_page, public_classes, sections

_ADVICE = "run `make docs` and commit the result"


def test_the_page_is_what_the_models_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == components_page(), _ADVICE


def test_every_section_of_a_stack_is_on_the_page() -> None:
    assert [section.key for section in sections()] == list(Environment.model_fields)


def test_every_field_says_what_it_means() -> None:
    silent = [
        f"{settings.name}.{field.name}"
        for section in sections()
        for settings in section.settings
        for field in settings.fields
        if not field.meaning
    ]
    assert silent == []


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
