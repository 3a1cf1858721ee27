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


def test_a_name_or_text_of_another_form_is_told_what_it_must_be(validator: jsonschema.Draft7Validator) -> None:
    """In the keyword by which VS Code and the YAML language server do so."""
    model = {"model": "a/b", "engine": {"kind": "tgi"}}
    named, placed = (
        document(ROOT / "stacks" / "Pulumi.local.yaml", models=models)
        for models in ({"Qwen": model}, {"qwen": {**model, "namespace": "LLM"}})
    )

    assert [error.schema["patternErrorMessage"] for error in validator.iter_errors(named)] == [
        "must be lower-case letters, digits and dashes, a letter first"
    ]
    assert [error.schema["patternErrorMessage"] for error in validator.iter_errors(placed)] == [
        "must be lower-case letters, digits and dashes"
    ]


def test_every_pattern_of_a_setting_is_said_in_words() -> None:
    settings = json.dumps([*stack_schema()["properties"]["config"]["properties"].values(), stack_schema()["$defs"]])

    assert settings.count('"pattern":') == settings.count('"patternErrorMessage":') > 100


@pytest.mark.parametrize(("quantity", "fits"), [("2", True), (2, True), (0, False), ("two", False), (True, False)])
def test_quantities_are_text_or_numbers(quantity: Any, fits: bool, validator: jsonschema.Draft7Validator) -> None:
    model = {"model": "a/b", "engine": {"kind": "tgi"}, "resources": {"cpu": quantity}}

    assert validator.is_valid(document(ROOT / "stacks" / "Pulumi.local.yaml", models={"qwen": model})) is fits


def test_defaults_are_what_somebody_would_write() -> None:
    models = stack_schema()["$defs"]
    rules = {"stabilization_seconds": 60, "policies": [{"kind": "percent", "value": 100, "period_seconds": 60}]}

    assert models["HpaConfig"]["properties"]["scale_up"]["default"] == rules
    assert "default" not in models["ModelConfig"]["properties"]["runs_on"]
    assert "default" not in models["ModelConfig"]["properties"]["update"]


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
