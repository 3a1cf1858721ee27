"""Inference Endpoints, when they are cheaper, and the source document's table of costs by our arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.catalog.prices import HOURS, Prices, prices
from components.core.price import PriceRow
from components.cost.estimate import estimate
from components.cost.managed import break_even_hours, endpoints

from .plans import model, plan

MANAGED, SPOT = 4.50, 2.50
"""What the source document says of an A100 an hour: managed, and on a Spot node (its section 8)."""
THEIRS = Prices(
    [
        PriceRow(
            "managed-endpoint", "gcp/nvidia-a100/x1", "", "", "hour", MANAGED, "2026-01-31", "the source document"
        ),
        PriceRow("machine", "a2-highgpu-1g", "spot", "", "hour", SPOT, "2026-01-31", "the source document"),
        PriceRow("disk", "pd-balanced", "", "", "GiB-month", 0.0, "2026-01-31", "left out there"),
    ]
)
DAYS_30 = 30 * 24 / HOURS
"""The source document's month is 30 days; ours is 730 hours."""


def _managed(hours_a_day: float) -> float:
    return next(endpoints("nvidia-tesla-a100", 1, THEIRS)).usd_per_hour * HOURS * hours_a_day / 24 * DAYS_30


def _own(hours_a_day: float) -> float:
    """One replica on a Spot A100 that comes and goes: an expected value between none and one."""
    pool = {"accelerator": "nvidia-tesla-a100", "machine_type": "a2-highgpu-1g", "provisioning": "spot",
            "nodes": {"max": 1}}  # fmt: skip
    made = estimate(plan({"a100": pool}, {"vlm": model("a100", drain_sleep_seconds=5)}), table=THEIRS)
    assert made.total.max is not None
    return made.total.max * hours_a_day / 24 * DAYS_30


def test_3240_dollars_are_the_managed_endpoint_around_the_clock_for_30_days() -> None:
    assert _managed(24) == pytest.approx(3240)
    assert _managed(24) / DAYS_30 == pytest.approx(3285), "in a month of 730 hours"


def test_500_dollars_are_not_what_8_hours_a_day_cost() -> None:
    """They are 200 hours of Spot, which is 8 hours on 25 days; 30 days of them cost 600."""
    assert _own(8) == pytest.approx(600)
    assert _own(8) * 25 / 30 == pytest.approx(500)
    assert _managed(8) == pytest.approx(1080)


def test_85_percent_are_two_savings_and_scaling_is_only_one_of_them() -> None:
    both = 1 - _own(8) / _managed(24)
    scaling = 1 - _managed(8) / _managed(24)
    spot = 1 - _own(24) / _managed(24)
    assert pytest.approx(0.846, abs=1e-3) == 1 - 500 / 3240, "theirs"
    assert both == pytest.approx(0.815, abs=1e-3)
    assert scaling == pytest.approx(2 / 3)
    assert spot == pytest.approx(0.444, abs=1e-3)
    assert 1 - both == pytest.approx((1 - scaling) * (1 - spot))


def test_today_an_a100_costs_less_managed_than_the_source_document_says() -> None:
    cheapest = next(endpoints("nvidia-a100-80gb", 1))
    assert (cheapest.name, cheapest.usd_per_hour) == ("aws/nvidia-a100/x1", 2.5)
    assert next(endpoints("nvidia-tesla-a100", 1)).note == "80 GB instead of 40"


def test_an_endpoint_has_at_least_the_gpus_that_are_asked_for() -> None:
    assert next(endpoints("nvidia-l4", 2)).gpus == 4
    assert list(endpoints("nvidia-l4", 8)) == []
    assert list(endpoints("nvidia-b200", 1)) == []


def test_endpoints_that_hugging_face_no_longer_offers_are_not_in_the_table() -> None:
    assert prices().find("managed-endpoint", "aws/nvidia-h100/x1", "") is None


def test_a_managed_endpoint_is_cheaper_as_long_as_it_sleeps_enough() -> None:
    assert break_even_hours(1.0, 2.0) == HOURS / 2
    assert break_even_hours(2.0, 1.0) == HOURS
    assert break_even_hours(1.0, 2.0, own_sleeps=True) == 0
    assert break_even_hours(2.0, 1.0, own_sleeps=True) == HOURS


@given(own=st.floats(0.01, 100), managed=st.floats(0.01, 100), part=st.floats(0, 1))
def test_the_break_even_is_where_both_cost_the_same(own: float, managed: float, part: float) -> None:
    hours = break_even_hours(own, managed)
    assert 0 <= hours <= HOURS
    assert managed * hours * part <= own * HOURS + 1e-6
    if hours < HOURS:
        assert managed * hours == pytest.approx(own * HOURS)
