"""HorizontalPodAutoscalers: the source document's behaviour, and signals that exist."""

from __future__ import annotations

import pytest

from components.addons.addons import MetricsAdapterConfig
from components.core.errors import ConfigError
from components.scaling.hpa import HpaConfig, ScalingPolicy, ScalingRules
from components.scaling.scaler import ScaleTarget, autoscaler
from tests.components.parts import manifest

ADAPTER = MetricsAdapterConfig(kind="prometheus-adapter")


def spec(config: HpaConfig, **fields: object) -> dict[str, object]:
    settings = {"adapter": ADAPTER, "emitted": {"tgi_queue_size": "gauge", "requests_total": "counter"}, **fields}
    part = autoscaler("chat", config, ScaleTarget("tgi", "inference", "chat", **settings))  # type: ignore[arg-type]
    return dict(manifest(part, "HorizontalPodAutoscaler")["spec"])


def test_the_default_doubles_within_a_minute_and_lets_go_one_by_one() -> None:
    assert spec(HpaConfig(min=1, max=10, cpu_percent=70))["behavior"] == {
        "scaleUp": {
            "stabilizationWindowSeconds": 60,
            "selectPolicy": "Max",
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": 60}],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": 300,
            "selectPolicy": "Max",
            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}],
        },
    }


def test_a_select_policy_is_written_as_kubernetes_spells_it() -> None:
    rules = ScalingRules(
        stabilization_seconds=300,
        select="min",
        policies=(ScalingPolicy(kind="pods", value=1, period_seconds=120),),
    )
    behavior = spec(HpaConfig(min=1, max=2, cpu_percent=70, scale_down=rules))["behavior"]
    assert behavior["scaleDown"]["selectPolicy"] == "Min"  # type: ignore[index]


def test_fractions_become_thousandths() -> None:
    metrics = spec(HpaConfig(min=1, max=2, pod_metrics={"requests_total": 1.5}))["metrics"]
    assert metrics[0]["pods"]["target"]["averageValue"] == "1500m"  # type: ignore[index]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"min": 0, "max": 10, "cpu_percent": 70}, "min: got 0; must be at least 1: a HorizontalPodAutoscaler refuses"),
        ({"min": 4, "max": 2, "cpu_percent": 70}, "max: got 2; must be at least min, which is 4"),
        ({"min": 1, "max": 2}, "has no signal to scale by"),
        ({"min": 1, "max": 2, "cpu_percent": 0}, "cpu_percent: got 0; must be 1 to 100"),
    ],
)
def test_what_kubernetes_would_refuse_is_refused_first(fields: dict[str, int], said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        HpaConfig(**fields)
    assert said in str(refusal.value)


def test_a_metric_that_nothing_emits_is_refused_with_one_that_is() -> None:
    with pytest.raises(ConfigError) as refusal:
        spec(HpaConfig(min=1, max=2, pod_metrics={"tgi_queue_sise": 10}))
    assert "pod_metrics.tgi_queue_sise: nothing emits tgi_queue_sise; did you mean tgi_queue_size?" in str(
        refusal.value
    )


def test_gpu_utilization_which_nothing_emits_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing emits gpu_utilization"):
        spec(HpaConfig(min=1, max=2, pod_metrics={"gpu_utilization": 80}))


def test_a_histogram_is_no_number_to_scale_by() -> None:
    with pytest.raises(ConfigError, match="is a histogram, which is no single number"):
        spec(HpaConfig(min=1, max=2, pod_metrics={"latency": 1}), emitted={"latency": "histogram"})


def test_pod_metrics_need_something_that_serves_them() -> None:
    with pytest.raises(ConfigError, match="needs a metrics adapter"):
        spec(HpaConfig(min=1, max=2, pod_metrics={"requests_total": 10}), adapter=None)
