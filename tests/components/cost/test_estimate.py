"""What environments cost: nodes from pods, a band from fewest to most replicas, and no unknown price taken for 0."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.catalog.prices import HOURS, Prices, prices
from components.core.errors import ConfigError
from components.core.manifest import object_item
from components.core.plan import Part
from components.core.price import PriceRow
from components.cost.estimate import Estimate, estimate
from components.cost.line import Line

from .plans import CLUSTER, EXISTING, L4, L4_SPOT, T4, TINY, model, plan

SCALED = {"min": 1, "max": 4, "cpu_percent": 80}
HOUR_L4 = 1.00041629
EDGE_DISK = 20
SPOT = {"provisioning": "spot"}
LIGHT = {"shared_memory": "512Mi", "cache": {"kind": "node-disk", "size": "10Gi"}}


def line(made: Estimate, at: str, kind: str) -> Line:
    (found,) = [one for one in made.lines if one.at == at and one.kind == kind]
    return found


def quantity(made: Estimate, at: str, kind: str = "gpu") -> tuple[float, float | None, float | None]:
    return tuple(line(made, at, kind).quantity)  # type: ignore[return-value]


def of_l4(**settings: Any) -> Estimate:
    return estimate(plan({"l4": L4}, {"llama": model("l4", **settings)}))


def test_a_pool_costs_from_what_the_fewest_replicas_need_to_what_the_most_need() -> None:
    made = of_l4(autoscaling=SCALED)
    assert quantity(made, "node_pools.l4") == (1, 4, None)
    band = line(made, "node_pools.l4", "gpu").band
    assert band.min == pytest.approx(HOUR_L4 * HOURS)
    assert band.max == pytest.approx(4 * HOUR_L4 * HOURS)


def test_nodes_that_are_always_there_are_paid_for_without_pods() -> None:
    made = estimate(plan({"l4": L4 | {"nodes": {"min": 3, "max": 10}}}, {"llama": model("l4")}))
    assert quantity(made, "node_pools.l4") == (3, 3, 3)


def test_no_pool_grows_beyond_its_maximum() -> None:
    pool = L4 | {"nodes": {"min": 0, "max": 3}}
    assert quantity(estimate(plan({"l4": pool}, {"llama": model("l4", autoscaling=SCALED)})), "node_pools.l4")[1] == 3


def test_a_pool_that_nothing_runs_in_costs_nothing_and_is_not_listed() -> None:
    assert estimate(plan({"l4": L4})).lines == ()


def test_pods_share_a_node_with_several_gpus() -> None:
    pair = L4 | {"machine_type": "g2-standard-24"}
    made = estimate(plan({"l4": pair}, {"llama": model("l4", replicas=3, resources=TINY, **LIGHT)}))
    assert quantity(made, "node_pools.l4") == (2, 2, 2)
    assert line(made, "node_pools.l4", "gpu").what == "g2-standard-24 with 2 L4"


def test_gpus_that_come_with_a_machine_are_not_paid_for_twice() -> None:
    made = of_l4()
    assert [one.kind for one in made.lines] == ["gpu", "disk"]
    assert line(made, "node_pools.l4", "gpu").usd_per_unit == pytest.approx(HOUR_L4)


def test_gpus_that_are_attached_are_paid_for_beside_their_machine() -> None:
    made = estimate(plan({"t4": T4}, {"small": model("t4", engine={"kind": "custom", "image": "a.example.com/b:1"})}))
    assert line(made, "node_pools.t4", "host").band.min == pytest.approx(0.379998 * HOURS)
    assert line(made, "node_pools.t4", "gpu").band.min == pytest.approx(0.35 * HOURS)


def test_local_ssds_that_come_with_a_machine_are_in_its_price_and_others_are_not() -> None:
    a100 = {"accelerator": "nvidia-a100-80gb", "machine_type": "a2-ultragpu-1g", "nodes": {"max": 2}}
    bundled = estimate(plan({"a": a100 | {"local_ssd_count": 1}}, {"llama": model("a")}))
    assert [one.what for one in bundled.lines if one.kind == "disk"] == ["boot disk of 200 GB, pd-balanced"]
    attached = estimate(plan({"l4": L4 | {"local_ssd_count": 2}}, {"llama": model("l4")}))
    ssd = next(one for one in attached.lines if one.what.startswith("local SSD"))
    assert ssd.quantity.min == 750
    assert ssd.band.min == pytest.approx(750 * 0.08)


def test_spot_has_its_own_price_and_its_boot_disk_the_usual_one() -> None:
    made = estimate(plan({"l4": L4_SPOT}, {"llama": model("l4", drain_sleep_seconds=5)}))
    assert line(made, "node_pools.l4", "gpu").usd_per_unit == pytest.approx(0.600068)
    assert line(made, "node_pools.l4", "gpu").provisioning == "spot"
    assert line(made, "node_pools.l4", "disk").band.min == pytest.approx(20)


def test_a_reservation_is_billed_like_on_demand() -> None:
    pool = L4 | {"provisioning": "reservation", "reservation": "mine"}
    made = estimate(plan({"l4": pool}, {"llama": model("l4")}))
    assert line(made, "node_pools.l4", "gpu").usd_per_unit == pytest.approx(HOUR_L4)


def test_flex_start_costs_on_demand_at_most_and_what_the_discount_leaves_at_least() -> None:
    pool = L4 | {"provisioning": "flex-start"}
    found = line(estimate(plan({"l4": pool}, {"llama": model("l4")})), "node_pools.l4", "gpu")
    assert found.band.min == pytest.approx(0.47 * HOUR_L4 * HOURS)
    assert found.band.max == found.band.expected == pytest.approx(HOUR_L4 * HOURS)
    assert "up to 53%" in found.what


def test_another_regions_price_is_said() -> None:
    made = estimate(plan({"l4": L4 | {"zones": ["europe-west1-b"]}}, {"llama": model(
        "l4", cache={"kind": "claim", "size": "1Ti", "access_mode": "ReadWriteMany", "storage_class": "zonal-rwx"})},
        cluster=EXISTING | {"location": "europe-west1"}))  # fmt: skip
    assert all(one.what.endswith("(price of us-central1)") for one in made.lines)
    near = estimate(plan({"l4": L4}, {"llama": model("l4")}, cluster=EXISTING | {"location": "us-east4"}))
    assert not any("price of" in one.what for one in near.lines)


def test_what_has_no_price_makes_the_total_unknown_and_is_named() -> None:
    edge = {"accelerator": "nvidia-h100-80gb", "machine_type": "a3-edgegpu-8g", "nodes": {"max": 1}}
    made = estimate(plan({"edge": edge, "l4": L4}, {"a": model("edge"), "b": model("l4")}))
    assert made.total.max is None
    assert made.total.expected is None
    assert made.total.min == pytest.approx(HOUR_L4 * HOURS + 20 + EDGE_DISK)
    assert made.unknown[0].startswith("node_pools.edge: a3-edgegpu-8g with 8 H100")
    assert [one.band.min for one in made.models] == [None, pytest.approx(HOUR_L4 * HOURS + 20)]
    as_json = made.as_json()
    assert as_json["lines"][0]["max_usd"] is None
    assert "no price of a3-edgegpu-8g" in str(as_json["lines"][0]["unknown"])


def test_a_price_of_the_teams_own_makes_it_known() -> None:
    h200 = {"accelerator": "nvidia-h200-141gb", "machine_type": "a3-ultragpu-8g", "nodes": {"max": 1}} | SPOT
    row = PriceRow("machine", "a3-ultragpu-8g", "spot", "", "hour", 80.0, "2026-11-01", "our contract")
    disk = PriceRow("disk", "hyperdisk-balanced", "", "", "GiB-month", 0.1, "2026-11-01", "our contract")
    made = estimate(
        plan({"h200": h200}, {"a": model("h200", drain_sleep_seconds=5)}), table=prices().overridden([row, disk])
    )
    assert made.unknown == ()
    assert made.total.max == pytest.approx(80 * HOURS + 20)


def test_pods_that_fit_several_pools_are_in_each_line_and_once_in_the_total() -> None:
    both = plan({"l4": L4, "spot": L4_SPOT}, {"llama": model("l4", "spot", replicas=2, drain_sleep_seconds=5)})
    made = estimate(both)
    assert made.shared
    assert quantity(made, "node_pools.l4")[:2] == (0, 2)
    assert quantity(made, "node_pools.spot")[:2] == (0, 2)
    assert made.total.min == pytest.approx(2 * (0.600068 * HOURS + 20)), "where it costs least"
    assert made.total.max == pytest.approx(2 * (HOUR_L4 * HOURS + 20)), "where it costs most"


def test_pods_fill_nodes_that_are_there_before_they_cost_more() -> None:
    idle = L4 | {"nodes": {"min": 2, "max": 4}}
    made = estimate(
        plan({"l4": idle, "spot": L4_SPOT}, {"llama": model("l4", "spot", replicas=2, drain_sleep_seconds=5)})
    )
    assert made.total.min == pytest.approx(2 * (HOUR_L4 * HOURS + 20))


def test_a_compute_class_costs_from_its_cheapest_choice_to_its_dearest() -> None:
    choices = [
        {"machine_type": "g2-standard-12", "accelerator": "nvidia-l4", "provisioning": "spot"},
        {"machine_type": "g2-standard-16", "accelerator": "nvidia-l4"},
    ]
    settings = {"replicas": 2, "drain_sleep_seconds": 5, "resources": {"cpu": 4, "memory": "16Gi"}}
    made = estimate(plan({}, {"llama": model("any", **settings)}, compute_classes={"any": {"priorities": choices}}))
    found = line(made, "compute_classes.any", "gpu")
    assert found.band.min == pytest.approx(2 * 0.600068 * HOURS)
    assert found.band.max == pytest.approx(2 * 1.1472083 * HOURS)
    assert found.band.expected == pytest.approx(2 * 0.600068 * HOURS), "the first choice"
    assert found.provisioning == "spot or on-demand"


def test_the_system_pool_counts_from_its_fewest_nodes_to_its_most() -> None:
    made = estimate(plan(cluster=CLUSTER | {"system_pool": {"nodes": {"min": 1, "max": 5}}}))
    assert quantity(made, "cluster.system_pool", "node")[:2] == (1, 5), "charts' pods are not told by the plan"
    assert line(made, "cluster", "control-plane").band.max == pytest.approx(73)


def test_a_cluster_that_is_there_already_is_somebody_elses() -> None:
    assert [one.at for one in of_l4().lines] == ["node_pools.l4", "node_pools.l4"]


def test_a_cluster_that_is_reached_by_kubeconfig_is_not_priced_at_nothing() -> None:
    made = estimate(plan(cluster={"kind": "kubeconfig"}))
    assert made.total.max is None
    assert len(made.unknown) == 1


def test_filestore_is_sold_by_the_tebibyte_and_an_ordinary_disk_by_what_it_has() -> None:
    def claim(**settings: Any) -> Line:
        cache = {"kind": "claim", "access_mode": "ReadWriteMany", **settings}
        return line(of_l4(cache=cache), "models.llama", "storage")

    assert claim(size="200Gi", storage_class="standard-rwx").quantity.min == 1024
    assert claim(size="200Gi", storage_class="premium-rwx").band.max == pytest.approx(2560 * 0.3)
    assert claim(size="2Ti", storage_class="zonal-rwx").band.max == pytest.approx(2048 * 0.25)
    disk = claim(size="200Gi", storage_class="premium-rwo", access_mode="ReadWriteOnce")
    assert disk.band.max == pytest.approx(200 * 0.17)
    assert "it is not known what the storage class ceph makes" in claim(size="1Gi", storage_class="ceph").unknown


SNAPSHOT = {"kind": "hyperdisk-ml", "size": "100Gi", "snapshot": "weights", "zones": ["us-central1-a", "us-central1-b"]}


def hyperdisk(**settings: Any) -> list[Line]:
    made = of_l4(cache={"kind": "hyperdisk-ml", "size": "100Gi", **settings})
    return [one for one in made.lines if one.kind == "storage"]


def test_a_hyperdisk_ml_disk_is_paid_for_in_each_zone_by_size_and_by_throughput() -> None:
    size, speed = hyperdisk(**SNAPSHOT, throughput_mib=1200)
    assert size.band.max == pytest.approx(2 * 100 * 0.08)
    assert speed.unit == "MiB/s-month"
    assert speed.band.max == pytest.approx(2 * 1200 * 0.12)


@pytest.mark.parametrize(("size", "speed"), [("100Gi", 2400), ("10Gi", 400)])
def test_throughput_that_nobody_asks_for_is_paid_for_too(size: str, speed: int) -> None:
    assert hyperdisk(**(SNAPSHOT | {"size": size}))[1].quantity == (2 * speed, 2 * speed, 2 * speed)


def test_the_throughput_of_a_disk_that_is_there_is_not_known() -> None:
    size, speed = hyperdisk(disk="projects/p-1/zones/us-central1-a/disks/weights")
    assert size.band.max == pytest.approx(100 * 0.08)
    assert "a throughput of its own" in speed.unknown


def test_a_disk_for_each_replica_is_paid_for_as_often_as_there_are_replicas() -> None:
    found = line(of_l4(cache={"kind": "replica-disk", "size": "100Gi"}, autoscaling=SCALED), "models.llama", "storage")
    assert found.quantity == (100, 400, None)


def test_a_claim_belongs_to_its_model() -> None:
    made = of_l4(cache={"kind": "claim", "size": "100Gi", "access_mode": "ReadWriteOnce"})
    assert made.models[0].band.max == pytest.approx(HOUR_L4 * HOURS + 20 + 10)


def test_the_first_load_balancer_pays_for_five() -> None:
    addons = {"istio": "install", "istio_ingress": "install"}
    made = estimate(plan(cluster=CLUSTER, addons=addons))
    assert line(made, "addons.istio_ingress", "load-balancer").band.max == pytest.approx(0.025 * HOURS)


def test_load_balancers_beyond_the_fifth_cost_their_own() -> None:
    items = tuple(
        object_item(
            f"service-{number}",
            "edge",
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": f"edge-{number}", "namespace": "edge"},
                "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
            },
        )
        for number in range(7)
    )
    base = plan()
    made = estimate(replace(base, parts=(*base.parts, Part("Edge", "edge", items))))
    assert [one.band.max for one in made.lines] == pytest.approx([0.025 * HOURS, 0.01 * HOURS, 0.01 * HOURS])


def test_autopilot_bills_pods_and_the_price_of_those_with_gpus_is_not_known() -> None:
    cluster = CLUSTER | {"mode": "autopilot"}
    del cluster["filestore"]
    server = model(engine={"kind": "custom", "image": "a.example.com/b:1"}, resources={"cpu": 2, "memory": "4Gi"})
    made = estimate(plan({"l4": L4}, {"cpu": server, "gpu": model("l4")}, cluster=cluster))
    assert all(one.at.startswith(("models.", "cluster")) for one in made.lines)
    cpu = next(one for one in made.lines if one.what.startswith("vCPU of cpu"))
    assert cpu.band.max == pytest.approx(2 * 0.0445 * HOURS)
    assert any(one.startswith("models.gpu") for one in made.unknown)


def test_what_is_expected_follows_from_the_use_that_is_stated() -> None:
    made = of_l4(autoscaling=SCALED, usage={"average_replicas": 2.5})
    assert quantity(made, "node_pools.l4") == (1, 4, 2.5)
    day = of_l4(autoscaling=SCALED, usage={"average_replicas": 4, "hours_per_day": 8})
    assert quantity(day, "node_pools.l4")[2] == pytest.approx(1 + 3 * 8 / 24)
    assert day.total.expected == pytest.approx(2 * (HOUR_L4 * HOURS + 20))
    assert day.models[0].band.expected == pytest.approx(2 * (HOUR_L4 * HOURS + 20))


def test_on_autopilot_too_what_is_expected_follows_from_use() -> None:
    cluster = CLUSTER | {"mode": "autopilot"}
    del cluster["filestore"]
    server = model(
        engine={"kind": "custom", "image": "a.example.com/b:1"}, resources={"cpu": 2, "memory": "4Gi"},
        autoscaling=SCALED, usage={"average_replicas": 2})  # fmt: skip
    made = estimate(plan({}, {"cpu": server}, cluster=cluster))
    cpu = next(one for one in made.lines if one.what.startswith("vCPU of cpu"))
    assert cpu.quantity == (2, 8, 4)


@pytest.mark.parametrize(
    ("average", "settings", "told"),
    [
        (0.5, {"autoscaling": SCALED}, "got 0.5; the model has 1 to 4 replicas: use 1,"),
        (4.5, {"autoscaling": SCALED}, "got 4.5; the model has 1 to 4 replicas: use 4,"),
        (2, {}, "got 2; the model always has 1 replica: drop it"),
        (3, {"replicas": 2, "rollout": {"kind": "blue-green", "active": "blue", "green": {}}}, "always has 4 replicas"),
    ],
)
def test_an_average_that_the_model_cannot_have_is_refused(average: float, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)) as refused:
        of_l4(**settings, usage={"average_replicas": average})
    assert refused.value.problems[0].path == ("models", "llama", "usage", "average_replicas")


def test_without_an_average_the_most_replicas_are_used() -> None:
    assert quantity(of_l4(autoscaling=SCALED, usage={}), "node_pools.l4")[2] == 4


def test_versions_of_a_model_share_its_average() -> None:
    rollout = {"kind": "canary", "canary": {"autoscaling": {"min": 1, "max": 2, "cpu_percent": 80}}}
    made = of_l4(autoscaling=SCALED, rollout=rollout, usage={"average_replicas": 4})
    assert list(quantity(made, "node_pools.l4")) == pytest.approx([2, 6, 4])


def test_a_million_tokens_cost_what_a_busy_replica_does() -> None:
    made = of_l4(usage={"tokens_per_second": 1000})
    per_million = (HOUR_L4 + 20 / HOURS) / 3.6
    assert list(made.models[0].million_tokens or ()) == pytest.approx([per_million, per_million])
    assert of_l4().models[0].million_tokens is None


def test_the_date_is_that_of_the_oldest_price() -> None:
    rows = [
        PriceRow("machine", "g2-standard-12", "on-demand", "", "hour", 1.0, "2026-01-02", "a"),
        PriceRow("disk", "pd-balanced", "", "", "GiB-month", 0.1, "2026-03-04", "b"),
    ]
    made = estimate(plan({"l4": L4}, {"llama": model("l4")}), table=Prices(rows))
    assert made.as_of == "2026-01-02"


def test_a_ceiling_is_told_with_the_estimate() -> None:
    made = estimate(plan({"l4": L4}, {"llama": model("l4")}, policy={"budget": {"monthly_usd": 900}}))
    assert made.as_json()["ceiling_usd"] == 900


POOL = st.fixed_dictionaries(
    {
        "machine": st.sampled_from([("nvidia-l4", "g2-standard-12"), ("nvidia-l4", "g2-standard-48"),
                                    ("nvidia-tesla-a100", "a2-highgpu-1g"), ("nvidia-h100-80gb", "a3-edgegpu-8g")]),
        "way": st.sampled_from(["on-demand", "spot", "flex-start"]),
        "min": st.integers(0, 3),
        "more": st.integers(1, 6),
    }
)  # fmt: skip
MODEL = st.fixed_dictionaries(
    {
        "on": st.sets(st.integers(0, 2), min_size=1, max_size=2),
        "min": st.integers(1, 4),
        "more": st.integers(0, 5),
        "usage": st.none()
        | st.fixed_dictionaries({}, optional={"hours_per_day": st.floats(0, 24), "average_replicas": st.floats(0, 12)}),
    }
)


def possible(one: dict[str, Any]) -> dict[str, Any]:
    """A usage whose average is among the replicas of its model."""
    usage = dict(one["usage"])
    if "average_replicas" in usage:
        usage["average_replicas"] = float(min(max(usage["average_replicas"], one["min"]), one["min"] + one["more"]))
    return usage


def environment(pools: list[dict[str, Any]], models: list[dict[str, Any]]) -> Estimate:
    made = {
        f"p{number}": {
            "accelerator": pool["machine"][0],
            "machine_type": pool["machine"][1],
            "provisioning": pool["way"],
            "nodes": {"min": 0 if pool["way"] == "flex-start" else pool["min"], "max": pool["min"] + pool["more"]},
        }
        for number, pool in enumerate(pools)
    }
    of = {
        f"m{number}": model(
            *(f"p{one % len(pools)}" for one in sorted(one["on"])),
            autoscaling={"min": one["min"], "max": one["min"] + one["more"], "cpu_percent": 80},
            resources=TINY,
            drain_sleep_seconds=5,
            **LIGHT,
            **({"usage": possible(one)} if one["usage"] is not None else {}),
        )
        for number, one in enumerate(models)
        for one in [one | {"on": {place % len(pools) for place in one["on"]}}]
    }
    return estimate(plan(made, of))


@settings(max_examples=60, deadline=None)
@given(pools=st.lists(POOL, min_size=1, max_size=3), models=st.lists(MODEL, max_size=4))
def test_bands_are_in_order_add_up_and_never_take_what_is_unknown_for_nothing(
    pools: list[dict[str, Any]], models: list[dict[str, Any]]
) -> None:
    made = environment(pools, models)
    for one in [*(line.band for line in made.lines), *(cost.band for cost in made.models), made.known]:
        steps = [value for value in one if value is not None]
        assert all(value >= 0 for value in steps)
        assert all(low <= high + 1e-6 for low, high in pairwise(steps))
    for line in made.lines:
        assert (line.band.max is None) == bool(line.unknown)
        assert bool(line.unknown) != bool(line.source)
    least, most = (sum(getattr(line.band, end) or 0 for line in made.lines) for end in ("min", "max"))
    assert made.known.min is not None
    assert made.known.max is not None
    assert least <= made.known.min + 1e-6
    assert made.known.max <= most + 1e-6
    if not made.shared:
        assert least == pytest.approx(made.known.min)
        assert most == pytest.approx(made.known.max)
    assert (made.total.max is None) == bool(made.unknown)
    unpriced = any(line.unknown for line in made.lines)
    assert bool(made.unknown) == unpriced
