"""Who may import whom. Imports in functions and for type checking count like any other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable

from .floors import APART, TREES, floors_of
from .sources import ROOT, SOURCES, Source

OURS = [source for source in SOURCES if source.folder in ("components", "infra", "runtime")]
LIVE = {"infra/__main__.py", "infra/preflight.py", "infra/policy/resources.py"}
"""The modules of infra/ that talk to an engine or a cluster."""
LIBRARIES = ("pulumi", "pulumi_gcp", "pulumi_kubernetes", "pulumi_policy", "kubernetes", "google", "grpc")
"""What only those modules and components/classes may import."""
ALONE = "infra/publish/"
"""It is checked out by itself where it runs."""


def expect_none(offenders: Iterable[str]) -> None:
    """Fail with all offenders, a line each."""
    assert "\n".join(offenders) == ""


def is_live(source: Source) -> bool:
    return source.name.startswith("components/classes/") or source.name in LIVE


PURE = [source.module for source in OURS if not is_live(source)]


def test_every_folder_has_its_floor() -> None:
    for tree, floors in TREES.items():
        there = {path.parent.name for path in (ROOT / tree.replace(".", "/")).glob("*/__init__.py")}
        assert there - {"publish"} <= {folder for floor in floors for folder in floor}


def test_imports_go_down_the_floors() -> None:
    expect_none(
        f"{source.name}:{each.line} (floor {own.number}) imports {each.module} (floor {other.number})"
        for source in OURS
        for own in floors_of(source.module).values()
        for each in source.imports
        if (other := floors_of(each.module).get(own.tree))
        if own.folder != other.folder and own.number <= other.number
    )


def test_the_folders_of_the_repository_know_only_those_they_build_on() -> None:
    expect_none(
        f"{source.name}:{each.line} imports {each.module}"
        for source in SOURCES
        for each in source.imports
        if (top := each.module.partition(".")[0]) in APART and top not in (source.folder, *APART[source.folder])
    )


def test_publishing_knows_nobody() -> None:
    allowed = ("infra.publish", "infra")
    expect_none(
        f"{source.name}:{each.line} imports {each.module}"
        for source in OURS
        if source.name.startswith(ALONE)
        for each in source.imports
        if each.module.startswith(("components", "infra", "runtime"))
        and each.module not in allowed
        and not each.module.startswith("infra.publish.")
    )


def test_few_import_pulumi_or_a_client() -> None:
    expect_none(
        f"{source.name}:{each.line} imports {each.module}"
        for source in OURS
        if not is_live(source)
        for each in source.imports
        if each.module.partition(".")[0] in LIBRARIES
    )


def test_only_programs_that_deploy_import_the_pulumi_classes() -> None:
    expect_none(
        f"{source.name}:{each.line} imports {each.module}"
        for source in OURS
        # The library's face hands them on, once somebody asks.
        if not is_live(source) and source.name != "components/__init__.py"
        for each in source.imports
        if each.module.startswith("components.classes")
    )


def test_components_import_each_other_relatively() -> None:
    """Other people's programs have them as `inference_components`: `components` is too common a name."""
    expect_none(
        f"{source.name}:{each.line} imports {each.module}"
        for source in OURS
        if source.folder == "components"
        for each in source.imports
        if each.module.partition(".")[0] == "components" and not each.relative
    )


def run(program: str) -> str:
    """Run Python in a process of its own; its output."""
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_importing_reads_no_data_and_starts_nothing() -> None:
    """Tables load when they are asked; an audit hook sees what an import opens, connects to or runs."""
    program = f"""
import sys
seen = []
def hook(event, arguments):
    if event == "open" and str(arguments[0]).endswith((".tsv", ".yaml", ".yml", ".json", ".j2")):
        seen.append(f"opens {{arguments[0]}}")
    elif event in ("socket.connect", "subprocess.Popen", "os.system"):
        seen.append(event)
sys.addaudithook(hook)
for module in {PURE!r}:
    __import__(module)
print("\\n".join(seen))
"""
    assert run(program) == ""


def test_planning_never_loads_pulumi_or_a_client() -> None:
    program = f"import sys\nfor module in {PURE!r}: __import__(module)\nprint(*sys.modules)"
    loaded = {module.split(".")[0] for module in run(program).split()}
    assert loaded & set(LIBRARIES) == set()
