"""What `pulumi up` registers is the plan: the real program against a recording engine, for every environment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson  # type: ignore[import-untyped]  # protobuf ships no stubs

from components.core.plan import Item, ItemOutput, Part, Plan, SecretRef
from infra.plan.environments import Loaded, load
from infra.stack.project import load_project

from .program import CERTIFICATE, ENDPOINT, ROOT, SHIPPED, STACKS, recorder_for, secret_value, up
from .recorder import PROJECT, UNKNOWN, Recorder, Registration, Secret, normal

IDENTITIES = Path(__file__).with_name("identity.json")
REFRESH = os.environ.get("GOLDEN_UPDATE") == "1"


@dataclass(frozen=True)
class Run:
    """One environment, planned and deployed."""

    loaded: Loaded
    recorder: Recorder

    @property
    def plan(self) -> Plan:
        return self.loaded.plan

    def of(self, part: Part, item: Item | None = None) -> Registration:
        """What was registered for a part, or for one item of it."""
        return self.recorder.registered[self.urn(part, item)]

    def urn(self, part: Part, item: Item | None = None) -> str:
        """The URN the engine gives it."""
        type_, name = (f"{part.token}${item.type}", item.name) if item else (part.token, part.name)
        return f"urn:pulumi:{self.recorder.stack}::{PROJECT}::{type_}::{name}"

    def urns(self, part: Part, roles: tuple[str, ...] | None = None) -> set[str]:
        """The URNs of a part's items, or of those with certain roles."""
        return {self.urn(part, item) for item in part.items if roles is None or item.role in roles}


@cache
def deployed(name: str, *, preview: bool) -> Run:
    return Run(load(STACKS[name], load_project(ROOT)), up(recorder_for(STACKS[name], preview=preview)))


@pytest.fixture(
    params=[(name, preview) for name in STACKS for preview in (True, False)],
    ids=lambda it: f"{it[0]}-{'preview' if it[1] else 'up'}",
)
def run(request: pytest.FixtureRequest) -> Run:
    name, preview = request.param
    return deployed(name, preview=preview)


def sent(value: Any) -> Any:
    """Planned data as it should arrive: secrets as secrets, tuples as lists."""
    if isinstance(value, SecretRef):
        return Secret(secret_value(value.key))
    if isinstance(value, dict):
        return {key: sent(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [sent(inner) for inner in value]
    return normal(value)


def test_exactly_the_plan_is_registered(run: Run) -> None:
    planned = [run.urn(part) for part in run.plan.parts] + [run.urn(part, item) for part, item in run.plan.items()]
    assert sorted(found.urn for found in run.recorder.resources) == sorted(planned)


def test_every_resource_has_exactly_the_planned_properties(run: Run) -> None:
    for part, item in run.plan.items():
        assert run.of(part, item).properties == sent(item.properties), run.urn(part, item)
    for part in run.plan.parts:
        assert run.of(part).properties == {}


def test_resources_belong_to_their_component_and_components_to_the_stack(run: Run) -> None:
    stack = f"urn:pulumi:{run.recorder.stack}::{PROJECT}::pulumi:pulumi:Stack::{PROJECT}-{run.recorder.stack}"
    for part in run.plan.parts:
        assert run.of(part).request.parent == stack
        assert not run.of(part).request.custom
        assert run.of(part).type.startswith("inference:index:")
    for part, item in run.plan.items():
        assert run.of(part, item).request.parent == run.urn(part)


def test_order_is_kept_within_and_between_parts(run: Run) -> None:
    """What a component depends on, the engine makes its children wait for too, and destroys after them."""
    parts = {part.key: part for part in run.plan.parts}
    for part in run.plan.parts:
        before = set[str]().union(*(run.urns(parts[key]) for key in part.after))
        assert set(run.of(part).request.dependencies) == before, part.key
        for item in part.items:
            assert set(run.of(part, item).request.dependencies) == run.urns(part, item.after), item.name


def test_protection_ignored_changes_and_timeouts_are_the_plans(run: Run) -> None:
    for part, item in run.plan.items():
        request = run.of(part, item).request
        timeouts = request.customTimeouts
        duration = f"{item.timeout_seconds}s" if item.timeout_seconds else ""
        assert request.protect == item.protect, item.name
        assert tuple(request.ignoreChanges) == item.ignore_changes, item.name
        assert (timeouts.create, timeouts.update, timeouts.delete) == (duration, duration, ""), item.name


def test_no_resource_uses_an_option_that_the_plan_does_not_know(run: Run) -> None:
    for found in run.recorder.resources:
        request = found.request
        assert not any((
            request.importId, request.retainOnDelete, request.deletedWith, request.replaceOnChanges,
            request.deleteBeforeReplace, request.remote, request.additionalSecretOutputs, request.transforms,
        )), found.urn  # fmt: skip


def test_only_a_model_server_was_ever_called_anything_else(run: Run) -> None:
    siblings = {(part.token, part.name): part.siblings for part in run.plan.parts}
    for found in run.recorder.resources:
        aliases = [alias.spec.type.rpartition(":")[2] for alias in found.request.aliases]
        assert tuple(aliases) == siblings.get((found.type, found.name), ()), found.urn


def test_every_resource_names_its_provider_and_the_plugin_of_the_installed_sdk(run: Run) -> None:
    providers = run.recorder.providers
    for part, item in run.plan.items():
        request, provider = run.of(part, item).request, providers[item.provider.name]
        name = UNKNOWN if run.recorder.preview else f"{provider.name}-id"
        assert request.provider == f"{provider.urn}::{name}", item.name
        assert request.version == version(item.provider.plugin)
    for package, provider in providers.items():
        assert provider.request.version == version(f"pulumi-{package}")
        assert not provider.request.dependencies or package == "kubernetes"


def test_default_providers_are_disabled_for_all_stacks() -> None:
    disabled = load_project(ROOT).config["pulumi:disable-default-providers"].given
    assert disabled == ["*"] or json.loads(disabled) == ["*"]


def test_there_are_no_more_providers_than_the_cluster_needs(run: Run) -> None:
    needed = {"kubernetes"} if run.loaded.environment.cluster.kind == "kubeconfig" else {"gcp", "kubernetes"}
    assert run.recorder.providers.keys() == needed


def test_the_kubernetes_provider_is_known_by_an_identifier_that_previews_know(run: Run) -> None:
    cluster = run.loaded.environment.cluster
    inputs = run.recorder.providers["kubernetes"].properties
    assert (inputs["enableConfigMapMutable"], inputs["enableSecretMutable"]) == ("true", "true")
    if cluster.kind == "kubeconfig":
        assert inputs["clusterIdentifier"] == f"kubeconfig/{run.loaded.plan.environment}"
        assert Path(inputs["kubeconfig"]) == Path("~/.kube/config").expanduser().resolve()
        return
    place = f"projects/{cluster.project}/locations/{cluster.location}/clusters/{cluster.name}"
    assert inputs["clusterIdentifier"] == place
    if cluster.kind == "gke" and run.recorder.preview:
        assert inputs["kubeconfig"] == UNKNOWN
        return
    kubeconfig = json.loads(inputs["kubeconfig"])
    assert kubeconfig["clusters"][0]["cluster"] == {
        "server": f"https://{ENDPOINT}",
        "certificate-authority-data": CERTIFICATE,
    }
    assert kubeconfig["users"][0]["user"].keys() == {"exec"}


def test_the_google_provider_is_bound_to_the_clusters_project(run: Run) -> None:
    if "gcp" in run.recorder.providers:
        cluster: Any = run.loaded.environment.cluster
        assert run.recorder.providers["gcp"].properties["project"] == cluster.project


def test_components_register_the_planned_outputs(run: Run) -> None:
    late = UNKNOWN if run.recorder.preview else None
    for part in run.plan.parts:
        outputs = run.recorder.outputs[run.urn(part)]
        assert outputs.keys() == part.outputs.keys(), part.key
        for name, value in part.outputs.items():
            if not isinstance(value, ItemOutput):
                assert outputs[name] == sent(value), (part.key, name)
            elif name in ("endpoint", "ca_certificate"):
                assert outputs[name] == (late or {"endpoint": ENDPOINT, "ca_certificate": CERTIFICATE}[name])
            else:
                assert outputs[name], (part.key, name)


def test_the_stack_exports_what_the_plan_exports(run: Run) -> None:
    assert run.recorder.exports == sent(run.plan.exports)


def test_secrets_reach_pulumi_as_secrets_and_nowhere_in_plain_text(run: Run) -> None:
    secrets = [secret_value(key) for key in run.loaded.stack.secrets]
    for found in run.recorder.registered.values():
        text = MessageToJson(found.request)
        for value in secrets:
            wrapped = json.dumps(list(_secrets(found.properties)))
            assert text.count(value) == wrapped.count(value), found.urn
    said = json.dumps([list(run.recorder.outputs.values()), run.recorder.warnings], default=repr)
    assert not [value for value in secrets if value in said]


def test_the_stack_with_secrets_has_some_to_hide() -> None:
    recorder = deployed("everything", preview=False).recorder
    found = [value for each in recorder.resources for value in _secrets(each.properties)]
    assert sorted(found) == ["value-of-hf_token", "value-of-team_token"]


def _secrets(value: Any) -> Iterator[Any]:
    if isinstance(value, Secret):
        yield value.value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _secrets(inner)


@pytest.mark.parametrize("name", STACKS)
def test_nothing_is_created_only_once_other_things_are_known(name: str) -> None:
    """A resource created inside `apply` is missing from a preview, where nothing is known (pulumi/pulumi#10233)."""
    preview, update = (deployed(name, preview=preview).recorder.registered for preview in (True, False))
    assert preview.keys() == update.keys()


def test_identities_do_not_change_by_surprise() -> None:
    """Type, parents' types and name are a resource's identity in the state of every stack that is deployed."""
    found = {
        name: sorted(urn.split("::", 2)[2] for urn in deployed(name, preview=True).recorder.registered)
        for name in SHIPPED
    }
    if REFRESH:
        IDENTITIES.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    known: dict[str, list[str]] = json.loads(IDENTITIES.read_text(encoding="utf-8"))
    for name in sorted(found.keys() | known.keys()):
        gone = sorted(set(known.get(name, ())) - set(found.get(name, ())))
        new = sorted(set(found.get(name, ())) - set(known.get(name, ())))
        assert not gone, (
            f"{name}: pulumi up would delete {gone}" + (f" and create {new}" if new else "") + ". If these are the "
            "same resources under new names, keep the names or register them with an alias; if they are meant to "
            "go, run `make golden` and say so in CHANGELOG.md"
        )
        assert not new, f"{name}: {new} are new; if they are meant, run `make golden`"
