"""The engine's side of a policy pack: the real pack in a process of its own, spoken to as Pulumi speaks to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc  # type: ignore[import-untyped]  # no stubs
from google.protobuf import empty_pb2, struct_pb2  # type: ignore[import-untyped]  # protobuf ships no stubs
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from tests.contract.program import ROOT
from tests.contract.recorder import Recorder, Registration

_SECONDS = 60


@dataclass(frozen=True)
class Told:
    """What a policy says."""

    policy: str
    level: str
    urn: str
    message: str


class Pack:
    """A pack that runs."""

    def __init__(self, port: str) -> None:
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._stub = analyzer_pb2_grpc.AnalyzerStub(channel)

    def info(self) -> Any:
        """What the pack says of itself."""
        return self._stub.GetAnalyzerInfo(empty_pb2.Empty(), timeout=_SECONDS)

    def configure(self, levels: Mapping[str, Any]) -> None:
        """What `--policy-pack-config` sets: a level a policy."""
        config = {name: analyzer_pb2.PolicyConfig(enforcementLevel=level) for name, level in levels.items()}
        self._stub.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig=config), timeout=_SECONDS)

    def judge(self, recorder: Recorder) -> list[Told]:
        """One run: each resource's inputs while it is registered, then all with what the provider made of them."""
        everything = list(recorder.registered.values())
        said = [*self._each(everything), *self._all(everything)]
        return [
            Told(one.policyName, analyzer_pb2.EnforcementLevel.Name(one.enforcementLevel), one.urn, one.message)
            for one in said
        ]

    def _each(self, resources: Iterable[Registration]) -> Iterator[Any]:
        for one in resources:
            request = analyzer_pb2.AnalyzeRequest(
                type=one.type, properties=one.request.object, urn=one.urn, name=one.name
            )
            yield from self._stub.Analyze(request, timeout=_SECONDS).diagnostics

    def _all(self, resources: list[Registration]) -> Iterator[Any]:
        """Outputs, with what only a server writes, and in another order: the engine promises none."""
        request = analyzer_pb2.AnalyzeStackRequest()
        for one in reversed(resources):
            outputs = struct_pb2.Struct()
            outputs.CopyFrom(one.request.object)
            outputs.update({"status": {"replicas": 1.0}, "spec": {"serverSide": True}})
            request.resources.add(
                type=one.type,
                properties=outputs,
                urn=one.urn,
                name=one.name,
                parent=one.request.parent,
                dependencies=list(one.request.dependencies),
            )
        yield from self._stub.AnalyzeStack(request, timeout=_SECONDS).diagnostics


@contextmanager
def pack(stack: str, config: Mapping[str, str], *, preview: bool = True) -> Iterator[Pack]:
    """Start policy/ as Pulumi's Python host does (pulumi/pulumi sdk/python/lib/pulumi/policy/__main__.py)."""
    environment = os.environ | {
        "PULUMI_CONFIG": json.dumps(dict(config)),
        "PULUMI_PROJECT": "inference",
        "PULUMI_STACK": stack,
        "PULUMI_DRY_RUN": str(preview).lower(),
    }
    command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(ROOT / "policy")]
    with subprocess.Popen(
        command, cwd=ROOT / "policy", env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            port = process.stdout.readline().strip()
            assert port.isdigit(), process.stderr.read() if process.stderr else port
            yield Pack(port)
        finally:
            process.kill()
