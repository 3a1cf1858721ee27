from __future__ import annotations

import re
from itertools import product

import pytest

from components.addons.adapter import PodMetric, adapter_rules, hpa_metric_name, pod_metrics
from components.addons.addons import MetricsAdapterConfig
from components.catalog.metrics import metrics_of
from components.core.errors import ConfigError
from components.engines.tgi.config import TgiEngine
from components.scaling.hpa import HpaConfig
from components.serving.config import ModelServerConfig
from components.serving.model_server import model_server
from components.serving.site import Site

STACKDRIVER = MetricsAdapterConfig(kind="stackdriver")
ADAPTER = MetricsAdapterConfig(kind="prometheus-adapter")


def test_stackdriver_wants_cloud_monitorings_name() -> None:
    name = hpa_metric_name(STACKDRIVER, "vllm:num_requests_running", "gauge")
    assert name == "prometheus.googleapis.com|vllm:num_requests_running|gauge"
    assert hpa_metric_name(STACKDRIVER, "tgi_request_count", "counter").endswith("|counter")


def test_the_prometheus_adapter_cannot_serve_a_colon() -> None:
    assert hpa_metric_name(ADAPTER, "vllm:num_requests_waiting", "gauge") == "vllm_num_requests_waiting"


@pytest.mark.parametrize("adapter", [STACKDRIVER, ADAPTER], ids=["stackdriver", "prometheus-adapter"])
@pytest.mark.parametrize("kind", ["histogram", "summary"])
def test_what_is_no_single_number_is_refused(adapter: MetricsAdapterConfig, kind: str) -> None:
    with pytest.raises(ValueError, match=f"is a {kind}; an autoscaler needs a gauge or a counter"):
        hpa_metric_name(adapter, "tgi_request_duration", kind)


def test_a_gauge_is_served_as_it_is() -> None:
    (rule,) = adapter_rules([PodMetric("vllm:num_requests_waiting", "gauge")])["rules"]["custom"]
    assert rule == {
        "seriesQuery": 'vllm:num_requests_waiting{namespace!="",pod!=""}',
        "resources": {"overrides": {"namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}},
        "name": {"matches": "^vllm:num_requests_waiting$", "as": "vllm_num_requests_waiting"},
        "metricsQuery": "sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)",
    }


def test_a_counter_is_served_as_its_rate() -> None:
    (rule,) = adapter_rules([PodMetric("tgi_request_count", "counter")])["rules"]["custom"]
    assert rule["metricsQuery"] == "sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)"


def test_a_share_of_the_cache_is_averaged_over_a_pods_engines() -> None:
    (rule,) = adapter_rules([PodMetric("vllm:kv_cache_usage_perc", "gauge", "avg")])["rules"]["custom"]
    assert rule["metricsQuery"].startswith("avg(")


def test_no_rule_but_ours_is_served_and_none_twice() -> None:
    metrics = [PodMetric("b", "gauge"), PodMetric("a", "gauge"), PodMetric("b", "gauge")]
    rules = adapter_rules(metrics)["rules"]
    assert rules["default"] is False
    assert [rule["name"]["as"] for rule in rules["custom"]] == ["a", "b"]


def test_the_adapter_is_told_what_the_autoscalers_of_each_version_read() -> None:
    scaling = HpaConfig(min=1, max=4, queue_depth=10, pod_metrics={"tgi_request_count": 3})
    config = ModelServerConfig(model="org/model", engine=TgiEngine(), autoscaling=scaling)
    part = model_server("chat", config, Site(adapter=ADAPTER))
    assert set(pod_metrics(part.tracks)) == {
        PodMetric("tgi_queue_size", "gauge"),
        PodMetric("tgi_request_count", "counter"),
    }


@pytest.mark.parametrize("other", [PodMetric("requests", "counter"), PodMetric("requests", "gauge", "avg")])
def test_one_metric_read_in_two_ways_is_refused_in_any_order(other: PodMetric) -> None:
    both = [PodMetric("requests", "gauge"), other]
    told = set()
    for metrics in (both, both[::-1]):
        with pytest.raises(
            ConfigError, match=r"^addons.metrics_adapter: autoscalers read requests as .* one rule"
        ) as e:
            adapter_rules(metrics, ("addons", "metrics_adapter"))
        told.add(str(e.value))
    assert len(told) == 1


def test_the_rules_make_every_name_that_an_autoscaler_may_ask_for() -> None:
    scalable = [
        metric
        for engine in ("tgi", "vllm", "sglang")
        for metric in metrics_of(engine)
        if metric.kind in {"gauge", "counter"}
    ]
    rules = adapter_rules(PodMetric(metric.name, metric.kind) for metric in scalable)["rules"]["custom"]  # type: ignore[arg-type]
    made = {rule["name"]["as"] for rule in rules}
    assert made == {hpa_metric_name(ADAPTER, metric.name, metric.kind) for metric in scalable}
    for rule, metric in product(rules, scalable):
        hit = re.search(rule["name"]["matches"], metric.name) is not None
        assert hit == (rule["name"]["as"] == hpa_metric_name(ADAPTER, metric.name, metric.kind))
