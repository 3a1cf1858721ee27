from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from components.core.config import LabelValue
from components.core.errors import ConfigError, MisfitError
from components.gpu.compute_class import ComputeClassConfig, class_pools, compute_class
from components.gpu.node_pool import GpuNodePoolConfig, Nodes
from components.gpu.node_shape import node_shape
from components.gpu.placement import placement
from infra.plan.environment import PoolName

BOUND = GpuNodePoolConfig(
    accelerator="nvidia-l4", machine_type="g2-standard-12", nodes=Nodes(max=4), compute_class="chat"
)
MACHINE: dict[str, Any] = {"machine_type": "a2-highgpu-1g", "accelerator": "nvidia-tesla-a100"}


def spec(*priorities: dict[str, Any], pools: dict[str, GpuNodePoolConfig] | None = None, **fields: Any) -> Any:
    config = ComputeClassConfig(priorities=priorities, **fields)
    return compute_class("chat", config, pools=pools or {}).items[0].properties["spec"]


def test_priorities_keep_their_order() -> None:
    built = spec(
        {**MACHINE, "provisioning": "reservation", "reservation": "mine", "zones": ["us-central1-a"]},
        MACHINE,
        {**MACHINE, "provisioning": "flex-start", "max_run_duration_seconds": 3600},
        {**MACHINE, "provisioning": "spot", "zones": ["us-central1-a"]},
    )
    reserved, on_demand, flex_start, spot = built["priorities"]
    assert reserved["reservations"]["affinity"] == "Specific"
    assert not {"spot", "flexStart", "reservations"} & on_demand.keys()
    assert flex_start["flexStart"] == {"enabled": True}
    assert flex_start["maxRunDurationSeconds"] == 3600
    assert spot["spot"] is True
    assert spot["location"] == {"zones": ["us-central1-a"]}


def test_a_reservation_takes_the_zones_that_gke_refuses_beside_it() -> None:
    (priority,) = spec(
        {
            **MACHINE,
            "provisioning": "reservation",
            "reservation": "projects/my-project/reservations/r",
            "zones": ["us-east1-b"],
        }
    )["priorities"]
    assert "location" not in priority
    assert priority["reservations"]["specific"] == [{"name": "r", "project": "my-project", "zones": ["us-east1-b"]}]


def test_node_pools_stand_alone_because_gke_allows_nothing_beside_them() -> None:
    assert spec({"node_pools": ["l4"]}, pools={"l4": BOUND})["priorities"] == [{"nodepools": ["l4"]}]


def test_pods_move_back_and_wait_rather_than_land_on_cpu_nodes() -> None:
    built = spec(MACHINE)
    assert built["activeMigration"] == {"optimizeRulePriority": True}
    assert built["whenUnsatisfiable"] == "DoNotScaleUp"


def test_pools_are_created_only_where_a_machine_is_named() -> None:
    assert spec(MACHINE)["nodePoolAutoCreation"] == {"enabled": True}
    assert spec({"node_pools": ["l4"]}, pools={"l4": BOUND})["nodePoolAutoCreation"] == {"enabled": False}


def test_a_pool_that_the_class_makes_is_not_taken_for_one_of_the_stack() -> None:
    config = ComputeClassConfig(priorities=[{"node_pools": ["chat-1"]}, MACHINE])
    named = BOUND.with_changes(machine_type="g2-standard-24")
    pools = class_pools("chat", config, {"chat-1": named})
    assert [pool.machine_type for pool in pools.values()] == ["g2-standard-24", MACHINE["machine_type"]]
    for name in pools.keys() - {"chat-1"}:
        with pytest.raises(ValidationError, match="string_pattern_mismatch"):
            TypeAdapter(PoolName).validate_python(name)
        label = node_shape(name, pools[name], location="us-central1").labels["cloud.google.com/gke-nodepool"]
        assert TypeAdapter(LabelValue).validate_python(label) == label


def test_a_pod_of_the_class_tolerates_every_node_it_can_get() -> None:
    config = ComputeClassConfig(priorities=[{"node_pools": ["l4"]}, {**MACHINE, "provisioning": "spot"}])
    pools = class_pools("chat", config, {"l4": BOUND})
    keys = [toleration["key"] for toleration in placement(pools, compute_class="chat", gpus=1)["tolerations"]]
    assert keys == ["cloud.google.com/compute-class", "nvidia.com/gpu", "cloud.google.com/gke-spot"]


@pytest.mark.parametrize(
    ("priorities", "text"),
    [
        ([], "priorities: is empty; name at least one choice"),
        ([{}], "priorities[0]: is empty; name node_pools that are there, or a machine_type GKE may create"),
        (
            [{"node_pools": ["l4"], "provisioning": "spot"}],
            "priorities[0]: node_pools stands alone; remove provisioning, or name a machine_type instead",
        ),
        ([MACHINE, {**MACHINE, "gpus": 2}], "priorities[1].gpus: got 2; a2-highgpu-1g comes with 1 nvidia-tesla-a100"),
        ([{**MACHINE, "provisioning": "reservation"}], "priorities[0].reservation: is required with provisioning"),
        ([{**MACHINE, "provisioning": "flexstart"}], 'provisioning: got "flexstart"; did you mean flex-start?'),
    ],
)
def test_a_wrong_priority_is_explained_with_its_place(priorities: list[Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ComputeClassConfig(priorities=priorities)
    assert text in str(caught.value)


def test_a_pool_that_does_not_exist_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(MisfitError, match=r'no node pool "l4-sopt"; did you mean l4-spot\?'):
        spec({"node_pools": ["l4-sopt"]}, pools={"l4-spot": BOUND})


def test_a_pool_that_does_not_carry_the_class_is_refused() -> None:
    stranger = BOUND.with_changes(compute_class=None)
    with pytest.raises(MisfitError, match="pool l4 does not carry this class; set compute_class: chat on the pool"):
        spec({"node_pools": ["l4"]}, pools={"l4": stranger})


def test_a_pool_that_carries_the_class_but_is_never_named_is_refused() -> None:
    with pytest.raises(MisfitError, match="pool l4 carries the class but no priority names it"):
        spec(MACHINE, pools={"l4": BOUND})


def test_an_autopilot_cluster_has_no_pools_to_name() -> None:
    config = ComputeClassConfig(priorities=[{"node_pools": ["l4"]}])
    with pytest.raises(MisfitError, match="an Autopilot cluster has no node pools"):
        compute_class("chat", config, pools={"l4": BOUND}, autopilot=True)
