"""What the hardening rules refuse, expect and never show."""

from __future__ import annotations

from typing import Any

import pytest

from components.core.manifest import object_item
from components.core.plan import Item, Part, Plan, SecretRef
from components.engines.image_facts import with_digest
from components.engines.registry import EngineConfig
from components.kinds.pod import pod_template
from components.tenancy.pod_security import level_reached

from .plans import (
    COMMIT,
    CUSTOM,
    TGI,
    added,
    container,
    edited,
    exchanged,
    findings,
    llama,
    notes,
    only,
    pod,
    put,
    serving,
    sound,
    variable,
    with_llama,
)


def test_root_is_expected_of_images_that_cannot_do_without() -> None:
    mirror = TGI | {"image": f"mirror.example.com/hf/text-generation-inference:3.3.6@sha256:{'b' * 64}"}
    assert findings(with_llama(engine=mirror), "runs-as-root") == []
    assert only(with_llama(engine=CUSTOM, security={"user": 0}), "runs-as-root")[1] == (
        "Deployment llama: container server runs as user 0; the image server is not known to need root"
    )


def test_all_that_a_container_lacks_is_one_finding() -> None:
    plan = llama(container(lambda target: target.pop("securityContext")))
    at, message, remedies = only(plan, "container-not-hardened")
    assert at == "models.llama.security"
    assert message == (
        "Deployment llama: container tgi has a writable root filesystem, may escalate privileges, does not drop ALL "
        "capabilities; the image text-generation-inference is not known to need that"
    )
    assert remedies == (
        "readOnlyRootFilesystem: true, with an emptyDir where it writes",
        "allowPrivilegeEscalation: false",
        "capabilities: {drop: [ALL]}",
    )


@pytest.mark.parametrize("field", ["hostNetwork", "hostPID", "hostIPC"])
def test_a_pod_that_shares_the_node_is_refused(field: str) -> None:
    assert findings(llama(pod(put(**{field: True}))), "pod-not-isolated")
    assert findings(llama(pod(put(**{field: True}))), "refused-by-pod-security")


def test_host_folders_are_refused_but_for_images_that_need_them() -> None:
    plan = llama(pod(lambda spec: spec["volumes"].append({"name": "node", "hostPath": {"path": "/var/run"}})))
    assert "shares its folders /var/run" in only(plan, "pod-not-isolated")[1]


def test_a_token_is_mounted_only_where_a_role_is_bound() -> None:
    plan = llama(pod(put(automountServiceAccountToken=True)))
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "llama", "namespace": "inference"},
        "subjects": [{"kind": "ServiceAccount", "name": "llama", "namespace": "inference"}],
    }
    assert findings(plan, "pod-not-isolated")
    assert findings(added(plan, Part("Other", "a", (object_item("b", "a", binding),))), "pod-not-isolated") == []


def test_a_policy_for_one_direction_leaves_the_other_open() -> None:
    def ingress_only(manifest: dict[str, Any]) -> None:
        manifest["spec"]["policyTypes"] = ["Ingress"]

    plan = edited(sound(), "ModelServer/llama", "network-policy", ingress_only)
    plan = edited(plan, "Namespace/inference", "default-deny", ingress_only)
    messages = [finding.message for finding in findings(plan, "no-network-policy")]
    assert messages == [
        "Deployment llama: its pods may call everything: no NetworkPolicy in inference selects them for Egress"
    ]


@pytest.mark.parametrize(("engine", "level"), [(TGI, "baseline"), (CUSTOM, "restricted")], ids=["tgi", "custom"])
def test_the_pod_security_level_is_what_the_engine_says(engine: EngineConfig, level: str) -> None:
    part = serving("x", engine=engine)  # type: ignore[arg-type]  # a mapping that becomes one
    deployment = next(item for item in part.items if item.kind == "Deployment")
    assert level_reached(pod_template(deployment.properties["spec"]["template"])) == level


@pytest.mark.parametrize("tag", ["latest", "main", "nightly", "latest-cuda", "dev"])
def test_a_moving_tag_is_refused(tag: str) -> None:
    plan = with_llama(engine=CUSTOM | {"image": f"registry.example.com:5000/server:{tag}"})
    assert f"with the tag {tag}, which moves" in only(plan, "moving-image")[1]
    assert findings(plan, "image-without-digest") == []


def test_a_registry_port_is_not_a_tag() -> None:
    plan = with_llama(engine=CUSTOM | {"image": "registry.example.com:5000/server"})
    assert "with no tag, which means latest" in only(plan, "moving-image")[1]


def test_a_known_digest_is_offered_whole() -> None:
    plan = with_llama(engine=CUSTOM | {"image": "vllm/vllm-openai:v0.30.0"})
    assert only(plan, "image-without-digest")[2] == (with_digest("vllm/vllm-openai", "v0.30.0"),)


def test_one_image_in_several_versions_of_a_server_is_told_once() -> None:
    chat = serving("chat", engine=TGI | {"version": "3.3.6"}, rollout={"kind": "blue-green", "active": "blue"})
    assert len(findings(exchanged(sound(), "BlueGreen/chat", chat), "image-without-digest")) == 1


@pytest.mark.parametrize("revision", [None, "main", COMMIT[:7]])
def test_only_a_whole_commit_pins_a_model(revision: str | None) -> None:
    assert findings(with_llama(revision=revision), "model-not-pinned")


TOKEN = "hf_" + "a1B2c3D4e5F6"


@pytest.mark.parametrize(
    "plan",
    [
        variable("HF_TOKEN", TOKEN),
        variable("DB_PASSWORD", "correct horse"),
        llama(container(lambda target: target["args"].append(f"--token={TOKEN}"))),
        llama(notes(put(note=TOKEN))),
        edited(sound(), "DcgmExporter/dcgm-exporter", "counters", lambda manifest: manifest["data"].update(a=TOKEN)),
        edited(sound(), "Canary/small", "hf-token", lambda manifest: manifest["stringData"].update(key="x")),
        added(
            sound(),
            Part(
                "Chart",
                "some",
                (
                    Item(
                        "release",
                        "kubernetes:helm.sh/v3:Release",
                        "some",
                        {"name": "some", "values": {"a": [{"b": TOKEN}]}},
                    ),
                ),
            ),
        ),
    ],
    ids=["variable", "variable by name", "argument", "annotation", "ConfigMap", "Secret", "chart"],
)
def test_a_secret_in_plain_text_is_found_wherever_it_stands_and_never_shown(plan: Plan) -> None:
    (finding,) = findings(plan, "plaintext-secret")
    text = repr(finding)
    assert TOKEN not in text
    assert "correct horse" not in text


def test_a_reference_to_a_secret_is_no_secret() -> None:
    plan = edited(
        sound(), "Canary/small", "hf-token", lambda manifest: manifest.update(data={"k": SecretRef("hf_token")})
    )
    assert findings(plan, "plaintext-secret") == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("MAX_TOTAL_TOKENS", "4096"), ("TOKENIZERS_PARALLELISM", "false"), ("HF_TOKEN_PATH", "/var/run/token")],
)
def test_numbers_switches_and_paths_are_no_secrets_whatever_they_are_called(name: str, value: str) -> None:
    assert findings(variable(name, value), "plaintext-secret") == []
