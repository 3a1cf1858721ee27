from __future__ import annotations

import re

import pytest

from components.addons.adapter import PodMetric
from components.addons.addons import AddonsConfig
from components.addons.charts import chart_part, charts
from components.catalog.charts import all_charts, chart
from components.core.errors import ConfigError
from components.core.plan import Part, Plan

EVERYTHING = AddonsConfig(
    keda="install",
    keda_http="install",
    istio="install",
    istio_ingress="install",
    prometheus_operator="install",
    metrics_adapter={"kind": "prometheus-adapter", "state": "install"},
    external_secrets="install",
    leader_worker_set="install",
)
URL = "http://prometheus-server.monitoring.svc:9090"


def named(parts: list[Part]) -> dict[str, Part]:
    return {part.name: part for part in parts}


def test_nothing_is_installed_that_is_present_or_absent() -> None:
    assert charts(AddonsConfig(keda="present", istio="present")) == []


def test_a_chart_is_pinned_and_waits_for_its_objects() -> None:
    (part,) = charts(AddonsConfig(keda="install"))
    (item,) = part.items
    assert item.type == "kubernetes:helm.sh/v3:Release"
    assert item.is_chart
    assert dict(item.properties) == {
        "name": "keda",
        "chart": "keda",
        "version": "2.21.0",
        "namespace": "keda",
        "createNamespace": True,
        "repositoryOpts": {"repo": "https://kedacore.github.io/charts"},
        "values": {},
        "atomic": True,
        "skipAwait": False,
        "timeout": 600,
    }
    assert item.timeout_seconds == 600
    assert part.path == ("addons", "keda")


def test_pulumi_waits_as_long_as_helm_does() -> None:
    for part in charts(EVERYTHING, prometheus_url=URL):
        (item,) = part.items
        assert item.timeout_seconds == item.properties["timeout"]


def test_a_chart_from_an_oci_registry_names_no_repository() -> None:
    (item,) = chart_part(chart("lws"), {}).items
    assert item.properties["chart"] == "oci://registry.k8s.io/lws/charts/lws"
    assert "repositoryOpts" not in item.properties


def test_charts_come_after_what_they_build_on() -> None:
    parts = named(charts(EVERYTHING, prometheus_url=URL, after=("GkeCluster/main",)))
    assert parts["istio-base"].after == ("GkeCluster/main",)
    assert parts["istiod"].after == ("GkeCluster/main", "Chart/istio-base")
    assert parts["istio-ingressgateway"].after == ("GkeCluster/main", "Chart/istio-base", "Chart/istiod")
    assert parts["keda-http-add-on"].after == ("GkeCluster/main", "Chart/keda")
    assert parts["prometheus-adapter"].after == ("GkeCluster/main", "Chart/kube-prometheus-stack")


def test_the_order_of_the_list_is_an_order_a_plan_accepts() -> None:
    parts = charts(EVERYTHING, prometheus_url=URL)
    assert len(Plan("prod", tuple(parts)).parts) == len(all_charts())


def test_the_prometheus_we_install_reads_every_monitor_of_the_cluster() -> None:
    (part,) = charts(AddonsConfig(prometheus_operator="install"))
    selectors = part.items[0].properties["values"]["prometheus"]["prometheusSpec"]
    assert selectors == {
        f"{kind}SelectorNilUsesHelmValues": False
        for kind in ("serviceMonitor", "podMonitor", "rule", "probe", "scrapeConfig")
    }


def test_the_adapter_asks_the_prometheus_of_the_environment() -> None:
    metrics = [PodMetric("tgi_queue_size", "gauge")]
    part = named(charts(EVERYTHING, prometheus_url=URL, pod_metrics=metrics))["prometheus-adapter"]
    values = part.items[0].properties["values"]
    assert values["prometheus"] == {"url": "http://prometheus-server.monitoring.svc", "port": 9090, "path": ""}
    assert [rule["name"]["as"] for rule in values["rules"]["custom"]] == ["tgi_queue_size"]


def test_an_adapter_without_a_prometheus_is_refused() -> None:
    config = AddonsConfig(metrics_adapter={"kind": "prometheus-adapter", "state": "install"})
    with pytest.raises(ConfigError, match=r"addons.metrics_adapter: .* set observability.prometheus to kind: operator"):
        charts(config)


def test_every_chart_is_pinned_to_a_whole_version_and_released_once() -> None:
    assert len({entry.release for entry in all_charts()}) == len(all_charts())
    for entry in all_charts():
        assert re.fullmatch(r"v?\d+\.\d+\.\d+", entry.version)
        assert entry.repository.startswith("https://") != entry.chart.startswith("oci://")
