"""Raw tokens ask for the same as Pulumi's typed classes, for every kind that any environment has."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import Any

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as kubernetes
import pytest

from components.classes.component import Component
from components.core.plan import Item, Part, SecretRef
from components.core.providers import HELM_RELEASE
from infra.plan.environments import load
from infra.stack.project import load_project

from .program import ROOT, STACKS
from .recorder import Recorder, Registration, Secret

VALUE = "what a secret holds"
_SECRET_OUTPUTS = {
    # The provider marks them itself, whoever registers (pulumi-kubernetes@94977969 provider/pkg/provider/provider.go,
    # annotateSecrets).
    "kubernetes:core/v1:Secret": {"data", "stringData"},
    # Copies of the labels, which hold no secret: they are in the stack file.
    "gcp:container/cluster:Cluster": {"effectiveLabels", "pulumiLabels"},
}
"""Outputs that the typed classes name as secret, and we leave to the providers."""
_TYPED_INPUTS = {
    # A constant of the schema that no code of the provider reads (pulumi-kubernetes@94977969 provider/pkg/gen/
    # overlays.go is the only place that has it).
    HELM_RELEASE: {"compat": "true"},
}
"""Inputs that only the typed classes send."""


@cache
def samples() -> dict[str, Item]:
    """The largest item of each type over all environments."""
    found: dict[str, Item] = {}
    for path in STACKS.values():
        plan = load(path, load_project(ROOT)).plan
        for item in (item for part in plan.parts for item in part.items):
            if item.type not in found or len(repr(item.properties)) > len(repr(found[item.type].properties)):
                found[item.type] = item
    return found


def typed(item: Item) -> None:
    """Register the same with the class that the SDK has for it."""
    arguments = {_snake(key): _given(value) for key, value in item.properties.items()}
    if item.type == HELM_RELEASE:
        kubernetes.helm.v3.Release(item.name, **arguments)
    elif not item.provider.in_cluster:
        getattr(gcp.container, item.kind)(item.name, **arguments)
    elif (cls := _class(item)) is not None:
        cls(item.name, **arguments)
    else:
        kubernetes.apiextensions.CustomResource(item.name, **arguments)


def _class(item: Item) -> Any:
    """The typed class of a built-in kind; `None` for a custom one."""
    group, _, release = item.type.split(":")[1].partition("/")
    try:
        module = import_module(f"pulumi_kubernetes.{group.split('.')[0]}.{release}")
    except ModuleNotFoundError:
        return None
    return getattr(module, item.kind, None)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _given(value: Any) -> Any:
    if isinstance(value, SecretRef):
        return pulumi.Output.secret(VALUE)
    if isinstance(value, dict):
        return {key: _given(inner) for key, inner in value.items()}
    return [_given(inner) for inner in value] if isinstance(value, list | tuple) else value


def raw(item: Item) -> None:
    """Register it as we do."""
    alone = Item(item.role, item.type, item.name, item.properties)
    Component(Part("Sample", "sample", (alone,)), values={"hf_token": VALUE, "team_token": VALUE})


def registered(item: Item, register: Any) -> Registration:
    return Recorder().run(lambda: register(item)).named(item.name, item.kind)


@pytest.mark.parametrize("type_", sorted(samples()))
def test_a_raw_token_sends_what_the_typed_class_sends(type_: str) -> None:
    item = samples()[type_]
    ours, theirs = registered(item, raw), registered(item, typed)
    assert ours.type == theirs.type
    assert ours.request.version == theirs.request.version
    assert ours.request.pluginDownloadURL == theirs.request.pluginDownloadURL
    assert _plain(ours.properties) | _TYPED_INPUTS.get(type_, {}) == _plain(theirs.properties)
    assert set(theirs.request.additionalSecretOutputs) == _SECRET_OUTPUTS.get(type_, set())


def _plain(value: Any) -> Any:
    """Without the marks of secrets: the typed Secret marks all of stringData, we mark the value."""
    value = value.value if isinstance(value, Secret) else value
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def test_the_sample_has_custom_kinds_a_chart_and_google_resources() -> None:
    istio = "kubernetes:networking.istio.io/v1:VirtualService"
    assert {HELM_RELEASE, "gcp:container/cluster:Cluster", "kubernetes:core/v1:Secret", istio} <= samples().keys()
