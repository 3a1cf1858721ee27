"""The scalers: each says what the rest of the product asks of it."""

from __future__ import annotations

import pytest

from components.addons.addons import AddonsConfig
from components.core.config import members
from components.scaling.hpa import HpaConfig
from components.scaling.registry import AutoscalingConfig
from components.scaling.scaler import ScalerSettings, signal_metrics

SCALED = HpaConfig(min=2, max=6, queue_depth=5, pod_metrics={"tgi_batch_current_size": 20}, cpu_percent=80)


@pytest.mark.parametrize("scaler", members(AutoscalingConfig), ids=lambda scaler: scaler.__name__)
def test_a_scaler_names_add_ons_that_there_are(scaler: type[ScalerSettings]) -> None:
    assert set(scaler.NEEDS) <= AddonsConfig.model_fields.keys()
    assert scaler.READS_ADAPTER in (True, False)


def test_a_scaler_says_how_few_and_how_many_replicas_there_are() -> None:
    assert (SCALED.fewest, SCALED.most) == (2, 6)


def test_its_signals_stand_where_the_settings_name_them() -> None:
    assert [signal.at for signal in SCALED.signals] == [("queue_depth",), ("pod_metrics", "tgi_batch_current_size")]


def test_a_role_is_read_by_the_engines_name_of_it_and_not_at_all_where_it_has_none() -> None:
    assert signal_metrics(SCALED, {"waiting_requests": "tgi_queue_size"}) == (
        "tgi_queue_size",
        "tgi_batch_current_size",
    )
    assert signal_metrics(SCALED, {}) == ("tgi_batch_current_size",)


def test_for_another_engine_metrics_are_renamed_and_targets_stay() -> None:
    renamed = SCALED.renamed({"tgi_batch_current_size": "vllm:num_requests_running"})
    assert renamed == SCALED.with_changes(pod_metrics={"vllm:num_requests_running": 20})
