"""What the shipped environments cost, reckoned by hand from the rows of the price table.

Which nodes there are is written down here, from the stack files; only the prices are looked up.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from components.catalog.prices import HOURS, prices
from components.core.price import Kind
from components.cost.estimate import Estimate, estimate
from infra.plan.environments import load
from infra.stack.stackfile import load_project

ROOT = Path(__file__).resolve().parents[3]


def usd(kind: Kind, name: str, way: str = "") -> float:
    row = prices().find(kind, name, "us-central1", way)
    assert row is not None
    return row.usd


def machine(name: str, way: str = "on-demand", disk_gb: int = 200) -> float:
    """One node and its balanced boot disk for a month."""
    return usd("machine", name, way) * HOURS + disk_gb * usd("disk", "pd-balanced")


def made(environment: str) -> Estimate:
    found = load(ROOT / f"stacks/Pulumi.{environment}.yaml", load_project(ROOT))
    return estimate(found.plan, table=prices())


CONTROL_PLANE = 0.1 * HOURS
A100, A100_SPOT = machine("a2-highgpu-1g"), machine("a2-highgpu-1g", "spot")


def test_dev_is_one_t4_and_one_to_three_system_nodes() -> None:
    t4 = machine("n1-standard-8", "spot") + usd("gpu", "nvidia-tesla-t4", "spot") * HOURS
    system = machine("e2-standard-4", disk_gb=100)
    total = made("dev").total
    assert total.min == pytest.approx(t4 + system + CONTROL_PLANE)
    assert total.max == pytest.approx(t4 + 3 * system + CONTROL_PLANE)


def test_staging_is_ten_l4s_and_one_to_four_a100s_in_somebody_elses_cluster() -> None:
    l4 = 10 * machine("g2-standard-12")  # nine of the stable version and one of the canary
    total = made("staging").total
    assert total.min == pytest.approx(l4 + A100_SPOT)
    assert total.max == pytest.approx(l4 + 4 * A100_SPOT)
    replicas = 1 + (2.5 - 1) * 10 / 24  # 2.5 for ten hours, otherwise its one
    assert total.expected == pytest.approx(l4 + replicas * A100_SPOT)


def test_prod_is_least_where_every_pod_lands_where_it_is_cheapest_and_most_where_it_is_dearest() -> None:
    system = machine("e2-standard-8", disk_gb=100)
    others = CONTROL_PLANE + 1024 * 0.25 + 0.025 * HOURS  # a share of 1 TiB, and the first load balancer
    chat = 2 * 2  # both colours run
    # Flex-start without a price of its own: on-demand less 53 %, which is below Spot.
    flexible = usd("machine", "a2-highgpu-1g", "on-demand") * 0.47 * HOURS + 200 * usd("disk", "pd-balanced")
    assert flexible < A100_SPOT
    total = made("prod").total
    assert total.min == pytest.approx(chat * A100 + 3 * A100_SPOT + (4 + 1) * flexible + 2 * system + others)
    # chat's four and arr-coc-vlm's ten fill the 14 nodes of the pool; llama's 8 and 2 are on demand.
    assert total.max == pytest.approx((chat + 10) * A100 + (8 + 2) * A100 + 6 * system + others)


def test_nothing_that_is_shipped_lacks_a_price() -> None:
    assert [made(name).unknown for name in ("dev", "staging", "prod")] == [(), (), ()]
