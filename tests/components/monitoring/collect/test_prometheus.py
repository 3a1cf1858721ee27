from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.core.plan import Item, Part
from components.monitoring.collect.prometheus import prometheus, scrape_configuration, standalone
from components.monitoring.collect.scrape import (
    ManagedPrometheus,
    PersistentStorage,
    ScrapeTarget,
    StandalonePrometheus,
    prometheus_url,
)
from components.tenancy.pod_security import strictest_level

CONFIG = StandalonePrometheus(kind="standalone")
LLAMA = ScrapeTarget("tgi", "models", {"app": "llama"}, "http")
QWEN = ScrapeTarget("tgi", "team.b", {"app": "qwen-2.5", "track": "stable"}, "http")
DCGM = ScrapeTarget("dcgm-exporter", "gpu", {"app.kubernetes.io/name": "dcgm-exporter"}, "metrics")
TARGETS = [LLAMA, QWEN, DCGM]


def item(part: Part, role: str) -> Item:
    return next(item for item in part.items if item.role == role)


def pod(part: Part) -> dict[str, Any]:
    return dict(item(part, "deployment").properties["spec"]["template"]["spec"])


def kept(job: dict[str, Any], labels: dict[str, str]) -> bool:
    """Prometheus' own rule for `keep`: the sources joined by semicolons match the whole expression."""
    rule = job["relabel_configs"][0]
    value = ";".join(labels.get(source.removeprefix("__meta_kubernetes_"), "") for source in rule["source_labels"])
    return re.fullmatch(rule["regex"], value) is not None


def job(name: str, targets: list[ScrapeTarget]) -> dict[str, Any]:
    jobs = scrape_configuration(targets, 15)["scrape_configs"]
    return dict(next(job for job in jobs if job["job_name"] == name))


def discovered(target: ScrapeTarget) -> dict[str, str]:
    labels = {f"pod_label_{re.sub('[^a-zA-Z0-9]', '_', key)}": value for key, value in target.selector.items()}
    return {"namespace": target.namespace, "pod_container_port_name": target.port, **labels}


def test_there_is_a_tgi_job_that_reads_each_pod_every_15_seconds() -> None:
    config = scrape_configuration(TARGETS, 15)
    assert config["global"]["scrape_interval"] == "15s"
    assert job("tgi", TARGETS)["metrics_path"] == "/metrics"
    assert job("tgi", TARGETS)["kubernetes_sd_configs"][0]["role"] == "pod"


def test_a_job_reads_the_pods_of_its_targets_and_no_others() -> None:
    tgi = job("tgi", TARGETS)
    assert kept(tgi, discovered(LLAMA))
    assert kept(tgi, discovered(QWEN))
    assert not kept(tgi, discovered(DCGM))
    assert not kept(tgi, discovered(LLAMA) | {"namespace": "elsewhere"})
    assert not kept(tgi, discovered(LLAMA) | {"pod_container_port_name": "admin"})
    assert not kept(tgi, discovered(QWEN) | {"pod_label_track": "canary"})
    assert not kept(tgi, discovered(QWEN) | {"pod_label_app": "qwen-2x5"})


_LABEL = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,10}[a-z0-9])?", fullmatch=True)
_TARGETS = st.lists(
    st.builds(ScrapeTarget, st.just("tgi"), _LABEL, st.dictionaries(_LABEL, _LABEL, min_size=1, max_size=3), _LABEL),
    min_size=1,
    max_size=6,
)


@given(_TARGETS)
def test_every_target_is_read_whatever_its_labels(targets: list[ScrapeTarget]) -> None:
    assert all(kept(job("tgi", targets), discovered(target)) for target in targets)


def test_all_jobs_share_one_discovery_so_that_the_api_server_is_watched_once() -> None:
    jobs = scrape_configuration(TARGETS, 15)["scrape_configs"]
    assert [job["kubernetes_sd_configs"] for job in jobs] == [
        [{"role": "pod", "namespaces": {"names": ["gpu", "models", "team.b"]}}]
    ] * 2


def test_jobs_of_one_name_with_two_paths_stay_apart() -> None:
    other = ScrapeTarget("tgi", "models", {"app": "vision"}, "http", "/v1/metrics")
    names = [job["job_name"] for job in scrape_configuration([LLAMA, other], 15)["scrape_configs"]]
    assert len(set(names)) == 2


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on PATH; install Debian's prometheus")
@pytest.mark.parametrize("targets", [[], TARGETS], ids=["none", "three"])
def test_prometheus_itself_accepts_the_configuration(targets: list[ScrapeTarget], tmp_path: Path) -> None:
    config = yaml.safe_load(item(standalone(CONFIG, targets=targets), "config").properties["data"]["prometheus.yml"])
    for job in config["scrape_configs"]:
        # Debian builds promtool without the Kubernetes discovery; everything else is checked.
        del job["kubernetes_sd_configs"]
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    result = subprocess.run(
        ["promtool", "check", "config", "--syntax-only", file], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_same_targets_in_any_order_give_the_same_part() -> None:
    assert standalone(CONFIG, targets=TARGETS) == standalone(CONFIG, targets=reversed(TARGETS))


def test_a_changed_configuration_restarts_the_server() -> None:
    def checksum(targets: list[ScrapeTarget]) -> str:
        template = item(standalone(CONFIG, targets=targets), "deployment").properties["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/config"])

    assert checksum(TARGETS) != checksum([LLAMA])
    assert checksum(TARGETS) == checksum(TARGETS)


def test_it_may_list_the_pods_of_its_targets_and_nothing_else() -> None:
    part = standalone(CONFIG, targets=TARGETS)
    roles = [item for item in part.items if item.kind in {"Role", "ClusterRole"}]
    assert {(role.kind, role.namespace) for role in roles} == {("Role", "gpu"), ("Role", "models"), ("Role", "team.b")}
    for role in roles:
        assert role.properties["rules"] == [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
        ]
    bindings = [item.properties for item in part.items if item.kind == "RoleBinding"]
    assert {binding["subjects"][0]["namespace"] for binding in bindings} == {"monitoring"}


def test_the_pod_meets_the_restricted_level() -> None:
    part = standalone(CONFIG, targets=TARGETS)
    assert strictest_level([part], "monitoring") == "restricted"
    spec = pod(part)
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 65534
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert {name for volume in spec["volumes"] for name in volume} == {"name", "configMap", "emptyDir"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()


def test_the_image_is_pinned_by_digest() -> None:
    image = pod(standalone(CONFIG, targets=[]))["containers"][0]["image"]
    assert re.fullmatch(r"quay\.io/prometheus/prometheus:v3\.\d+\.\d+@sha256:[0-9a-f]{64}", image)


def test_probes_ask_prometheus_own_health_pages() -> None:
    (container,) = pod(standalone(CONFIG, targets=[]))["containers"]
    paths = [container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")]
    assert paths == ["/-/ready", "/-/ready", "/-/healthy"]


def test_retention_leaves_a_tenth_of_the_storage_free() -> None:
    config = CONFIG.with_changes(storage={"kind": "persistent", "size": "20Gi"}, retention_days=30)
    (container,) = pod(standalone(config, targets=[]))["containers"]
    assert "--storage.tsdb.retention.time=30d" in container["args"]
    assert "--storage.tsdb.retention.size=18432MB" in container["args"]


def test_samples_are_kept_on_a_claim_when_asked() -> None:
    storage = PersistentStorage(kind="persistent", size="50Gi", storage_class="premium-rwo")
    part = standalone(CONFIG.with_changes(storage=storage), targets=[])
    assert item(part, "data").properties["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "50Gi"}},
        "storageClassName": "premium-rwo",
    }
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "prometheus-server"}} in pod(part)["volumes"]
    assert "data" in item(part, "deployment").after


def test_two_servers_never_share_the_data_folder() -> None:
    assert item(standalone(CONFIG, targets=[]), "deployment").properties["spec"]["strategy"] == {"type": "Recreate"}


def test_queries_come_from_the_autoscalers_and_its_own_namespace_only() -> None:
    spec = item(standalone(CONFIG, targets=TARGETS), "network-policy").properties["spec"]
    (rule,) = spec["ingress"]
    readers = rule["from"][0]["namespaceSelector"]["matchExpressions"][0]["values"]
    assert readers == ["keda", "monitoring", "prometheus-adapter"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 9090}]
    reached = spec["egress"][-1]["to"][0]["namespaceSelector"]["matchExpressions"][0]["values"]
    assert reached == ["gpu", "models", "team.b"]


def test_the_service_answers_at_the_address_others_are_told() -> None:
    part = standalone(CONFIG, targets=[])
    service = item(part, "service")
    assert part.outputs["url"] == prometheus_url(CONFIG)
    assert part.outputs["url"] == f"http://{service.object_name}.{service.namespace}.svc:9090"


def test_the_service_name_gives_no_pod_a_prometheus_port_variable() -> None:
    names = {item.object_name for item in standalone(CONFIG, targets=[]).items if item.kind == "Service"}
    assert "prometheus" not in names


def test_the_configuration_reads_back_as_it_was_built() -> None:
    text = item(standalone(CONFIG, targets=TARGETS), "config").properties["data"]["prometheus.yml"]
    ordered = sorted(TARGETS, key=lambda target: target.job)
    assert yaml.safe_load(text) == scrape_configuration(ordered, 15)
    assert "*id" not in text  # an alias would be valid and unreadable


def test_a_prometheus_that_others_run_makes_no_part() -> None:
    assert prometheus(ManagedPrometheus(kind="managed"), targets=TARGETS) is None
    assert prometheus(CONFIG, targets=TARGETS) == standalone(CONFIG, targets=TARGETS)
