"""The base of every config model and the constrained types they share.

A config is frozen, plain data: no Pulumi outputs, no clock, no network. Deploy-time values travel apart,
as keyword arguments of the component classes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network
from typing import Annotated, Any, Self, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from .docs import field_docs
from .errors import ConfigError, MisfitError, describe_pattern, pattern_words
from .wording import INT32, problems_of


class Config(BaseModel):
    """Frozen settings: unknown fields are refused, and a wrong one is explained with its path.

    Raises:
        ConfigError: when built directly with wrong arguments; every problem at once.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        # A nested model is only ever built as part of its root: half the cold start of `infra check`.
        defer_build=True,
    )

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise ConfigError(problems_of(error, type(self))) from None

    # Tells pydantic that this constructor only rewords errors, so nested models are still built by its core.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]  # pydantic's own marker, see BaseModel

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Put the docstrings of the fields into the schema, where editors show them."""
        schema = handler(core)
        described = handler.resolve_ref_schema(schema)
        for name, text in field_docs(cls).items():
            if name in described.get("properties", {}):
                described["properties"][name]["description"] = " ".join(text.split())
        return schema

    def with_changes(self, **changes: Any) -> Self:
        """Return a validated copy with some fields replaced."""
        fields = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self)(**(fields | changes))


def defaults(kind: type[Config]) -> Any:
    """A field that is `kind` with its own defaults when omitted: one instance for all who omit it, as it is frozen.

    Defaults are not validated, so that pydantic need not build a validator for them: a tenth of a cold `infra check`.
    """
    return Field(default_factory=cache(kind.model_construct))


@dataclass(frozen=True, slots=True)
class ByKind:
    """Tells the members of a union apart by their `kind`, where one of them may leave it out.

    `Annotated[First | Second, ByKind("first")]`: settings without a `kind` are the default's, so that a second member
    changes no stack. The others' `kind` is required, or a schema could not tell them apart. With one member it is
    that one, and an unknown kind is refused by its own field.

    Attributes:
        default: the kind of settings that name none.
    """

    default: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        if schema["type"] != "union":
            return schema
        kinds = [get_args(member.model_fields["kind"].annotation)[0] for member in members(source)]
        return core_schema.tagged_union_schema(dict(zip(kinds, schema["choices"], strict=True)), self._kind)

    def _kind(self, value: Any) -> Any:
        return value.get("kind", self.default) if isinstance(value, Mapping) else getattr(value, "kind", self.default)


def members(union: Any) -> tuple[Any, ...]:
    """The config models of a union, or the one that it has."""
    if get_origin(union) is Annotated:
        return members(get_args(union)[0])
    return get_args(union) or (union,)


def _quantity_text(value: Any) -> Any:
    """Let `cpu: 8` stand for `cpu: "8"`, as Kubernetes does."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _cpu_text(value: Any) -> Any:
    """Let `cpu: 0.5` stand for `cpu: "0.5"` too; half a byte of memory would be a mistake."""
    return str(value) if isinstance(value, float) else _quantity_text(value)


def _address_range(value: str) -> str:
    """Refuse what looks like a range and is none, and one whose address is not its first."""
    try:
        network = IPv4Network(value, strict=False)
    except ValueError as error:
        raise MisfitError(f'got "{value}", which is no address range ({error}); write one such as 10.0.0.0/8') from None
    if str(network) != value:
        raise MisfitError(f'got "{value}", whose address lies inside the range; write {network}')
    return value


def ascii_only(pattern: str) -> str:
    r"""A pattern whose `\d` and `\w` are ASCII, as to Kubernetes; to pydantic, \d is any script's digit."""
    parts = re.split(r"(\\.|\[|\])", pattern)
    inside = False
    for number, part in enumerate(parts):
        inside = {"[": True, "]": False}.get(part, inside)
        if part in _ASCII:
            parts[number] = _ASCII[part] if inside else f"[{_ASCII[part]}]"
    return "".join(parts)


def patterned(pattern: str, words: str, *, max_length: int | None = None) -> Any:
    """Constrain text to a pattern, and say in `words` what it must be when it does not match."""
    pattern = ascii_only(pattern)
    describe_pattern(pattern, words)
    return Field(pattern=pattern, max_length=max_length, json_schema_extra=_said(pattern))


def _said(pattern: str) -> dict[str, Any]:
    """What editors say of text that does not match: both VS Code and yaml-language-server know this keyword."""
    return {"patternErrorMessage": f"must be {pattern_words(pattern)}"}


def _or_number(pattern: str, number: str, **bound: int) -> WithJsonSchema:
    """A schema for text as `patterned` described it, or for a number."""
    pattern = ascii_only(pattern)
    return WithJsonSchema({"type": ["string", number], "pattern": pattern, **_said(pattern), **bound})


MAX_PORT = 65535
"""The highest TCP port."""
_PORT = r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])"
_ASCII = {r"\d": "0-9", r"\w": "A-Za-z0-9_"}
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_CPU = r"^([1-9]\d*(\.\d+)?|0?\.\d*[1-9]\d*|[1-9]\d*m)$"
_BYTES = r"^[1-9]\d*(\.\d+)?(k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"
_REPOSITORY = r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?(:\d+)?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*"

Integer = Annotated[int, Field(strict=True)]
"""A whole number; "3" and true are refused, because Pulumi hands nested values over with their YAML types."""
Count = Annotated[int, Field(strict=True, ge=1, le=INT32)]
"""A whole number, at least 1."""
Size = Annotated[int, Field(strict=True, ge=0, le=INT32)]
"""A whole number, at least 0."""
Flag = Annotated[bool, Field(strict=True)]
"""true or false; `yes` and `on` are plain text in Pulumi's YAML and are refused."""
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A number, whole or not."""
Percent = Annotated[int, Field(strict=True, ge=0, le=100)]
"""A share in per cent, 0 to 100."""
Port = Annotated[int, Field(strict=True, ge=1, le=MAX_PORT)]
"""A TCP port."""
CollectorUrl = Annotated[
    str,
    patterned(rf"^https?://[\w.-]+:{_PORT}$", "a URL with a port of 1 to 65535, such as http://jaeger.tracing:4317"),
]
"""Where traces go, as most engines want it."""
CollectorAddress = Annotated[
    str, patterned(rf"^[\w.-]+:{_PORT}$", "host:port with a port of 1 to 65535, such as jaeger.tracing:4317")
]
"""The same without a scheme."""
Seconds = Annotated[int, Field(strict=True, ge=0, le=7 * 24 * 3600)]
"""A duration in seconds, at most seven days."""
Cidr = Annotated[
    str,
    patterned(r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$", "an address range such as 10.0.0.0/8"),
    AfterValidator(_address_range),
]
"""A range of IPv4 addresses, `10.0.0.0/8`."""
DnsLabel = Annotated[str, patterned(rf"^{_LABEL}$", "lower-case letters, digits and dashes", max_length=63)]
"""A DNS label, at most 63 characters, as Kubernetes names Services and namespaces."""
DnsName = Annotated[
    str,
    patterned(rf"^{_LABEL}(\.{_LABEL})*$", "lower-case letters, digits, dashes and dots", max_length=253),
]
"""A DNS subdomain name, as Kubernetes names most objects."""
HostName = Annotated[
    str, patterned(rf"^(\*\.)?{_LABEL}(\.{_LABEL})*$", "a host name such as llm.example.com", max_length=253)
]
"""A host name clients use, optionally with a leading `*.`."""
Cpu = Annotated[
    str,
    BeforeValidator(_cpu_text),
    patterned(_CPU, "CPU cores as a Kubernetes quantity: 8, 0.5 or 500m"),
    _or_number(_CPU, "number", exclusiveMinimum=0),
]
"""CPU cores as a Kubernetes quantity: `8`, `0.5` or `500m`."""
Bytes = Annotated[
    str,
    BeforeValidator(_quantity_text),
    patterned(_BYTES, "an amount of bytes as a Kubernetes quantity: 32Gi or 500M"),
    _or_number(_BYTES, "integer", minimum=1),
]
"""An amount of memory or storage as a Kubernetes quantity: `32Gi`, `500M`."""
HubId = Annotated[
    str,
    patterned(r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$", "a Hub repository such as Qwen/Qwen3-8B", max_length=200),
]
"""A Hugging Face Hub repository: `owner/name`."""
Revision = Annotated[
    str, patterned(r"^[A-Za-z0-9][\w./-]*$", "a Hub revision: best the 40 digits of a commit", max_length=200)
]
"""A Hub revision: a commit (40 hexadecimal digits) pins it; a branch or tag can move."""
Image = Annotated[
    str,
    patterned(
        rf"^{_REPOSITORY}(:[\w][\w.-]{{0,127}})?(@sha256:[0-9a-f]{{64}})?$",
        "an image reference such as registry.example.com/team/server:1.2.3@sha256:…",
        max_length=500,
    ),
]
"""A container image reference: `registry/name:tag@sha256:…`."""
EnvName = Annotated[
    str, patterned(r"^[A-Za-z_][A-Za-z0-9_]*$", "a variable name: letters, digits and underscores", max_length=256)
]
"""The name of an environment variable."""
LabelKey = Annotated[
    str,
    patterned(
        rf"^({_LABEL}(\.{_LABEL})*/)?[A-Za-z0-9]([-\w.]{{0,61}}[A-Za-z0-9])?$", "a label key such as team or a.io/team"
    ),
]
"""A Kubernetes label or annotation key, optionally with a `prefix/`."""
LabelValue = Annotated[
    str, patterned(r"^([A-Za-z0-9]([-\w.]*[A-Za-z0-9])?)?$", "letters, digits, dashes and dots", max_length=63)
]
"""A Kubernetes label value."""
SecretKey = Annotated[
    str, patterned(r"^[a-z][a-z0-9_]*$", "lower-case letters, digits and underscores, such as hf_token", max_length=63)
]
"""The name of a secret in the stack's configuration, without its namespace: `hf_token`."""


def is_commit(revision: str | None) -> bool:
    """Whether a Hub revision is a full commit hash, which cannot move."""
    return revision is not None and re.fullmatch(r"[0-9a-f]{40}", revision) is not None
