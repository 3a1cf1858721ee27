"""The real Kubernetes provider, asked directly what a change does, as the CLI asks it during a preview."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import grpc  # type: ignore[import-untyped]  # it has no types
from google.protobuf import empty_pb2, struct_pb2  # type: ignore[import-untyped]  # it has none either
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from .checkout import NOBODY
from .tools import PROVIDER, tool

_SETTINGS = {"kubeconfig": NOBODY, "enableConfigMapMutable": "true", "enableSecretMutable": "true"}
"""As infra/__main__.py makes the provider; what replaces what is its own knowledge, which needs no cluster."""


class Answer(NamedTuple):
    """What the provider says of a change.

    Attributes:
        changes: whether there is anything to do.
        replaces: the fields that replace the resource.
        delete_first: whether the old one is deleted before the new one is made.
    """

    changes: bool
    replaces: tuple[str, ...]
    delete_first: bool


class Provider:
    """A running provider."""

    def __init__(self, stub: provider_pb2_grpc.ResourceProviderStub) -> None:
        self._stub = stub

    def diff(self, token: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Answer:
        """What changing an object from `before` to `after` does."""
        request = provider_pb2.DiffRequest(
            id="any",
            urn=f"urn:pulumi:any::any::{token}::any",
            olds=_struct({**before, "__inputs": before}),
            news=_struct(after),
            old_inputs=_struct(before),
        )
        found = self._stub.Diff(request, timeout=60)
        return Answer(found.changes == found.DIFF_SOME, tuple(found.replaces), found.deleteBeforeReplace)


@contextmanager
def running() -> Iterator[Provider]:
    """Start the provider, and stop it in the end."""
    with _started() as stub:
        variables = {f"kubernetes:config:{key}": value for key, value in _SETTINGS.items()}
        request = provider_pb2.ConfigureRequest(
            variables=variables, args=_struct(_SETTINGS), acceptSecrets=True, acceptResources=True
        )
        stub.Configure(request, timeout=60)
        yield Provider(stub)


def version() -> str:
    """What the provider says its version is, without the `v` that some builds say."""
    with _started() as stub:
        answer = stub.GetPluginInfo(empty_pb2.Empty(), timeout=60)
    return str(answer.version).removeprefix("v")


@contextmanager
def _started() -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    command = [tool(PROVIDER), "127.0.0.1:9"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield provider_pb2_grpc.ResourceProviderStub(channel)
        finally:
            process.kill()


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(dict(values))
    return made
