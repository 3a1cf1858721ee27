"""The names other people's programs import: all of them, typed, and without Pulumi where they need none."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type, get_args

import pulumi
import pytest
from pydantic import BaseModel

import components
from components import (
    Finding,
    InferenceError,
    ModelServer,
    ModelServerConfig,
    Part,
    Plan,
    TgiEngine,
    model_server,
    prove,
)
from components import classes as pulumi_classes

ROOT = Path(__file__).resolve().parents[2]
NAMES = (Path(__file__).parent / "public_names.txt").read_text().split()
"""Taking a name out of this file breaks somebody's program: write it into CHANGELOG.md."""


def classes() -> Iterator[type[pulumi.ComponentResource]]:
    for found in pkgutil.iter_modules(pulumi_classes.__path__):
        module = importlib.import_module(f"{pulumi_classes.__name__}.{found.name}")
        for name, value in vars(module).items():
            if inspect.isclass(value) and issubclass(value, pulumi.ComponentResource) and not name.startswith("_"):
                yield value


def settings(annotation: Any, known: set[type[BaseModel]]) -> None:
    """Gather the models of a type, and of their fields."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel) and annotation not in known:
        known.add(annotation)
        for field in annotation.model_fields.values():
            settings(field.annotation, known)
    for inner in get_args(annotation):
        settings(inner, known)


def test_the_public_names_are_those_that_are_promised() -> None:
    assert dir(components) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_what_it_is_called(name: str) -> None:
    value = getattr(components, name)
    assert name == getattr(value, "__name__", name)


def test_every_pulumi_class_is_public() -> None:
    assert {each.__name__ for each in classes()} <= set(NAMES)


def test_the_settings_that_the_classes_take_are_public() -> None:
    known: set[type[BaseModel]] = set()
    for each in classes():
        module = sys.modules[each.__init__.__module__]
        for parameter in inspect.signature(each.__init__).parameters.values():
            for word in re.findall(r"\w+", str(parameter.annotation)):
                settings(getattr(module, word, None), known)
    assert {each.__name__ for each in known} <= set(NAMES)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'components' has no attribute 'Llama'"):
        components.Llama  # type: ignore[attr-defined]  # noqa: B018 - so that a type checker sees it too


def test_types_come_with_the_names() -> None:
    """`make types` reads this like another team's program."""
    config = ModelServerConfig(model="Qwen/Qwen2.5-7B-Instruct", engine=TgiEngine())
    part = model_server("chat", config)
    assert_type(part, Part)
    findings = prove(Plan("", (part,)))
    assert_type(findings, list[Finding])
    assert issubclass(ModelServer, pulumi.ComponentResource)
    assert issubclass(InferenceError, Exception)


def test_what_needs_no_pulumi_loads_none() -> None:
    program = (
        "import sys\nfrom components import ConfigError, ModelServerConfig, TgiEngine, model_server, prove\n"
        "model_server('chat', ModelServerConfig(model='Qwen/Qwen2.5-7B-Instruct', engine=TgiEngine()))\n"
        "print('pulumi' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_importing_the_library_loads_nothing_of_it() -> None:
    program = "import sys, components\nprint([name for name in sys.modules if name.startswith('components.')])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
