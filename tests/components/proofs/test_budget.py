"""Ceilings in dollars and in GPUs: what counts against them, and what is not known."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from components.core.errors import ConfigError
from components.proofs.finding import Finding
from components.proofs.rules import prove
from tests.components.cost.plans import L4, L4_SPOT, model, plan

SCALED = {"min": 1, "max": 4, "cpu_percent": 80}
OF_GPUS = "over-gpu-quota"


def found(
    rule: str, pools: dict[str, Any], models: dict[str, Any], policy: dict[str, Any], **more: Any
) -> list[Finding]:
    return [one for one in prove(plan(pools, models, policy=policy, **more)) if one.rule == rule]


def over(usd: float, **settings: Any) -> list[Finding]:
    return found("over-budget", {"l4": L4}, {"llama": model("l4", **settings)}, {"budget": {"monthly_usd": usd}})


@pytest.mark.parametrize(("usd", "refused"), [(751, False), (750, True)])
def test_what_an_environment_can_cost_is_held_against_its_ceiling(usd: float, refused: bool) -> None:
    assert bool(over(usd)) == refused


def test_the_most_replicas_count_and_who_costs_most_is_named() -> None:
    assert over(3002, autoscaling=SCALED) == []
    (finding,) = over(1000, autoscaling=SCALED)
    assert finding.path == ("policy", "budget", "monthly_usd")
    assert "can cost $3,001 a month, and its ceiling is $1,000" in finding.message
    assert "node_pools.l4 up to $2,921 (g2-standard-12 with 1 L4)" in finding.message
    assert finding.remedies[-1] == "raise monthly_usd to 3002 or more"


def test_a_pod_that_fits_two_pools_is_held_against_the_ceiling_once() -> None:
    settings = {"replicas": 2, "drain_sleep_seconds": 5}
    pools = {"l4": L4, "spot": L4_SPOT}
    assert found("over-budget", pools, {"llama": model("l4", "spot", **settings)},
                 {"budget": {"monthly_usd": 1501}}) == []  # fmt: skip


def test_a_price_that_is_missing_is_told_and_the_rest_is_still_held_against_the_ceiling() -> None:
    cache = {"kind": "claim", "size": "1Ti", "access_mode": "ReadWriteMany", "storage_class": "ceph"}
    settings = ({"l4": L4}, {"llama": model("l4", cache=cache)})
    (unknown,) = found("budget-unknown", *settings, {"budget": {"monthly_usd": 900}})
    assert "what the storage class ceph makes" in unknown.message
    assert unknown.severity == "warning"
    assert unknown.remedies == ("look up what it costs, and lower policy.budget.monthly_usd by it",)
    edge = {"accelerator": "nvidia-h100-80gb", "machine_type": "a3-edgegpu-8g", "nodes": {"max": 1}}
    (unknown,) = found("budget-unknown", {"e": edge}, {"llama": model("e")}, {"budget": {"monthly_usd": 900}})
    assert unknown.remedies == ("infra prices update --from FILE, with a row for it",)
    (refused,) = found("over-budget", *settings, {"budget": {"monthly_usd": 700}})
    assert "what has no price left out" in refused.message


def test_nothing_is_reckoned_where_no_ceiling_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "components.cost.estimate", None)
    assert found("over-budget", {"l4": L4}, {"llama": model("l4")}, {}) == []
    with pytest.raises(ImportError):
        over(1)


def quota(gpus: int, preemptible: int | None = None) -> dict[str, Any]:
    more = {} if preemptible is None else {"preemptible": preemptible}
    return {"gpu_quota": {"nvidia-l4": {"gpus": gpus, **more}}}


@pytest.mark.parametrize(
    ("policy", "fields"),
    [
        (quota(20), []),
        (quota(19), ["gpus"]),
        (quota(10, 10), []),
        (quota(9, 10), ["gpus"]),
        (quota(10, 9), ["preemptible"]),
        (quota(9, 9), ["gpus", "preemptible"]),
    ],
)
def test_spot_counts_against_the_preemptible_quota_where_there_is_one(
    policy: dict[str, Any], fields: list[str]
) -> None:
    settings = model("l4", drain_sleep_seconds=5)
    refused = found(OF_GPUS, {"l4": L4, "spot": L4_SPOT}, {"llama": settings}, policy)
    assert [one.path for one in refused] == [("policy", "gpu_quota", "nvidia-l4", field) for field in fields]


def test_gpus_of_a_node_count_each_and_shared_ones_once() -> None:
    pair = {"l4": L4 | {"machine_type": "g2-standard-24"}}
    assert len(found(OF_GPUS, pair, {}, quota(19))) == 1
    assert found(OF_GPUS, pair, {}, quota(20)) == []
    shared = {"l4": L4 | {"sharing": {"kind": "time-sharing", "clients": 4}}}
    assert found(OF_GPUS, shared, {}, quota(10)) == []


def test_a_gpu_without_a_quota_is_not_checked() -> None:
    policy = {"gpu_quota": {"nvidia-tesla-t4": {"gpus": 0}}}
    assert found(OF_GPUS, {"l4": L4}, {"llama": model("l4")}, policy) == []


def test_pods_of_a_compute_class_count_in_what_the_pools_leave() -> None:
    choices = [{"machine_type": "g2-standard-12", "accelerator": "nvidia-l4"}]
    more = {"compute_classes": {"any": {"priorities": choices}}}
    models = {"llama": model("any", autoscaling=SCALED)}
    assert found(OF_GPUS, {"l4": L4}, models, quota(14), **more) == []
    (finding,) = found(OF_GPUS, {"l4": L4}, models, quota(13), **more)
    assert finding.path == ("policy", "gpu_quota", "nvidia-l4")
    assert "compute_classes.any ask for up to 4 nvidia-l4, and node pools leave 3" in finding.message


def test_a_quota_for_what_is_no_gpu_is_refused_with_the_one_that_is_meant() -> None:
    with pytest.raises(ConfigError, match=r'"l4" is not a GPU GKE has; did you mean nvidia-l4\?'):
        plan(policy={"gpu_quota": {"l4": {"gpus": 1}}})
