from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from components.gpu.node_pool import GpuNodePoolConfig, Nodes
from components.gpu.node_shape import node_shape
from components.gpu.placement import placement

POOL = "cloud.google.com/gke-nodepool"
ACCELERATOR = "cloud.google.com/gke-accelerator"
L4 = GpuNodePoolConfig(accelerator="nvidia-l4", machine_type="g2-standard-12", nodes=Nodes(max=4))
L4_SPOT = GpuNodePoolConfig(
    accelerator="nvidia-l4", machine_type="g2-standard-12", nodes=Nodes(max=4), provisioning="spot"
)
A100 = GpuNodePoolConfig(accelerator="nvidia-tesla-a100", machine_type="a2-highgpu-1g", nodes=Nodes(max=4))
CPU = GpuNodePoolConfig(machine_type="e2-standard-4", nodes=Nodes(max=4))


def admits(fragment: dict[str, Any], labels: dict[str, str], taints: Any) -> bool:
    """What the scheduler decides: selector, required affinity, and a toleration for every taint."""
    tolerated = {(t["key"], t["value"], t["effect"]) for t in fragment.get("tolerations", [])}
    if any((taint.key, taint.value, taint.effect) not in tolerated for taint in taints):
        return False
    if any(labels.get(key) != value for key, value in fragment.get("nodeSelector", {}).items()):
        return False
    affinity = fragment.get("affinity", {}).get("nodeAffinity", {})
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {}).get("nodeSelectorTerms")
    return required is None or any(
        all(labels.get(rule["key"]) in rule["values"] for rule in term["matchExpressions"]) for term in required
    )


def weights(fragment: dict[str, Any]) -> dict[str, int]:
    preferred = fragment["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    return {term["preference"]["matchExpressions"][0]["values"][0]: term["weight"] for term in preferred}


def test_one_pool_is_selected_by_name_and_gpu() -> None:
    fragment = placement({"l4": L4}, gpus=1)
    assert fragment["nodeSelector"] == {ACCELERATOR: "nvidia-l4", POOL: "l4"}
    assert "affinity" not in fragment


def test_earlier_pools_are_preferred() -> None:
    fragment = placement({"l4": L4, "l4-spot": L4_SPOT}, gpus=1)
    assert fragment["nodeSelector"] == {ACCELERATOR: "nvidia-l4"}
    assert weights(fragment)["l4"] == 100
    assert weights(fragment)["l4"] > weights(fragment)["l4-spot"] >= 1


def test_pools_with_different_gpus_are_told_apart_by_name_only() -> None:
    fragment = placement({"l4": L4, "a100": A100}, gpus=1)
    assert "nodeSelector" not in fragment
    (term,) = fragment["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert term["matchExpressions"] == [{"key": POOL, "operator": "In", "values": ["l4", "a100"]}]


def test_a_toleration_stands_once_however_many_pools_need_it() -> None:
    keys = [toleration["key"] for toleration in placement({"a": L4, "b": L4_SPOT, "c": A100}, gpus=1)["tolerations"]]
    assert keys == ["nvidia.com/gpu", "cloud.google.com/gke-spot"]


def test_a_pool_without_gpus_needs_no_toleration() -> None:
    assert placement({"cpu": CPU}, gpus=0) == {"nodeSelector": {POOL: "cpu"}}


def test_a_compute_class_chooses_instead_of_the_pod() -> None:
    fragment = placement({"l4": L4, "l4-spot": L4_SPOT}, compute_class="chat", gpus=1)
    assert fragment["nodeSelector"] == {"cloud.google.com/compute-class": "chat"}
    assert "affinity" not in fragment
    keys = [toleration["key"] for toleration in fragment["tolerations"]]
    assert keys == ["cloud.google.com/compute-class", "nvidia.com/gpu", "cloud.google.com/gke-spot"]


def test_autopilot_is_told_what_nodes_to_make() -> None:
    assert placement({"l4": L4_SPOT}, autopilot=True, gpus=2) == {
        "nodeSelector": {
            ACCELERATOR: "nvidia-l4",
            "cloud.google.com/gke-accelerator-count": "2",
            "cloud.google.com/gke-spot": "true",
        }
    }


def test_autopilot_requires_one_of_several_gpus() -> None:
    fragment = placement({"l4": L4, "a100": A100}, autopilot=True, gpus=1)
    assert fragment["nodeSelector"] == {"cloud.google.com/gke-accelerator-count": "1"}
    assert weights(fragment) == {"nvidia-l4": 100, "nvidia-tesla-a100": 51}
    assert "tolerations" not in fragment


def test_autopilot_with_on_demand_behind_spot_prefers_spot_without_requiring_it() -> None:
    fragment = placement({"spot": L4_SPOT, "l4": L4}, autopilot=True, gpus=1)
    affinity = fragment["affinity"]["nodeAffinity"]
    assert "requiredDuringSchedulingIgnoredDuringExecution" not in affinity
    assert weights(fragment) == {"true": 100}


def test_autopilot_without_gpus_asks_for_nothing() -> None:
    assert placement({"cpu": CPU}, autopilot=True, gpus=0) == {}


RESERVED = GpuNodePoolConfig(
    accelerator="nvidia-l4",
    machine_type="g2-standard-12",
    nodes=Nodes(max=4),
    provisioning="reservation",
    reservation="projects/team/reservations/l4",
)


def test_autopilot_consumes_a_reservation_only_when_the_pod_says_it_is_a_specific_one() -> None:
    selector = placement({"l4": RESERVED}, autopilot=True, gpus=1)["nodeSelector"]
    assert selector["cloud.google.com/reservation-affinity"] == "specific"
    assert selector["cloud.google.com/reservation-name"] == "l4"
    assert selector["cloud.google.com/reservation-project"] == "team"


def described(**labels: str) -> GpuNodePoolConfig:
    return GpuNodePoolConfig(accelerator="nvidia-l4", machine_type="g2-standard-12", exists=True, labels=labels)


def test_a_pool_outside_gke_is_selected_by_the_labels_it_declares() -> None:
    fragment = placement({"gpu": described(gpu="l4")}, on_gke=False, gpus=1)
    assert fragment["nodeSelector"] == {"gpu": "l4"}
    assert [toleration["key"] for toleration in fragment["tolerations"]] == ["nvidia.com/gpu"]


def test_pools_outside_gke_are_required_and_preferred_by_the_labels_that_differ() -> None:
    pools = {"near": described(gpu="l4", rack="a"), "far": described(gpu="l4", rack="b")}
    fragment = placement(pools, on_gke=False, gpus=1)
    assert fragment["nodeSelector"] == {"gpu": "l4"}
    assert weights(fragment) == {"a": 100, "b": 51}
    for name, pool in pools.items():
        shape = node_shape(name, pool, location="", on_gke=False)
        assert admits(fragment, dict(shape.labels), shape.taints)
    stranger = node_shape("stranger", described(gpu="l4", rack="c"), location="", on_gke=False)
    assert not admits(fragment, dict(stranger.labels), stranger.taints)


def test_a_node_outside_gke_carries_no_label_of_gke() -> None:
    labels = node_shape("gpu", described(gpu="l4"), location="", on_gke=False).labels
    assert labels == {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "gpu": "l4"}


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]([a-z0-9-]{0,50}[a-z0-9])?", fullmatch=True),
        st.sampled_from([L4, L4_SPOT, A100, CPU]),
        min_size=1,
        max_size=12,
    )
)
def test_a_placed_pod_fits_each_of_its_pools_and_no_other(pools: dict[str, GpuNodePoolConfig]) -> None:
    fragment = placement(pools, gpus=1)
    for name, config in pools.items():
        shape = node_shape(name, config, location="us-central1")
        assert admits(fragment, dict(shape.labels), shape.taints)
    stranger = node_shape("stranger-of-another-name", A100, location="us-central1")
    assert not admits(fragment, dict(stranger.labels), stranger.taints)


@given(st.integers(2, 60))
def test_the_order_of_pools_is_the_order_of_weights(count: int) -> None:
    names = [f"p{number}" for number in range(count)]
    found = weights(placement(dict.fromkeys(names, L4), gpus=1))
    assert list(found) == names
    assert sorted(found.values(), reverse=True) == list(found.values())
    assert all(1 <= weight <= 100 for weight in found.values())
    assert len(set(found.values())) == count
