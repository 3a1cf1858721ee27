from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from components.core.errors import ConfigError
from components.core.plan import Item
from components.monitoring.collect.scrape import (
    ManagedPrometheus,
    NoPrometheus,
    OperatorPrometheus,
    PrometheusConfig,
    StandalonePrometheus,
    prometheus_url,
    scrape_item,
    scraper_namespace,
)

MANAGED = ManagedPrometheus(kind="managed")
OPERATOR = OperatorPrometheus(kind="operator")
STANDALONE = StandalonePrometheus(kind="standalone")
NONE = NoPrometheus(kind="none")


def scrape(config: PrometheusConfig, **changes: Any) -> Item | None:
    fields: dict[str, Any] = {
        "component": "llama",
        "name": "llama",
        "namespace": "models",
        "selector": {"app": "llama"},
        "port": "http",
    }
    return scrape_item(config, **fields | changes)


def test_googles_prometheus_is_asked_with_a_pod_monitoring() -> None:
    item = scrape(MANAGED)
    assert item is not None
    assert item.type == "kubernetes:monitoring.googleapis.com/v1:PodMonitoring"
    assert item.namespace == "models"
    assert item.properties["spec"] == {
        "selector": {"matchLabels": {"app": "llama"}},
        "endpoints": [{"port": "http", "path": "/metrics", "interval": "15s"}],
    }


def test_the_operator_is_asked_with_a_pod_monitor_that_its_installation_selects() -> None:
    item = scrape(
        OperatorPrometheus(kind="operator", labels={"release": "monitoring"}, interval_seconds=60), path="/v1/metrics"
    )
    assert item is not None
    assert item.type == "kubernetes:monitoring.coreos.com/v1:PodMonitor"
    assert item.properties["metadata"]["labels"]["release"] == "monitoring"
    (endpoint,) = item.properties["spec"]["podMetricsEndpoints"]
    assert endpoint == {"port": "http", "path": "/v1/metrics", "interval": "60s"}


@pytest.mark.parametrize("config", [STANDALONE, NONE], ids=["standalone", "none"])
def test_nothing_asks_a_prometheus_that_reads_no_such_objects(config: PrometheusConfig) -> None:
    assert scrape(config) is None


def test_a_reading_is_as_frequent_as_the_environment_says() -> None:
    item = scrape(ManagedPrometheus(kind="managed", interval_seconds=30))
    assert item is not None
    assert item.properties["spec"]["endpoints"][0]["interval"] == "30s"


def test_readings_come_from_where_the_collector_runs() -> None:
    assert scraper_namespace(MANAGED) == "gke-gmp-system"
    assert scraper_namespace(OPERATOR) == "kube-prometheus-stack"
    assert scraper_namespace(OperatorPrometheus(kind="operator", namespace="observability")) == "observability"
    assert scraper_namespace(STANDALONE) == "monitoring"
    assert scraper_namespace(NONE) is None


def test_a_query_goes_to_the_server_in_the_cluster_and_googles_has_none() -> None:
    assert prometheus_url(OPERATOR) == "http://prometheus-operated.kube-prometheus-stack.svc:9090"
    assert prometheus_url(STANDALONE) == "http://prometheus-server.monitoring.svc:9090"
    assert prometheus_url(MANAGED) is None
    assert prometheus_url(NONE) is None


def test_prometheus_is_chosen_by_kind() -> None:
    adapter: TypeAdapter[PrometheusConfig] = TypeAdapter(PrometheusConfig)
    assert adapter.validate_python({"kind": "managed"}) == MANAGED
    with pytest.raises(ValidationError, match="'managed', 'operator', 'standalone', 'none'"):
        adapter.validate_python({"kind": "grafana"})
    with pytest.raises(ValidationError, match="retention_days"):
        adapter.validate_python({"kind": "managed", "retention_days": 7})


def test_a_reading_every_second_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"interval_seconds: got 1; must be 5 to 604800"):
        ManagedPrometheus(kind="managed", interval_seconds=1)
