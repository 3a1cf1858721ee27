"""A Pulumi engine that only writes down what a program asks it to register.

Pulumi's own mocks keep types, names and inputs (pulumi/pulumi#14421). What a deployment depends on is in the rest of
the request, so the SDK is given our own monitor and engine instead, through the door its language host uses:
`Settings(monitor=…)` and `run_in_stack`, which the SDK calls internal. Its version is pinned in requirements/.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from google.protobuf import empty_pb2, struct_pb2  # type: ignore[import-untyped]  # protobuf ships no stubs
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from pulumi.runtime import rpc, settings
from pulumi.runtime.proto import engine_pb2, resource_pb2

PROJECT = "inference"
UNKNOWN: str = rpc.UNKNOWN
"""What stands for a value that a preview cannot know."""
_SIGNATURE = rpc._special_sig_key
_SECRET = rpc._special_secret_sig
_WATCHDOG_SECONDS = 60
_STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that Pulumi encrypts in its state and hides in its output."""

    value: Any


@dataclass(frozen=True, slots=True)
class Registration:
    """One RegisterResource request: as it came, and its inputs as plain data."""

    urn: str
    request: Any
    properties: Mapping[str, Any]

    @property
    def type(self) -> str:
        """Its type token."""
        return str(self.request.type)

    @property
    def name(self) -> str:
        """Its Pulumi name."""
        return str(self.request.name)

    @property
    def is_provider(self) -> bool:
        """Whether it is a provider."""
        return self.type.startswith("pulumi:providers:")


@dataclass(slots=True)
class Recorder:
    """One run of a program, its requests kept; also the monitor and the engine that the SDK talks to.

    Attributes:
        stack: the stack's name.
        config: full key to value, as the engine hands it over: objects as JSON text, scalars as text.
        secret_keys: keys of `config` that are secrets.
        preview: whether the program is told that nothing will be changed; ids are then unknown.
        computed: further outputs of a resource by type token, for an update; a preview knows none of them.
        answers: results of provider functions by token. An exception is raised.
    """

    stack: str = "test"
    config: Mapping[str, str] = field(default_factory=dict)
    secret_keys: tuple[str, ...] = ()
    preview: bool = True
    computed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    registered: dict[str, Registration] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    calls: list[Any] = field(default_factory=list)

    def run(self, program: Callable[[], object]) -> Recorder:
        """Run a program to its end; what it raises comes out here.

        Raises:
            AssertionError: when it logs an error, which would fail a deployment without raising anything.
        """
        contextvars.copy_context().run(self._run, program)
        assert not self.errors, self.errors
        return self

    def _run(self, program: Callable[[], object]) -> None:
        settings.ROOT.set(None)
        pulumi.runtime.set_all_config(dict(self.config), list(self.secret_keys))
        pulumi.runtime.configure(
            pulumi.runtime.Settings(
                project=PROJECT, stack=self.stack, monitor=self, engine=self, dry_run=self.preview, organization="test"
            )
        )
        noise = logging.getLogger("asyncio")
        level = noise.level
        # The language host does the same: a failing program leaves futures nobody looks at.
        noise.setLevel(logging.CRITICAL)
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)

        def nothing_back() -> None:
            program()

        try:
            # An output that never resolves would hang for ever.
            loop.run_until_complete(asyncio.wait_for(pulumi.runtime.run_in_stack(nothing_back), _WATCHDOG_SECONDS))
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
            asyncio.set_event_loop(None)
            noise.setLevel(level)

    # What a test asks.

    @property
    def resources(self) -> list[Registration]:
        """Everything but the stack and the providers: components and their resources, in the order they came."""
        return [found for found in self.registered.values() if not found.is_provider and found.type != _STACK]

    @property
    def providers(self) -> dict[str, Registration]:
        """The providers by package."""
        return {found.type.rpartition(":")[2]: found for found in self.registered.values() if found.is_provider}

    @property
    def exports(self) -> dict[str, Any]:
        """The stack's outputs."""
        return next((self.outputs[urn] for urn, found in self.registered.items() if found.type == _STACK), {})

    def named(self, name: str, kind: str = "") -> Registration:
        """The one resource of a name, and of a kind (the last word of the type) where several share the name."""
        (found,) = [each for each in self.resources if each.name == name and kind in ("", each.type.split(":")[-1])]
        return found

    # What the SDK calls, from worker threads; every method is one short write.

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's names, here and below
        """Keep the request; answer as an engine whose provider adds `computed` and assigns an id."""
        urn = self._urn(request)
        assert urn not in self.registered, f"registered twice: {urn}"
        self.registered[urn] = Registration(urn, request, plain(request.object))
        result = struct_pb2.Struct()
        result.CopyFrom(request.object)
        if not self.preview:
            result.update(self.computed.get(request.type, {}))
        known = request.custom and not self.preview
        return resource_pb2.RegisterResourceResponse(urn=urn, id=f"{request.name}-id" if known else "", object=result)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        """Keep a component's or the stack's outputs."""
        self.outputs[request.urn] = plain(request.outputs)
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        """Answer a provider function."""
        self.calls.append(request)
        answer = self.answers[request.tok]
        if isinstance(answer, Exception):
            raise answer
        result = struct_pb2.Struct()
        result.update(answer)
        return resource_pb2.ResourceInvokeResponse(**{"return": result})

    def GetDeploymentInfo(self, request: Any) -> Any:  # noqa: N802
        """Claim every feature, as the newest engine does."""
        return resource_pb2.DeploymentInfo(supportedFeatures=resource_pb2.ResourceMonitorFeature.values())

    def Log(self, request: Any) -> Any:  # noqa: N802
        """Keep warnings and errors."""
        if request.severity == engine_pb2.WARNING:
            self.warnings.append(request.message)
        elif request.severity == engine_pb2.ERROR:
            self.errors.append(request.message)
        return empty_pb2.Empty()

    def SignalAndWaitForShutdown(self, request: Any) -> Any:  # noqa: N802
        """Agree that the program is over."""
        return empty_pb2.Empty()

    def _urn(self, request: Any) -> str:
        """As the engine builds it: the types of all ancestors but the stack (mocks keep the last one only)."""
        above = request.parent.split("::")[2] if request.parent else _STACK
        kind = request.type if above == _STACK else f"{above}${request.type}"
        return f"urn:pulumi:{self.stack}::{PROJECT}::{kind}::{request.name}"


def plain(message: Any) -> Any:
    """A protobuf value as Python data: whole floats as ints, secrets as `Secret`."""
    return normal(MessageToDict(message))


def normal(value: Any) -> Any:
    """Data as it looks after the journey: lists, plain dicts, and ints where a float is whole."""
    if isinstance(value, Mapping):
        if value.get(_SIGNATURE) == _SECRET:
            return Secret(normal(value["value"]))
        return {str(key): normal(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [normal(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
