"""The JSON Schema of a stack file, by which editors complete, explain and check it while it is written.

Draft 7, which the editors' YAML servers know (redhat-developer/yaml-language-server README). It is as strict as the
loader, but for one thing: the loader also takes our keys without their namespace, and people should write only one
of the two forms.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

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
    environment = Environment.model_json_schema(schema_generator=ForEditors)
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


class ForEditors(GenerateJsonSchema):
    """What pydantic says, put for editors and as strict as the loader."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's
        """No titles made of field names, which editors show in place of a meaning."""
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """No titles made of class names either."""
        described = super().model_schema(schema)
        described.pop("title", None)
        return described

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """No `null`: to omit a key, people leave it out, and Pulumi makes empty text of a top-level null."""
        return self.generate_inner(schema["schema"])

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """No `discriminator`, which is OpenAPI's: what it asks for is the key that tells branches apart."""
        union = super().tagged_union_schema(schema)
        if discriminator := union.pop("discriminator", None):
            union["required"] = [discriminator["propertyName"]]
        return union

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """The pattern of a mapping's keys as one of names: of `patternProperties` editors cannot say what is wrong."""
        mapping = super().dict_schema(schema)
        for pattern, values in mapping.pop("patternProperties", {}).items():
            mapping["propertyNames"] = {"pattern": pattern, **mapping.get("propertyNames", {})}
            mapping["additionalProperties"] = values
        return mapping

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """No default that is nothing: descriptions tell what happens then."""
        described = super().default_schema(schema)
        if described.get("default") in (None, "", [], {}):
            described.pop("default", None)
        return described

    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        """A default that is made for each, like one that all share."""
        if "default_factory" in schema:
            return schema["default_factory"]()  # type: ignore[call-arg]  # ours take nothing
        return super().get_default_value(schema)

    def encode_default(self, dft: Any) -> Any:
        """What somebody would write for it: of a model only what it sets."""
        if isinstance(dft, BaseModel):
            return dft.model_dump(mode="json", exclude_unset=True)
        return super().encode_default(dft)
