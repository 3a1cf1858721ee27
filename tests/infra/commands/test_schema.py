"""The schema of a stack file accepts what the loader accepts, and refuses what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from infra.commands.schema import schema_text, stack_schema
from infra.stack.stackfile import load_stack

ROOT = Path(__file__).resolve().parents[3]
STACKS = sorted((ROOT / "stacks").glob("Pulumi.*.yaml"))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    schema = stack_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def document(path: Path, **changes: Any) -> dict[str, Any]:
    """A stack file as an editor sees it, some sections replaced."""
    values = {**load_stack(path).values, **changes}
    return {"config": {f"inference:{key}": value for key, value in values.items()}}


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.name)
def test_every_shipped_stack_is_valid(path: Path, validator: jsonschema.Draft7Validator) -> None:
    assert [error.message for error in validator.iter_errors(document(path))] == []


def test_every_shipped_stack_points_its_editor_at_the_schema() -> None:
    firsts = {path.read_text().splitlines()[0] for path in STACKS}

    assert firsts == {"# yaml-language-server: $schema=schema.json"}


def test_the_committed_schema_is_what_the_models_say() -> None:
    assert (ROOT / "stacks" / "schema.json").read_text() == schema_text()


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("modls", {}),
        ("models", {"qwen": {"modle": "x"}}),
        ("models", {"Qwen": {"model": "a/b", "engine": {"kind": "tgi"}}}),
        ("models", {"qwen": {"model": "a/b", "engine": {"version": "3.3.6"}}}),
        ("models", {"qwen": {"model": "a/b", "engine": {"kind": "tgi", "num_shard": "2"}}}),
        ("models", {"qwen": {"model": "a/b", "engine": {"kind": "tgi"}, "replicas": 0}}),
        ("models", {"qwen": {"model": "a/b", "engine": {"kind": "tgi"}, "revision": None}}),
        ("hf_token", "hf_plaintext"),
        ("cluster", {"kind": "minikube"}),
    ],
)
def test_what_the_loader_refuses_is_refused(section: str, value: Any, validator: jsonschema.Draft7Validator) -> None:
    changed = document(ROOT / "stacks" / "Pulumi.local.yaml", **{section: value})

    assert not validator.is_valid(changed)


def test_secrets_and_the_keys_of_other_namespaces_stand_beside_the_sections(
    validator: jsonschema.Draft7Validator,
) -> None:
    changed = document(ROOT / "stacks" / "Pulumi.local.yaml", hf_token={"secure": "v1:abc"})
    changed["config"]["gcp:project"] = "example"
    changed["encryptionsalt"] = "v1:salt"

    assert validator.is_valid(changed)


def test_a_section_is_no_secret(validator: jsonschema.Draft7Validator) -> None:
    changed = document(ROOT / "stacks" / "Pulumi.local.yaml", models={"secure": "v1:abc"})

    assert not validator.is_valid(changed)


def test_every_field_is_explained_and_none_is_null() -> None:
    schema = stack_schema()
    silent = [
        f"{name}.{field}"
        for name, model in schema["$defs"].items()
        for field, described in model.get("properties", {}).items()
        if not described.get("description")
    ]

    assert silent == []
    assert "null" not in json.dumps(schema)
