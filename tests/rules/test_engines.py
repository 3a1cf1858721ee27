"""An engine is a folder: it is in the registry, says all there is to say, and nobody else knows its name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from components.catalog.table import PROVENANCE, engine_rows
from components.core.demand import Demand
from components.engines.flag_tables import flags_of
from components.engines.kind import EngineKind
from components.engines.registry import ENGINES
from components.engines.typed import TYPED

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ROOT / "components/engines"
KINDS = frozenset(engine.kind for engine in ENGINES)
CODE = sorted((*ROOT.glob("components/**/*.py"), *ROOT.glob("infra/**/*.py")))
TABLES = {
    "flags": "its flags",
    "mistakes": "what people write that it never had",
    "settings": "which of its fields is about what other engines can be told too",
    "words": "what it calls what others call otherwise",
    "metrics": "what it emits",
    "routes": "the routes by which clients ask it for text",
    "quantization": "how it quantizes",
    "memory": "what it does with GPU memory",
    "step_defaults": "how large it makes a step",
    "releases": "when it was released",
    "start_steps": "how long its warm-up takes",
    "images": "its images",
    "hardening": "what its image needs",
    "image_tools": "what its image has",
    "image_sizes": "how large its image is",
}
"""The tables that the product asks an engine's folder for, and what each would say."""
ELSEWHERE = {
    ("components/addons/adapter.py", "custom"): "prometheus-adapter's own word",
    ("infra/commands/fit.py", "vllm"): "the engine that `infra fit` takes where none is given",
    ("infra/commands/catalog.py", "vllm"): "the engine that `infra fit` takes where none is given",
}
"""Where an engine's name may stand outside its folder, and why."""


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.kind)
def test_an_engine_says_everything_or_why_not(engine: EngineKind) -> None:
    optional = [field.name for field in fields(EngineKind) if field.name not in ("absent", "lists_every_flag")]
    silent = [name for name in optional if not getattr(engine, name) and not engine.absent.get(name)]
    silent += [
        f"{table}.tsv, {about}"
        for table, about in TABLES.items()
        if not engine_rows(engine.kind, table) and not engine.absent.get(f"{table}.tsv")
    ]
    assert silent == [], "fill it, or say in `absent` why it is empty"


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.kind)
def test_a_reason_is_given_only_for_what_is_absent(engine: EngineKind) -> None:
    for name, why in engine.absent.items():
        there = engine_rows(engine.kind, name[:-4]) if name.endswith(".tsv") else getattr(engine, name)
        assert not there, f"{name} is there"
        assert len(why) > 10
        assert name.removesuffix(".tsv") in TABLES or hasattr(engine, name), f"nobody asks for {name}"


@pytest.mark.parametrize("engine", [each for each in TYPED if each.words], ids=lambda engine: engine.kind)
def test_what_a_remedy_says_can_be_written(engine: EngineKind) -> None:
    settings = set(engine.config.model_fields)
    assert set(engine.words.values()) <= settings
    assert {"quantization", "request_tokens"} <= engine.words.keys() <= {field.name for field in fields(Demand)}
    assert len({"cache_tokens", "requests"} & engine.words.keys()) == 1, "the one by which its cache is bounded"
    assert bool(engine.fp8_cache) == ("kv_cache_dtype" in engine.words)


@pytest.mark.parametrize("engine", TYPED, ids=lambda engine: engine.kind)
def test_flags_that_proofs_read_are_the_engine_s_own(engine: EngineKind) -> None:
    known = {flag.flag for flag in flags_of(engine.kind).values()}
    assert set(engine.drain_flags) <= known
    # Aliases such as `-tp` have no rows of their own.
    assert known & set(engine.gpu_flags) or not engine.gpu_flags


def test_every_folder_is_in_the_registry_and_every_engine_has_one() -> None:
    folders = {path.parent.name for path in HOUSE.glob("*/__init__.py")}
    assert folders == KINDS
    assert len(KINDS) == len(ENGINES)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.kind)
def test_the_settings_of_an_engine_go_by_its_kind(engine: EngineKind) -> None:
    assert engine.config.model_fields["kind"].annotation.__args__ == (engine.kind,)  # type: ignore[union-attr]
    assert engine.config.__module__ == f"components.engines.{engine.kind}.config"


@pytest.mark.parametrize("engine", TYPED, ids=lambda engine: engine.kind)
def test_no_table_in_a_folder_is_read_by_nobody(engine: EngineKind) -> None:
    """A table is one that the product asks each engine for, or that code in the folder reads."""
    own = "\n".join(path.read_text(encoding="utf-8") for path in (HOUSE / engine.kind).glob("*.py"))
    shared = "\n".join(path.read_text(encoding="utf-8") for path in CODE if path.parent.name != engine.kind)
    for path in (HOUSE / engine.kind).glob("*.tsv"):
        asked = f'engine, "{path.stem}")' in shared or f'_of_engines("{path.stem}")' in shared
        assert asked or f'"{path.stem}")' in own, path.name
        assert set(PROVENANCE) <= engine_rows(engine.kind, path.stem)[0].keys()


def _texts(path: Path) -> Iterator[ast.Constant]:
    """Every text in a file that is not documentation."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            yield node


def test_nobody_else_knows_an_engine_s_name() -> None:
    """Nothing outside an engine's folder compares its name, lists it, or asks a table for it: the registry is asked."""
    listing = re.compile(rf"\b({'|'.join(sorted(KINDS - {'custom'}))})\b")
    offenders = []
    for path in CODE:
        name = path.relative_to(ROOT).as_posix()
        for node in _texts(path):
            text = str(node.value)
            named = {text} & KINDS or (set(matches) if len(set(matches := listing.findall(text))) > 1 else set())
            here = {kind for kind in named if path.parent != HOUSE / kind and (name, kind) not in ELSEWHERE}
            offenders += [f"{name}:{node.lineno} {text!r}"] if here else []
    assert offenders == [], "ask components.engines.registry instead"


def test_no_engine_imports_another() -> None:
    for engine in ENGINES:
        for path in (HOUSE / engine.kind).glob("*.py"):
            modules = [
                node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)
            ]
            assert not [module for module in modules if module.split(".")[0] in KINDS - {engine.kind}], path
