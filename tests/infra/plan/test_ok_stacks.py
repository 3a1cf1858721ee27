"""Rich stacks that are right: each is proved, planned and rendered, and what it shows off is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.cli import main
from tests.rendered import ROOT, objects, parsed, render_stack

FOLDER = ROOT / "tests" / "stacks" / "ok"
FILES = sorted(FOLDER.glob("*.yaml"))


def files_of(name: str, tmp_path: Path) -> dict[str, bytes]:
    return render_stack(FOLDER / f"{name}.yaml", tmp_path / name)


def pod_of(files: dict[str, bytes], deployment: str) -> dict[str, Any]:
    found = next(one for one in objects(files, "Deployment") if one["metadata"]["name"] == deployment)
    return dict(found["spec"]["template"]["spec"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_right_stack_is_proved_from_any_folder(
    file: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = main(["check", "--stack", str(file), "--format", "json"])
    printed = capsys.readouterr()
    (checked,) = json.loads(printed.out)["environments"]
    assert (code, printed.err) == (0, "")
    assert [finding for finding in checked["findings"] if finding["severity"] == "error"] == []
    assert file.read_text().startswith("# "), "its first line says what it shows"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_right_stack_renders_to_the_same_bytes_each_time(file: Path, tmp_path: Path) -> None:
    assert render_stack(file, tmp_path / "one") == render_stack(file, tmp_path / "two")


def test_autopilot_has_no_pools_and_its_pods_select_what_gke_shall_make(tmp_path: Path) -> None:
    files = files_of("autopilot", tmp_path)
    assert [path for path in files if path.startswith("cloud/")] == ["cloud/cluster-autopilot.yaml"]
    pod = pod_of(files, "llama")
    assert pod["nodeSelector"]["cloud.google.com/gke-accelerator"] == "nvidia-l4"
    assert "tolerations" not in pod


def test_a_secret_of_the_stack_is_a_placeholder_and_its_ciphertext_is_nowhere(tmp_path: Path) -> None:
    files = files_of("pulumi-secret", tmp_path)
    secret = parsed(files, "kubernetes/inference/secret-llama-hf-token.yaml")
    assert secret["stringData"] == {"token": "${secret:hub_token}"}
    assert not [path for path, content in files.items() if b"v1:AAAA" in content]
    listed = files["kubernetes/kustomization.yaml"].decode()
    assert "secret-llama-hf-token.yaml" not in listed, "a placeholder must not be applied"


def test_every_token_source_ends_in_the_same_variable(tmp_path: Path) -> None:
    files = files_of("token-sources", tmp_path)
    found = {
        name: next(entry for entry in pod_of(files, name)["containers"][0]["env"] if entry["name"] == "HF_TOKEN")
        for name in ("existing", "external", "manager")
    }
    refs = {name: entry["valueFrom"]["secretKeyRef"] for name, entry in found.items()}
    assert refs == {
        "existing": {"name": "team-token", "key": "hf"},
        "external": {"name": "external-hf-token", "key": "token"},
        "manager": {"name": "manager-hf-token", "key": "token"},
    }


def test_a_balancer_is_inside_the_vpc_unless_asked_for(tmp_path: Path) -> None:
    files = files_of("load-balancer", tmp_path)
    inside, outside = (parsed(files, f"kubernetes/inference/service-{name}.yaml") for name in ("inside", "outside"))
    assert inside["metadata"]["annotations"] == {"networking.gke.io/load-balancer-type": "Internal"}
    assert "annotations" not in outside["metadata"]
    assert outside["spec"]["loadBalancerSourceRanges"] == ["203.0.113.0/24"]


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        ("turns", {"gpuSharingConfig": {"gpuSharingStrategy": "TIME_SHARING", "maxSharedClientsPerGpu": 4}}),
        ("side-by-side", {"gpuSharingConfig": {"gpuSharingStrategy": "MPS", "maxSharedClientsPerGpu": 2}}),
        ("slices", {"gpuPartitionSize": "1g.5gb"}),
    ],
)
def test_a_gpu_is_shared_as_its_pool_says(pool: str, expected: dict[str, Any], tmp_path: Path) -> None:
    config = parsed(files_of("shared-gpus", tmp_path), f"cloud/nodepool-{pool}.yaml")["properties"]["nodeConfig"]
    assert expected.items() <= config["guestAccelerators"][0].items()


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        ("spot", {"spot": True}),
        ("flex", {"flexStart": True, "maxRunDuration": "86400s"}),
        (
            "reserved",
            {
                "reservationAffinity": {
                    "consumeReservationType": "SPECIFIC_RESERVATION",
                    "key": "compute.googleapis.com/reservation-name",
                    "values": ["projects/other-project/reservations/a100-80gb"],
                }
            },
        ),
    ],
)
def test_a_machine_is_bought_as_its_pool_says(pool: str, expected: dict[str, Any], tmp_path: Path) -> None:
    config = parsed(files_of("scarce-gpus", tmp_path), f"cloud/nodepool-{pool}.yaml")["properties"]["nodeConfig"]
    assert expected.items() <= config.items()


def test_a_compute_class_keeps_the_order_of_its_choices(tmp_path: Path) -> None:
    files = files_of("compute-class", tmp_path)
    spec = parsed(files, "kubernetes/_cluster/computeclass-flexible.yaml")["spec"]
    first, second, third = spec["priorities"]
    assert first == {"nodepools": ["l4"]}
    assert (second["spot"], third["flexStart"]) == (True, {"enabled": True})
    assert pod_of(files, "qwen")["nodeSelector"] == {"cloud.google.com/compute-class": "flexible"}


def test_each_kind_of_cache_becomes_its_own_volume(tmp_path: Path) -> None:
    files = files_of("caches", tmp_path)
    volumes = {name: pod_of(files, name)["volumes"][0] for name in ("node", "replica", "claim", "existing")}
    assert volumes["node"]["emptyDir"] == {"sizeLimit": "40Gi"}
    template = volumes["replica"]["ephemeral"]["volumeClaimTemplate"]
    assert template["spec"]["storageClassName"] == "premium-rwo"
    assert volumes["claim"]["persistentVolumeClaim"] == {"claimName": "claim-cache"}
    assert volumes["existing"]["persistentVolumeClaim"] == {"claimName": "weights", "readOnly": True}
    assert [one["metadata"]["name"] for one in objects(files, "PersistentVolumeClaim")] == ["claim-cache"]


def test_weights_that_are_there_already_come_in_the_way_their_cache_says(tmp_path: Path) -> None:
    files = files_of("loading", tmp_path)
    sources = {name: pod_of(files, name)["volumes"][0] for name in ("bucket", "disk", "image", "shared-claim")}
    assert sources["bucket"]["csi"]["volumeAttributes"]["bucketName"] == "example-weights"
    assert sources["disk"]["persistentVolumeClaim"]["readOnly"] is True
    assert "@sha256:" in sources["image"]["image"]["reference"]
    assert sources["shared-claim"]["persistentVolumeClaim"] == {"claimName": "shared-claim-cache"}
    assert len(objects(files, "Job")) == 2
    assert len(objects(files, "StorageClass")) == len(objects(files, "PersistentVolume")) == 1


def test_a_tree_waits_for_the_job_that_fills_a_claim_before_its_server_is_applied(tmp_path: Path) -> None:
    stages = files_of("loading", tmp_path)["kubernetes/stages.txt"].decode().splitlines()
    job = next(number for number, line in enumerate(stages) if "wait --for=condition=complete" in line)
    server = next(number for number, line in enumerate(stages) if "deployment-shared-claim.yaml" in line)
    assert job < server
    assert "--timeout=7200s" in stages[job]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("prometheus-managed", "PodMonitoring"),
        ("prometheus-operator", "PodMonitor"),
        ("prometheus-standalone", None),
        ("prometheus-none", None),
    ],
)
def test_pods_are_read_the_way_their_prometheus_wants(name: str, kind: str | None, tmp_path: Path) -> None:
    files = files_of(name, tmp_path)
    found = {kind for kind in ("PodMonitoring", "PodMonitor") if objects(files, kind)}
    assert found == ({kind} if kind else set())


def test_an_operators_own_label_is_on_every_pod_monitor(tmp_path: Path) -> None:
    (monitor,) = objects(files_of("prometheus-operator", tmp_path), "PodMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


def test_pools_of_another_cloud_are_described_and_not_made(tmp_path: Path) -> None:
    files = files_of("kubeconfig-pools", tmp_path)
    assert not [path for path in files if path.startswith("cloud/")]
    assert pod_of(files, "qwen")["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1


def test_a_route_with_matches_weights_and_tls_is_written_as_istio_reads_it(tmp_path: Path) -> None:
    files = files_of("routes", tmp_path)
    chat = parsed(files, "kubernetes/inference/virtualservice-chat.yaml")["spec"]
    assert chat["gateways"] == ["doors/chat", "mesh"]
    assert chat["http"][0]["match"] == [
        {
            "headers": {"x-user-group": {"exact": "beta"}, "x-version": {"regex": "v2.*"}},
            "uri": {"prefix": "/v1"},
        }
    ]
    assert {rule["timeout"] for rule in chat["http"]} == {"600s"}
    gateway = parsed(files, "kubernetes/doors/gateway-chat.yaml")["spec"]
    assert gateway["servers"][0]["tls"] == {"mode": "SIMPLE", "credentialName": "chat-certificate"}


def test_text_of_every_yaml_form_reaches_the_pod_unchanged(tmp_path: Path) -> None:
    files = files_of("yaml-forms", tmp_path)
    first, second = (pod_of(files, name)["containers"][0] for name in ("first", "second"))
    assert first["args"] == ["--port", "8080", "yes", "on", "1e3", "0o17", "2027-01-31", "~"]
    variables = {entry["name"]: entry["value"] for entry in first["env"]}
    assert variables["LONG"] == "one line written as two"
    assert variables["EXACT"] == "first\n  second\n"
    assert variables["EMPTY"] == ""
    assert {entry["name"]: entry["value"] for entry in second["env"]}["EMPTY"] == "no longer"
    assert first["resources"]["requests"]["cpu"] == "0.5"


def test_an_empty_stack_renders_an_empty_tree(tmp_path: Path) -> None:
    files = files_of("nothing-but-a-cluster", tmp_path)
    assert set(files) == {".inference-render", "kubernetes/kustomization.yaml", "kubernetes/stages.txt"}
