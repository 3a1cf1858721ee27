"""What every shipped environment renders to, byte by byte, and what the bytes must mean."""

from __future__ import annotations

import difflib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from .rendered import ENVIRONMENTS, ROOT, parsed, render_stack, shipped, tree

GOLDEN = Path(__file__).parent / "golden"
UPDATE = os.environ.get("GOLDEN_UPDATE") == "1"
ADVICE = "look at the difference; if it is meant, run `make golden` and commit tests/golden"
SHOWN_LINES = 80


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """Every shipped environment's files."""
    folder = tmp_path_factory.mktemp("rendered")
    return {name: render_stack(path, folder / name) for name, path in ENVIRONMENTS.items()}


@pytest.fixture(scope="session")
def prod(rendered: dict[str, dict[str, bytes]]) -> dict[str, bytes]:
    return rendered["prod"]


@pytest.fixture(scope="session")
def staging(rendered: dict[str, dict[str, bytes]]) -> dict[str, bytes]:
    return rendered["staging"]


@pytest.fixture(scope="session")
def arr_coc(prod: dict[str, bytes]) -> dict[str, Any]:
    return parsed(prod, "kubernetes/production/deployment-arr-coc-vlm.yaml")


def difference(name: str, golden: dict[str, bytes], now: dict[str, bytes]) -> str:
    lines: list[str] = []
    for path in sorted(golden.keys() | now.keys()):
        before, after = golden.get(path), now.get(path)
        if before is None or after is None:
            lines.append(f"{'only in the render' if before is None else 'no longer rendered'}: {name}/{path}")
        elif before != after:
            lines += difflib.unified_diff(
                before.decode().splitlines(), after.decode().splitlines(), f"golden/{name}/{path}", f"{name}/{path}",
                lineterm="", n=2,
            )  # fmt: skip
    hidden = len(lines) - SHOWN_LINES
    return "\n".join([*lines[:SHOWN_LINES], *([f"… {hidden} more lines"] if hidden > 0 else []), ADVICE])


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_renders_to_its_golden_tree(name: str, rendered: dict[str, dict[str, bytes]]) -> None:
    if UPDATE:
        shutil.rmtree(GOLDEN / name, ignore_errors=True)
        render_stack(ENVIRONMENTS[name], GOLDEN / name)
    golden = tree(GOLDEN / name)
    if golden != rendered[name]:
        pytest.fail(difference(name, golden, rendered[name]), pytrace=False)


def test_every_golden_tree_belongs_to_a_shipped_environment() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(ENVIRONMENTS) == set(shipped())


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_rendering_twice_gives_identical_bytes(
    name: str, rendered: dict[str, dict[str, bytes]], tmp_path: Path
) -> None:
    assert render_stack(ENVIRONMENTS[name], tmp_path / "again") == rendered[name]
    assert render_stack(ENVIRONMENTS[name], tmp_path / "again") == rendered[name]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_file_is_one_object_that_stands_where_its_name_says(
    name: str, rendered: dict[str, dict[str, bytes]]
) -> None:
    for path, content in rendered[name].items():
        if not path.startswith("kubernetes/") or path.count("/") != 2:
            continue
        found = yaml.safe_load(content)
        _, folder, file = path.split("/")
        assert file == f"{found['kind'].lower()}-{found['metadata']['name']}.yaml"
        assert found["metadata"].get("namespace", "_cluster") == folder
        assert found["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "inference"
        assert "null" not in content.decode().split()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_service_budget_and_policy_selects_pods_that_exist(
    name: str, rendered: dict[str, dict[str, bytes]]
) -> None:
    files = rendered[name]
    found = [parsed(files, path) for path in files if path.startswith("kubernetes/") and path.count("/") == 2]
    pods = [
        (one["metadata"]["namespace"], one["spec"]["template"]["metadata"]["labels"])
        for one in found
        if one["kind"] in ("Deployment", "DaemonSet")
    ]
    for one in found:
        spec = one.get("spec", {})
        selector = {
            "Service": lambda spec: spec["selector"],
            "PodDisruptionBudget": lambda spec: spec["selector"]["matchLabels"],
            "NetworkPolicy": lambda spec: spec["podSelector"].get("matchLabels", {}),
            "PodMonitor": lambda spec: spec["selector"]["matchLabels"],
            "PodMonitoring": lambda spec: spec["selector"]["matchLabels"],
        }.get(one["kind"])
        if selector:
            wanted, space = selector(spec), one["metadata"]["namespace"]
            matching = [labels for where, labels in pods if where == space and wanted.items() <= labels.items()]
            assert matching, f"{one['kind']} {one['metadata']['name']} selects nothing"


# The source document's section 8: arr-coc-vlm in production, corrected where it could not work.


def test_arr_coc_vlm_runs_as_section_8_describes_it(arr_coc: dict[str, Any]) -> None:
    spec = arr_coc["spec"]
    pod = spec["template"]["spec"]
    server = pod["containers"][0]
    assert arr_coc["metadata"]["namespace"] == "production"
    assert spec["selector"] == {"matchLabels": {"app": "arr-coc-vlm"}}
    assert server["name"] == "vlm-server"
    assert server["image"].endswith("/arr-coc-0-1:production-v0.1")
    assert server["command"] == ["python", "-m", "uvicorn"]
    assert server["args"][:7] == ["app.main:app", "--host", "0.0.0.0", "--port", "8080", "--workers", "1"]  # noqa: S104
    assert server["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
    assert server["resources"] == {
        "requests": {"nvidia.com/gpu": 1, "memory": "32Gi", "cpu": "8"},
        "limits": {"nvidia.com/gpu": 1, "memory": "32Gi", "cpu": "16"},
    }
    assert pod["nodeSelector"] == {"cloud.google.com/gke-accelerator": "nvidia-tesla-a100"}
    assert pod["volumes"][0] == {
        "name": "model-cache",
        "persistentVolumeClaim": {"claimName": "arr-coc-model-cache"},
    }


def test_arr_coc_vlm_has_the_variables_of_section_8(arr_coc: dict[str, Any]) -> None:
    variables = {entry["name"]: entry for entry in arr_coc["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert variables["MODEL_NAME"]["value"] == "Qwen/Qwen3-VL-2B-Instruct"
    assert variables["PYTORCH_CUDA_ALLOC_CONF"]["value"] == "max_split_size_mb:512"
    assert variables["CUDA_VISIBLE_DEVICES"]["value"] == "0"
    assert variables["HF_TOKEN"]["valueFrom"] == {"secretKeyRef": {"name": "hf-token", "key": "token"}}


def test_arr_coc_vlm_is_probed_as_section_8_asks_once_it_has_started(arr_coc: dict[str, Any]) -> None:
    server = arr_coc["spec"]["template"]["spec"]["containers"][0]
    for probe, seconds in (("readinessProbe", 10), ("livenessProbe", 30)):
        assert server[probe]["httpGet"] == {"path": "/health", "port": "http"}
        assert server[probe]["periodSeconds"] == seconds
    startup = server["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 600, "a model loads for minutes"


def test_arr_coc_vlm_keeps_its_files_where_a_user_that_is_not_root_can_read_them(arr_coc: dict[str, Any]) -> None:
    pod = arr_coc["spec"]["template"]["spec"]
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    home = next(entry["value"] for entry in pod["containers"][0]["env"] if entry["name"] == "HF_HOME")
    assert pod["securityContext"]["runAsUser"] != 0
    assert mounts["model-cache"] == home
    assert not home.startswith("/root")


def test_the_cache_of_arr_coc_vlm_can_be_mounted_by_every_replica(prod: dict[str, bytes]) -> None:
    claim = parsed(prod, "kubernetes/production/persistentvolumeclaim-arr-coc-model-cache.yaml")["spec"]
    assert claim["accessModes"] == ["ReadWriteMany"]


def test_arr_coc_vlm_keeps_three_replicas_and_scales_down_as_section_8_asks(
    prod: dict[str, bytes], arr_coc: dict[str, Any]
) -> None:
    scaler = parsed(prod, "kubernetes/production/horizontalpodautoscaler-arr-coc-vlm.yaml")["spec"]
    assert "replicas" not in arr_coc["spec"], "the autoscaler owns the number"
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 10)
    assert scaler["metrics"][0]["pods"]["target"] == {"type": "AverageValue", "averageValue": "50"}
    assert scaler["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert scaler["behavior"]["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 180}]


def test_arr_coc_vlm_scales_by_a_metric_that_it_emits_and_the_adapter_serves(prod: dict[str, bytes]) -> None:
    scaler = parsed(prod, "kubernetes/production/horizontalpodautoscaler-arr-coc-vlm.yaml")["spec"]
    rules = parsed(prod, "charts/prometheus-adapter.yaml")["values"]["rules"]["custom"]
    served = {rule["name"]["as"]: rule for rule in rules}
    name = scaler["metrics"][0]["pods"]["metric"]["name"]
    assert name == "arr_coc_requests_per_second"
    assert served[name]["metricsQuery"].startswith("sum(rate("), "a counter is read as its rate"


# Section 7: the A/B rule, the 80/20 split, blue-green; section 4: rolling and canary.


def test_beta_users_get_the_new_model_and_a_fifth_of_the_others_as_section_7_asks(prod: dict[str, bytes]) -> None:
    spec = parsed(prod, "kubernetes/inference/virtualservice-llama.yaml")["spec"]
    rules = [
        {
            **({"match": rule["match"]} if "match" in rule else {}),
            "route": [(target["destination"]["subset"], target["weight"]) for target in rule["route"]],
        }
        for rule in spec["http"]
    ]
    assert spec["hosts"] == ["tgi.example.com"]
    assert rules == [
        {"match": [{"headers": {"x-user-group": {"exact": "beta"}}}], "route": [("v2", 100)]},
        {"route": [("v1", 80), ("v2", 20)]},
    ]
    hosts = {target["destination"]["host"] for rule in spec["http"] for target in rule["route"]}
    assert hosts == {"llama.inference.svc.cluster.local"}


def test_the_subsets_are_the_stable_and_the_experimental_version(prod: dict[str, bytes]) -> None:
    spec = parsed(prod, "kubernetes/inference/destinationrule-llama.yaml")["spec"]
    assert spec["host"] == "llama.inference.svc.cluster.local"
    assert spec["subsets"] == [
        {"name": "v1", "labels": {"version": "stable"}},
        {"name": "v2", "labels": {"version": "experimental"}},
    ]
    for version in ("stable", "experimental"):
        deployment = parsed(prod, f"kubernetes/inference/deployment-llama-{version}.yaml")
        assert deployment["spec"]["template"]["metadata"]["labels"]["version"] == version


def test_the_route_waits_for_the_rule_that_defines_its_subsets(prod: dict[str, bytes]) -> None:
    stages = prod["kubernetes/stages.txt"].decode()
    assert stages.index("destinationrule-llama") < stages.index("virtualservice-llama")


def test_the_service_of_a_blue_green_pair_selects_the_active_colour_and_no_version(prod: dict[str, bytes]) -> None:
    service = parsed(prod, "kubernetes/inference/service-chat.yaml")["spec"]
    assert service["selector"] == {"app": "chat", "color": "blue"}
    for color in ("blue", "green"):
        deployment = parsed(prod, f"kubernetes/inference/deployment-chat-{color}.yaml")
        assert deployment["spec"]["selector"] == {"matchLabels": {"app": "chat", "color": color}}
        assert deployment["spec"]["replicas"] == 2


def test_going_live_with_green_changes_the_service_and_no_pod(prod: dict[str, bytes], tmp_path: Path) -> None:
    text = ENVIRONMENTS["prod"].read_text()
    assert text.count("active: blue") == 1
    switched = tmp_path / "Pulumi.prod.yaml"
    switched.write_text(text.replace("active: blue", "active: green"))
    files = render_stack(switched, tmp_path / "tree")
    changed = {path for path in prod if prod[path] != files[path]}
    assert files.keys() == prod.keys()
    objects = {"service-chat.yaml", "deployment-chat-blue.yaml", "deployment-chat-green.yaml"}
    assert {path.rpartition("/")[2] for path in changed} == objects | {"kustomization.yaml", "stages.txt"}
    for color in ("blue", "green"):
        path = f"kubernetes/inference/deployment-chat-{color}.yaml"
        assert parsed(prod, path)["spec"] == parsed(files, path)["spec"]
    assert parsed(files, "kubernetes/inference/service-chat.yaml")["spec"]["selector"]["color"] == "green"


def test_the_active_colour_comes_before_the_service_and_the_standby_after(prod: dict[str, bytes]) -> None:
    stages = prod["kubernetes/stages.txt"].decode()
    names = ("deployment-chat-blue", "service-chat", "deployment-chat-green")
    order = [stages.index(f"inference/{name}.yaml") for name in names]
    assert order == sorted(order)


def test_a_canary_has_one_pod_in_ten_behind_the_service_of_both(staging: dict[str, bytes]) -> None:
    replicas = {
        version: parsed(staging, f"kubernetes/inference/deployment-llama-{version}.yaml")["spec"]["replicas"]
        for version in ("stable", "canary")
    }
    assert replicas == {"stable": 9, "canary": 1}
    assert parsed(staging, "kubernetes/inference/service-llama.yaml")["spec"]["selector"] == {"app": "llama"}


# Section 6: the behaviour of the autoscaler; section 5: what Prometheus reads.


def test_an_autoscaler_behaves_as_section_6_asks(staging: dict[str, bytes]) -> None:
    spec = parsed(staging, "kubernetes/inference/horizontalpodautoscaler-qwen.yaml")["spec"]
    assert spec["behavior"] == {
        "scaleUp": {
            "stabilizationWindowSeconds": 60,
            "policies": [
                {"type": "Percent", "value": 100, "periodSeconds": 60},
                {"type": "Pods", "value": 2, "periodSeconds": 60},
            ],
            "selectPolicy": "Max",
        },
        "scaleDown": {
            "stabilizationWindowSeconds": 300,
            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}],
            "selectPolicy": "Min",
        },
    }
    queue = spec["metrics"][0]["pods"]
    assert "tgi_queue_size" in queue["metric"]["name"]
    assert queue["target"] == {"type": "AverageValue", "averageValue": "10"}


def test_the_standalone_prometheus_reads_the_engine_every_15_seconds(rendered: dict[str, dict[str, bytes]]) -> None:
    config = parsed(rendered["dev"], "kubernetes/monitoring/configmap-prometheus-server.yaml")
    scrape = yaml.safe_load(config["data"]["prometheus.yml"])
    assert scrape["global"]["scrape_interval"] == "15s"
    (job,) = scrape["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("vllm", "/metrics")
    assert job["kubernetes_sd_configs"] == [{"role": "pod", "namespaces": {"names": ["inference"]}}]


def test_tgi_is_read_as_section_5_asks_and_every_pod_on_its_own(tmp_path: Path) -> None:
    files = render_stack(ROOT / "tests/stacks/ok/prometheus-standalone.yaml", tmp_path / "tree")
    config = parsed(files, "kubernetes/metrics/configmap-prometheus-server.yaml")
    scrape = yaml.safe_load(config["data"]["prometheus.yml"])
    jobs = {job["job_name"]: job for job in scrape["scrape_configs"]}
    assert jobs["tgi"]["metrics_path"] == "/metrics"
    assert scrape["global"]["scrape_interval"] == "15s"
    assert jobs["tgi"]["kubernetes_sd_configs"][0]["role"] == "pod", "a Service would answer for one pod at a time"


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_every_model_with_metrics_is_read_by_the_environments_prometheus(
    name: str, rendered: dict[str, dict[str, bytes]]
) -> None:
    kind = {"staging": "podmonitoring", "prod": "podmonitor"}[name]
    services = {path.replace("/service-", f"/{kind}-") for path in rendered[name] if "/service-" in path}
    assert services <= rendered[name].keys()
