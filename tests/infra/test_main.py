"""The program that Pulumi runs: what it refuses, and that it has registered nothing when it does."""

from __future__ import annotations

import copy
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # it ships no stubs
import pulumi
import pytest

import infra.preflight
from components.core.errors import ConfigError
from components.gpu.kubeconfig import gke_kubeconfig
from infra.plan.kubeconfig import kubeconfig_file
from infra.stack.stackfile import load_stack
from tests.contract.program import ANSWERS, CERTIFICATE, COMPUTED, ENDPOINT, ROOT, STACKS, handed_over, up
from tests.contract.recorder import Recorder

VALUE = "hf_abcdefghijklmnop"
GET_CLUSTER = "gcp:container/getCluster:getCluster"


def recorder(
    stack: str,
    change: Callable[[dict[str, Any]], object] = lambda values: None,
    *,
    secrets: Mapping[str, str] | None = None,
    preview: bool = False,
    answers: Mapping[str, Any] = ANSWERS,
) -> Recorder:
    """An engine with a changed environment."""
    values = copy.deepcopy(dict(load_stack(STACKS[stack]).values))
    change(values)
    config, keys = handed_over(values, secrets or {})
    return Recorder(stack, config, keys, preview, COMPUTED, answers)


def refusal(engine: Recorder, missing: tuple[str, ...] = ()) -> str:
    """What a run ends with; it must not have registered anything of the plan."""
    with pytest.raises(pulumi.RunError) as caught:
        up(engine, missing=missing)
    assert engine.resources == []
    assert engine.exports == {}
    assert VALUE not in str(caught.value)
    return str(caught.value)


def token_from_stack(values: dict[str, Any]) -> None:
    values["models"]["qwen"]["hf_token"] = {"kind": "pulumi"}


def test_a_misspelt_section_is_refused_and_the_right_one_named() -> None:
    said = refusal(recorder("local", lambda values: values.update(modells=values.pop("models"))))
    assert said.startswith(
        "stack local cannot be deployed as it is written:\nmodells: unknown section; did you mean models?"
    )


def test_a_misspelt_field_is_refused_with_its_path() -> None:
    said = refusal(recorder("local", lambda values: values["models"]["qwen"].update(replica=2)))
    assert "models.qwen.replica: unknown field; did you mean replicas?" in said


def test_every_problem_is_told_at_once() -> None:
    def change(values: dict[str, Any]) -> None:
        values["models"]["qwen"].update(runs_on=["nowhere"])
        values["traffic"] = {"r": {"model": "gone", "hosts": ["a.example.com"], "rules": [{"to": {"gone": 100}}]}}

    said = refusal(recorder("local", change))
    assert "models.qwen.runs_on[0]" in said
    assert "traffic.r" in said


def test_a_missing_secret_is_told_with_the_command_that_sets_it() -> None:
    said = refusal(recorder("local", token_from_stack))
    assert "models.qwen.hf_token.secret" in said
    assert "pulumi config set --secret inference:hf_token" in said


def test_a_secret_that_is_there_is_used_and_stays_secret() -> None:
    engine = up(recorder("local", token_from_stack, secrets={"hf_token": VALUE}))
    text = json.dumps([found.properties for found in engine.resources], default=lambda secret: "secret")
    assert VALUE not in text
    assert engine.named("qwen-hf-token").properties["stringData"]["token"].value == VALUE


def test_a_secret_in_plain_text_is_refused_and_not_repeated() -> None:
    said = refusal(recorder("local", lambda values: values.update(hf_token=VALUE)))
    assert "hf_token: is plain text" in said
    assert "pulumi config set --secret inference:hf_token" in said


def test_a_section_with_an_encrypted_value_in_it_is_refused() -> None:
    """Pulumi would hand it over decrypted, and nothing says which part was the secret (pulumi/pulumi#7127)."""
    models = load_stack(STACKS["local"]).values["models"]
    engine = recorder("local", lambda values: values.pop("models"), secrets={"models": json.dumps(models)})
    assert "models: holds an encrypted value" in refusal(engine)


def test_a_section_that_is_no_mapping_is_refused() -> None:
    assert "models" in refusal(recorder("local", lambda values: values.update(models="[qwen")))


def test_a_plan_that_would_not_work_is_refused() -> None:
    def change(values: dict[str, Any]) -> None:
        values["models"]["llama"]["engine"]["image"] = "ghcr.io/huggingface/text-generation-inference:latest"

    said = refusal(recorder("staging", change))
    assert said.startswith("stack staging would not work; `infra check staging` says how to fix it:\nmodels.llama")


def test_an_accepted_finding_lets_the_plan_through_until_its_day() -> None:
    def change(until: str) -> Callable[[dict[str, Any]], None]:
        def apply(values: dict[str, Any]) -> None:
            values["models"]["llama"]["engine"]["image"] = "ghcr.io/huggingface/text-generation-inference:latest"
            waiver = {"rule": "moving-image", "reason": "only for this test", "until": until}
            values["policy"] = {"waive": [waiver]}

        return apply

    assert up(recorder("staging", change("2199-12-31"))).resources
    assert "expired-waiver" in refusal(recorder("staging", change("2020-01-01")))


def test_warnings_of_the_proofs_are_logged() -> None:
    assert [line for line in up(recorder("prod")).warnings if "[image-without-digest]" in line]


def test_what_is_missing_stops_an_update_and_is_a_warning_to_a_preview() -> None:
    missing = ("addons.istio: is not there", "addons.keda: is not there")
    said = refusal(recorder("local"), missing)
    assert said.splitlines()[1:] == list(missing)
    preview = up(recorder("local", preview=True), missing=missing)
    assert preview.resources
    assert preview.warnings == list(missing)


def test_the_cluster_is_looked_at_before_anything_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    engines: list[Recorder] = []
    seen: list[tuple[Any, Any]] = []

    def look(environment: object, kubeconfig: Any, context: Any) -> list[str]:
        assert engines[-1].resources == []
        seen.append((kubeconfig, context))
        return []

    monkeypatch.setattr(infra.preflight, "missing", look)
    monkeypatch.setenv("KUBECONFIG", "here/config")
    for stack in ("local", "staging", "dev"):
        engines.append(
            recorder(
                stack,
                lambda values: (
                    values["cluster"].get("kind") == "kubeconfig" and values["cluster"].update(context="kind-kind")
                ),
            )
        )
        up(engines[-1], missing=None)
    # A cluster that is yet to be made cannot be looked at.
    assert seen == [
        (ROOT / "here" / "config", "kind-kind"),
        (gke_kubeconfig(ENDPOINT, CERTIFICATE, "staging"), None),
    ]


def test_the_context_is_handed_to_the_provider() -> None:
    engine = up(recorder("local", lambda values: values["cluster"].update(context="kind-kind")))
    provider = engine.providers["kubernetes"].properties
    assert (provider["context"], provider["clusterIdentifier"]) == ("kind-kind", "kubeconfig/local")


def test_an_adopted_cluster_is_looked_up_by_the_explicit_provider() -> None:
    engine = up(recorder("staging"))
    (call,) = engine.calls
    assert call.provider.startswith(engine.providers["gcp"].urn)
    assert dict(call.args) == {"name": "staging", "location": "us-central1", "project": "example-project"}


class _CallError(grpc.RpcError):  # type: ignore[misc]
    """What gRPC raises when the provider cannot answer."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return "googleapi: Error 404: Not found: clusters/staging., notFound"


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (_CallError(), "cannot be read; is it there, and are you logged in"),
        ({}, "has no control plane"),
        ({"endpoint": "", "masterAuths": []}, "has no control plane"),
    ],
)
def test_an_adopted_cluster_that_cannot_be_used_is_told(preview: bool, answer: Any, says: str) -> None:
    said = refusal(recorder("staging", preview=preview, answers={GET_CLUSTER: answer}))
    assert said.startswith(f"cluster: staging in us-central1 of project example-project {says}")


@pytest.mark.parametrize(
    ("path", "variable", "expected"),
    [
        (None, "", Path("~/.kube/config").expanduser()),
        (None, "/etc/kube/config", Path("/etc/kube/config")),
        (None, "kubeconfigs/kind", ROOT / "kubeconfigs" / "kind"),
        (None, f"{os.pathsep}kind{os.pathsep}", ROOT / "kind"),
        ("kubeconfigs/kind", "/etc/kube/config", ROOT / "kubeconfigs" / "kind"),
        ("~/kind", "", Path("~/kind").expanduser()),
        ("kind", f"a{os.pathsep}b", ROOT / "kind"),
    ],
)
def test_a_kubeconfig_is_found_as_kubectl_finds_it_from_the_repositorys_root(
    path: str | None, variable: str, expected: Path
) -> None:
    assert kubeconfig_file(path, {"KUBECONFIG": variable}) == expected.resolve()


def test_several_kubeconfigs_are_refused_because_the_provider_reads_one() -> None:
    with pytest.raises(ConfigError, match=r"cluster\.path: is not set, and KUBECONFIG lists 2 files"):
        kubeconfig_file(None, {"KUBECONFIG": f"a{os.pathsep}b"})


def test_no_module_of_the_programs_folder_hides_one_of_pythons_own() -> None:
    """Pulumi runs infra/ as a folder, which puts it before the standard library."""
    assert {path.stem for path in (ROOT / "infra").glob("*.py")} & sys.stdlib_module_names == set()
