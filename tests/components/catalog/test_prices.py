"""The table of prices: every row is of something that is sold that way, and a team's own rows hold instead."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from components.catalog.accelerators import accelerators
from components.catalog.machines import machine_types
from components.catalog.prices import HOURS, KINDS, UNITS, Prices, hourly, prices
from components.catalog.table import rows
from components.core.price import PriceRow

NEVER_ON_DEMAND = ("a4-highgpu-8g",)
L4 = PriceRow("machine", "g2-standard-12", "on-demand", "us-central1", "hour", 9.0, "2026-11-01", "our invoice")


def test_every_price_is_of_a_machine_or_a_gpu_that_there_is() -> None:
    for row in prices().rows:
        assert row.kind in KINDS
        assert row.unit == UNITS[row.kind]
        assert row.usd > 0
        assert not row.region or re.fullmatch(r"[a-z]+-[a-z]+\d", row.region)
        assert date.fromisoformat(row.as_of) <= date(2026, 11, 21)
        assert row.source
        assert "; " not in row.source  # which parts the sources of one line
        if row.kind == "machine":
            assert row.name in machine_types()
            assert row.provisioning in ("on-demand", "spot", "flex-start")
        if row.kind == "gpu":
            assert row.name in accelerators()


def test_no_price_stands_twice() -> None:
    assert len(prices().rows) == len(rows("prices"))


def test_spot_and_flex_start_cost_less_than_on_demand_everywhere() -> None:
    """A table whose columns were mixed up once had on-demand GPUs below their Spot price."""
    for row in prices().rows:
        full = prices().find(row.kind, row.name, row.region, "on-demand")
        if row.provisioning in ("spot", "flex-start") and row.name not in NEVER_ON_DEMAND:
            assert full is not None
            assert full.region == row.region
            assert 0.05 < row.usd / full.usd < 0.7


def test_a_larger_machine_of_a_family_never_costs_less() -> None:
    for machine in machine_types().values():
        for other in machine_types().values():
            if (
                other.family == machine.family
                and other.vcpus >= machine.vcpus
                and other.memory_gib >= machine.memory_gib
            ):
                small, large = (
                    prices().find("machine", one.name, "us-central1", "on-demand") for one in (machine, other)
                )
                more_gpus = sum(max(count) for count in other.gpus.values()) >= sum(
                    max(count) for count in machine.gpus.values()
                )
                alike = set(other.gpus) == set(machine.gpus)  # a machine with H200 costs less than one with H100
                if small and large and small.region == large.region and more_gpus and alike:
                    assert large.usd >= small.usd


def test_a_region_without_a_price_gets_another_ones_that_says_where_it_is_of() -> None:
    row = prices().find("machine", "g2-standard-12", "europe-north9", "on-demand")
    assert row is not None
    assert row.region == "us-central1"
    own = prices().find("machine", "g2-standard-12", "europe-west4", "on-demand")
    assert own is not None
    assert own.region == "europe-west4"


def test_a_price_that_holds_everywhere_comes_before_another_regions() -> None:
    table = Prices([L4, replace(L4, region="", usd=3.0)])
    found = table.find("machine", "g2-standard-12", "europe-west4", "on-demand")
    assert found is not None
    assert found.usd == 3.0


def test_a_teams_own_row_holds_instead_of_the_catalogs_and_others_stay() -> None:
    table = prices().overridden([L4])
    assert table.find("machine", "g2-standard-12", "us-central1", "on-demand") == L4
    assert table.find("machine", "g2-standard-12", "us-central1", "spot") == prices().find(
        "machine", "g2-standard-12", "us-central1", "spot"
    )
    assert len(table.rows) == len(prices().rows)


def test_a_machine_that_comes_with_gpus_is_priced_with_them_and_not_twice() -> None:
    alone = prices().find("machine", "a2-highgpu-2g", "us-central1", "on-demand")
    made = hourly("a2-highgpu-2g", "nvidia-tesla-a100", 2)
    assert alone is not None
    assert made is not None
    assert made.usd_per_hour == alone.usd == pytest.approx(2 * 3.673385)


@pytest.mark.parametrize("machine", ["a4-highgpu-8g", "a4x-highgpu-4g"])
def test_what_has_no_sourced_price_has_none(machine: str) -> None:
    assert prices().find("machine", machine, "us-central1", "on-demand") is None


def test_a_machine_with_its_local_ssds_costs_what_its_parts_do() -> None:
    """The Billing Catalog has a3-ultragpu-8g at 10.4365 a GPU with its cores and memory, without 12,000 GiB of SSD.

    Source: huggingface.co/datasets/tanod/cloud-gpu-list-prices, 2026-10-13.
    """
    made = hourly("a3-ultragpu-8g", "nvidia-h200-141gb", 8)
    ssd = prices().find("disk", "local-ssd", "us-central1", "on-demand")
    assert made is not None
    assert ssd is not None
    assert made.usd_per_hour == pytest.approx(8 * 10.4365 + 12_000 * ssd.usd / HOURS, abs=1e-3)
