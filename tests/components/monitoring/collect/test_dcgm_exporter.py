from __future__ import annotations

import csv
import re
from typing import Any

import pytest

from components.core.errors import ConfigError
from components.core.plan import Item, Part
from components.monitoring.collect.dcgm_exporter import DcgmExporterConfig, dcgm_exporter, dcgm_target
from components.monitoring.collect.scrape import ManagedPrometheus, OperatorPrometheus, StandalonePrometheus
from components.tenancy.pod_security import strictest_level

MANAGED = ManagedPrometheus(kind="managed")


def part(**fields: Any) -> Part:
    return dcgm_exporter(DcgmExporterConfig(**fields), namespace="gpu", prometheus=MANAGED)


def item(built: Part, role: str) -> Item:
    return next(item for item in built.items if item.role == role)


def pod(built: Part) -> dict[str, Any]:
    return dict(item(built, "daemon-set").properties["spec"]["template"]["spec"])


def counters(built: Part) -> dict[str, str]:
    lines = item(built, "counters").properties["data"]["counters.csv"].splitlines()
    return {name: kind for name, kind, _ in csv.reader(lines, skipinitialspace=True)}


def environment(built: Part) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in pod(built)["containers"][0]["env"]}


def test_it_runs_on_gpu_nodes_and_on_no_others() -> None:
    required = pod(part())["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert required["nodeSelectorTerms"] == [
        {"matchExpressions": [{"key": "cloud.google.com/gke-accelerator", "operator": "Exists"}]}
    ]


def test_it_tolerates_the_taints_of_every_gpu_pool() -> None:
    assert pod(part())["tolerations"] == [{"operator": "Exists"}]


def test_it_finds_the_driver_that_gke_keeps_outside_every_container_runtime() -> None:
    spec = pod(part())
    mounts = {mount["name"]: mount for mount in spec["containers"][0]["volumeMounts"]}
    paths = {volume["name"]: volume["hostPath"]["path"] for volume in spec["volumes"] if "hostPath" in volume}
    assert paths == {"pod-resources": "/var/lib/kubelet/pod-resources", "driver": "/home/kubernetes/bin/nvidia"}
    assert mounts["driver"] == {"name": "driver", "mountPath": "/usr/local/nvidia", "readOnly": True}
    assert mounts["pod-resources"]["readOnly"] is True
    assert environment(part())["LD_LIBRARY_PATH"] == "/usr/local/nvidia/lib64"
    assert environment(part())["DCGM_EXPORTER_KUBERNETES_GPU_ID_TYPE"] == "device-name"


def test_it_needs_a_privileged_namespace_and_takes_no_more_than_that() -> None:
    assert strictest_level([part()], "gpu") == "privileged"
    spec = pod(part())
    (container,) = spec["containers"]
    assert container["securityContext"] == {"privileged": True, "readOnlyRootFilesystem": True}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()


def test_shared_gpus_name_every_pod_that_uses_them() -> None:
    assert environment(part(shared_gpus=True))["KUBERNETES_VIRTUAL_GPUS"] == "true"
    assert "KUBERNETES_VIRTUAL_GPUS" not in environment(part())


def test_the_counters_are_nvidias_defaults_and_what_was_asked_for() -> None:
    defaults = counters(part())
    assert defaults["DCGM_FI_DEV_GPU_UTIL"] == "gauge"
    assert defaults["DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"] == "counter"
    assert defaults["DCGM_FI_DRIVER_VERSION"] == "label"
    assert "DCGM_FI_DEV_FB_TOTAL" not in defaults
    more = counters(part(extra_counters={"DCGM_FI_PROF_SM_ACTIVE": "gauge", "DCGM_FI_DEV_GPU_UTIL": "gauge"}))
    assert more == defaults | {"DCGM_FI_PROF_SM_ACTIVE": "gauge"}


def test_a_counter_is_named_once() -> None:
    text = item(part(extra_counters={"DCGM_FI_DEV_GPU_UTIL": "gauge"}), "counters").properties["data"]["counters.csv"]
    assert len(re.findall("^DCGM_FI_DEV_GPU_UTIL,", text, re.MULTILINE)) == 1


def test_a_name_that_is_no_dcgm_field_is_refused() -> None:
    with pytest.raises(ConfigError, match="DCGM_FI_PROF_SM_ACTIVE"):
        DcgmExporterConfig(extra_counters={"gpu_utilization": "gauge"})


def test_changed_counters_restart_the_exporters() -> None:
    def checksum(built: Part) -> str:
        template = item(built, "daemon-set").properties["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/counters"])

    assert checksum(part()) != checksum(part(extra_counters={"DCGM_FI_PROF_SM_ACTIVE": "gauge"}))


def test_the_image_is_pinned_by_digest() -> None:
    image = pod(part())["containers"][0]["image"]
    assert re.fullmatch(r"nvcr\.io/nvidia/k8s/dcgm-exporter:[\w.-]+@sha256:[0-9a-f]{64}", image)


def test_only_the_collector_may_connect_and_the_exporter_calls_nobody() -> None:
    spec = item(part(), "network-policy").properties["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in spec
    (source,) = spec["ingress"][0]["from"]
    assert source["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "gke-gmp-system"}


def test_nobody_may_connect_when_nobody_reads() -> None:
    built = dcgm_exporter(DcgmExporterConfig(), namespace="gpu")
    assert "ingress" not in item(built, "network-policy").properties["spec"]
    assert "scrape" not in [item.role for item in built.items]


@pytest.mark.parametrize(
    ("prometheus", "kind"),
    [
        (MANAGED, "PodMonitoring"),
        (OperatorPrometheus(kind="operator"), "PodMonitor"),
        (StandalonePrometheus(kind="standalone"), None),
    ],
    ids=["managed", "operator", "standalone"],
)
def test_it_asks_to_be_read_as_the_collector_wants(
    prometheus: ManagedPrometheus | OperatorPrometheus | StandalonePrometheus, kind: str | None
) -> None:
    built = dcgm_exporter(DcgmExporterConfig(), namespace="gpu", prometheus=prometheus)
    assert [item.kind for item in built.items if item.role == "scrape"] == ([kind] if kind else [])


def test_the_service_is_headless_and_selects_what_prometheus_reads() -> None:
    built = part()
    spec = item(built, "service").properties["spec"]
    template = item(built, "daemon-set").properties["spec"]["template"]
    assert spec["clusterIP"] == "None"
    assert spec["ports"][0]["name"] == dcgm_target("gpu").port
    assert spec["selector"] == dcgm_target("gpu").selector == template["metadata"]["labels"]


def test_two_exporters_of_one_program_have_their_own_names() -> None:
    first, second = (dcgm_exporter(DcgmExporterConfig(), namespace=name, name=name) for name in ("a", "b"))
    assert not {item.name for item in first.items} & {item.name for item in second.items}
