"""The JSON Schema of a stack file, by which editors complete, explain and check it while it is written.

Draft 7, which the editors' YAML servers know (redhat-developer/yaml-language-server README). It is as strict as the
loader, but for one thing: the loader also takes our keys without their namespace, and people should write only one
of the two forms.
"""

from __future__ import annotations

import json
from typing import Any

from ..plan.environment import Environment
from ..stack.stackfile import NAMESPACE

_SECRET = {
    "description": "A secret: `pulumi config set --secret` writes it. Its name is what the settings refer to.",
    "type": "object",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}
_PULUMIS_OWN = {
    "encryptionsalt": "Written by Pulumi's passphrase secrets provider.",
    "encryptedkey": "Written by Pulumi's secrets providers in a cloud.",
    "secretsprovider": "Where this stack's secrets are encrypted; Pulumi writes it.",
}


def schema_text() -> str:
    """The schema as it is written to stacks/schema.json."""
    return json.dumps(stack_schema(), indent=2, ensure_ascii=False) + "\n"


def stack_schema() -> dict[str, Any]:
    """The schema of a whole stack file."""
    environment = _for_editors(Environment.model_json_schema(mode="validation"))
    prefix = f"{NAMESPACE}:"
    sections = {prefix + name: section for name, section in environment["properties"].items()}
    names = "|".join(environment["properties"])
    config = {
        "description": "The stack's settings.",
        "type": "object",
        "properties": sections,
        "required": [prefix + name for name in environment.get("required", [])],
        "patternProperties": {
            # Beside the sections, our namespace has secrets and nothing else.
            rf"^{prefix}(?!({names})$)[a-z][a-z0-9_]*$": _SECRET,
            # Other namespaces, such as gcp: and pulumi:, belong to their providers.
            rf"^(?!{prefix})[^:]+:.+$": {},
        },
        "additionalProperties": False,
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "An environment of inference",
        "type": "object",
        "properties": {
            "config": config,
            **{key: {"description": text, "type": "string"} for key, text in _PULUMIS_OWN.items()},
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": environment["$defs"],
    }


def _for_editors(schema: Any) -> Any:
    """What pydantic says, put for editors and as strict as the loader."""
    if isinstance(schema, list):
        return [_for_editors(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: {name: _for_editors(field) for name, field in value.items()}
        if key in ("properties", "$defs")
        else value
        if key in ("default", "const", "enum")
        else _for_editors(value)
        for key, value in schema.items()
        if not _is_noise(key, value)
    }
    if isinstance(schema.get("discriminator"), dict):
        # OpenAPI's word, which JSON Schema does not know: what it asks for is the key that tells branches apart.
        kept["required"] = [schema["discriminator"]["propertyName"]]
    if "patternProperties" in kept:
        # pydantic writes the pattern of a mapping's keys so, and leaves other keys open.
        kept.setdefault("additionalProperties", False)
    # No `null`: to omit a key, people leave it out, and Pulumi makes empty text of a top-level null.
    branches = [branch for branch in kept.get("anyOf", ()) if branch != {"type": "null"}]
    if len(branches) == 1:
        del kept["anyOf"]
        kept = branches[0] | kept
    elif branches:
        kept["anyOf"] = branches
    return kept


def _is_noise(key: str, value: Any) -> bool:
    """Titles made of field names, which editors show in place of a meaning; defaults that descriptions tell."""
    return (
        key == "discriminator"
        or (key == "title" and isinstance(value, str))
        or (key == "default" and (value is None or isinstance(value, dict | list)))
    )
