"""Who may import whom: infra knows the domains, domains the catalog, all the basics; and few know Pulumi."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((*ROOT.glob("components/**/*.py"), *ROOT.glob("infra/**/*.py")))
LIVE = {"infra/__main__.py", "infra/preflight.py", "infra/policy/resources.py"}
"""The modules of infra/ that talk to an engine or a cluster."""
LIBRARIES = ("pulumi", "pulumi_gcp", "pulumi_kubernetes", "pulumi_policy", "kubernetes", "google", "grpc")
"""What only those modules and components/classes may import."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    """The dotted name a file is imported by."""
    return name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """The modules a file imports, in full, each with whether it is written relatively."""
    package = module_of(path).split(".")[: None if path.name == "__init__.py" else -1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            above = ".".join([*base, *([node.module] if node.module else [])])
            yield above, bool(node.level)
            yield from ((f"{above}.{alias.name}", bool(node.level)) for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_the_engines_side_of_the_code_imports_pulumi(path: Path) -> None:
    found = {module for module, _ in imports(path) if module.split(".")[0] in LIBRARIES}
    shell = name_of(path).startswith("components/classes/") or name_of(path) in LIVE
    assert shell or not found
    if not shell:
        assert not [module for module, _ in imports(path) if module.startswith("components.classes")]


def layer(module: str) -> int:
    """How high a module of ours stands: basics 0, catalog 1, domains 2, infra 3; -1 for others' modules."""
    top, *rest = module.split(".")
    if top == "infra":
        return 3
    if top != "components":
        return -1
    if rest[:1] in (["core"], ["catalog"]):
        return 0 if rest[0] == "core" else 1
    return 2 if rest and (ROOT / "components" / rest[0]).is_dir() else 0


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    own = module_of(path)
    assert [module for module, _ in imports(path) if layer(module) > layer(own)] == []


@pytest.mark.parametrize("path", [path for path in FILES if layer(module_of(path)) < 3], ids=name_of)
def test_components_import_each_other_relatively(path: Path) -> None:
    """Other people's programs have them as `inference_components`: `components` is too common a name."""
    assert [module for module, relative in imports(path) if module.split(".")[0] == "components" and not relative] == []


def run(program: str) -> str:
    """Run Python in a process of its own; its output."""
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


PURE = [
    module_of(path)
    for path in FILES
    if not name_of(path).startswith("components/classes/") and name_of(path) not in LIVE
]


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


def models() -> Iterator[type[BaseModel]]:
    """Every config model there is."""
    for module in PURE:
        import_module(module)
    pending = list(BaseModel.__subclasses__())
    while pending:
        model = pending.pop()
        pending += model.__subclasses__()
        if model.__module__.split(".")[0] in ("components", "infra"):
            yield model


def lax(annotation: Any, metadata: list[Any]) -> bool:
    """Whether numbers or flags in a type would also take text such as "3" or "yes"."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        flat = [each for item in more for each in (item.metadata if isinstance(item, FieldInfo) else [item])]
        return lax(inner, [*metadata, *flat])
    if annotation in (int, bool, float):
        return not any(getattr(item, "strict", None) for item in metadata)
    # Constraints of a field hold for its own type and what it may be besides None, not for what a list holds.
    inherited = [] if get_origin(annotation) in (list, tuple, dict, set, frozenset) else metadata
    return any(lax(inner, inherited) for inner in get_args(annotation) if not isinstance(inner, str | int))


@pytest.mark.parametrize("model", sorted(models(), key=str), ids=lambda model: model.__qualname__)
def test_numbers_and_flags_of_config_models_are_strict(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if lax(field.annotation, list(field.metadata))] == []


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, True),
        (int | None, True),
        (dict[str, float], True),
        (tuple[bool, ...], True),
        (str, False),
        (Annotated[int, FieldInfo(strict=True, ge=1)], False),
    ],
)
def test_the_check_for_strictness_tells_them_apart(annotation: Any, expected: bool) -> None:
    field = FieldInfo.from_annotation(annotation)
    assert lax(field.annotation, list(field.metadata)) is expected
