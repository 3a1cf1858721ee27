from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.catalog.accelerators import accelerators
from components.catalog.machines import accelerators_of_machines, machine_types, provisioning_limits
from components.catalog.zones import lacks
from components.core.errors import ConfigError, MisfitError
from components.core.plan import Late, Part, Taint
from components.gpu.node_pool import GpuNodePoolConfig, Nodes, node_pool
from components.gpu.node_shape import node_shape

L4: dict[str, Any] = {"accelerator": "nvidia-l4", "machine_type": "g2-standard-12", "nodes": {"max": 4}}
A100: dict[str, Any] = {"accelerator": "nvidia-tesla-a100", "machine_type": "a2-highgpu-1g", "nodes": {"max": 4}}
T4: dict[str, Any] = {"accelerator": "nvidia-tesla-t4", "machine_type": "n1-standard-4", "nodes": {"max": 4}}


def pool(location: str = "us-central1", **fields: Any) -> Part:
    config = GpuNodePoolConfig(**fields)
    return node_pool("gpu", config, cluster="prod", project="my-project", location=location)


def properties(location: str = "us-central1", **fields: Any) -> dict[str, Any]:
    (item,) = pool(location, **fields).items
    return dict(item.properties)


def messages(**fields: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        GpuNodePoolConfig(**fields)
    return str(caught.value)


def test_three_fields_are_a_pool() -> None:
    node_config = properties(**L4)["nodeConfig"]
    assert node_config["machineType"] == "g2-standard-12"
    assert node_config["guestAccelerators"] == [
        {"type": "nvidia-l4", "count": 1, "gpuDriverInstallationConfig": {"gpuDriverVersion": "DEFAULT"}}
    ]


def test_the_node_counts_are_pool_wide_and_no_first_count_is_fixed() -> None:
    given_properties = properties(**L4)
    assert given_properties["autoscaling"] == {
        "totalMinNodeCount": 0,
        "totalMaxNodeCount": 4,
        "locationPolicy": "ANY",
    }
    assert not {"initialNodeCount", "nodeCount"} & given_properties.keys()


def test_what_other_controllers_own_is_ignored() -> None:
    (item,) = pool(**L4).items
    assert set(item.ignore_changes) == {"initialNodeCount", "nodeCount", "version"}


def test_an_upgrade_needs_no_spare_gpu() -> None:
    assert properties(**L4)["upgradeSettings"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_the_gpu_taint_is_declared_because_gke_sets_it_only_sometimes() -> None:
    assert properties(**L4)["nodeConfig"]["taints"] == [
        {"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}
    ]


def test_a_spot_pool_declares_the_taint_gke_leaves_out() -> None:
    node_config = properties(**T4, provisioning="spot")["nodeConfig"]
    assert node_config["spot"] is True
    assert {"key": "cloud.google.com/gke-spot", "value": "true", "effect": "NO_SCHEDULE"} in node_config["taints"]


def test_a_pool_of_a_compute_class_carries_its_label_and_taint() -> None:
    node_config = properties(**L4, compute_class="chat")["nodeConfig"]
    assert node_config["labels"] == {"cloud.google.com/compute-class": "chat"}
    assert {"key": "cloud.google.com/compute-class", "value": "chat", "effect": "NO_SCHEDULE"} in node_config["taints"]


def test_a_pool_without_zones_goes_only_where_the_gpu_is() -> None:
    zones = properties(**L4)["nodeLocations"]
    assert zones == ["us-central1-a", "us-central1-b", "us-central1-c"]
    config = GpuNodePoolConfig(**L4)
    assert config.zones_in("us-central1", ("us-central1-c", "us-central1-f")) == ("us-central1-c",)


def test_a_zonal_cluster_needs_no_zones() -> None:
    assert "nodeLocations" not in properties("us-central1-a", **L4)
    assert GpuNodePoolConfig(**L4).zones_in("us-central1-a") == ("us-central1-a",)


def test_a_pool_without_gpus_has_no_accelerator_and_no_taint() -> None:
    node_config = properties(machine_type="e2-standard-4", nodes={"max": 2})["nodeConfig"]
    assert not {"guestAccelerators", "taints"} & node_config.keys()


def test_a_flex_start_pool_is_neither_repaired_nor_taken_from_a_reservation() -> None:
    given_properties = properties(**A100, provisioning="flex-start", max_run_duration_seconds=3600)
    assert given_properties["management"]["autoRepair"] is False
    assert "upgradeSettings" not in given_properties
    assert given_properties["nodeConfig"]["flexStart"] is True
    assert given_properties["nodeConfig"]["maxRunDuration"] == "3600s"
    assert given_properties["nodeConfig"]["reservationAffinity"] == {"consumeReservationType": "NO_RESERVATION"}


def test_a_reservation_is_consumed_by_name() -> None:
    affinity = properties(**A100, provisioning="reservation", reservation="mine")["nodeConfig"]["reservationAffinity"]
    assert affinity == {
        "consumeReservationType": "SPECIFIC_RESERVATION",
        "key": "compute.googleapis.com/reservation-name",
        "values": ["mine"],
    }


def test_sharing_is_spelled_as_the_api_and_as_the_label_want_it() -> None:
    fields = {**L4, "sharing": {"kind": "time-sharing", "clients": 4}}
    assert properties(**fields)["nodeConfig"]["guestAccelerators"][0]["gpuSharingConfig"] == {
        "gpuSharingStrategy": "TIME_SHARING",
        "maxSharedClientsPerGpu": 4,
    }
    labels = node_shape("gpu", GpuNodePoolConfig(**fields), location="us-central1").labels
    assert labels["cloud.google.com/gke-gpu-sharing-strategy"] == "time-sharing"


def test_shared_and_partitioned_gpus_are_counted_as_the_node_advertises_them() -> None:
    config = GpuNodePoolConfig(
        accelerator="nvidia-tesla-a100",
        machine_type="a2-highgpu-2g",
        nodes=Nodes(max=1),
        partition="3g.20gb",
        sharing={"kind": "time-sharing", "clients": 3},
    )
    assert node_shape("gpu", config, location="us-central1").allocatable["nvidia.com/gpu"] == 2 * 2 * 3


def test_a_spot_node_that_is_told_so_takes_longer_and_leaves_system_pods_fifteen_seconds() -> None:
    assert "kubeletConfig" not in properties(**L4, provisioning="spot")["nodeConfig"]
    kubelet = properties(**L4, provisioning="spot", shutdown_grace_seconds=120)["nodeConfig"]["kubeletConfig"]
    assert kubelet == {"shutdownGracePeriodSeconds": 120, "shutdownGracePeriodCriticalPodsSeconds": 15}


def test_a_pool_that_exists_is_described_but_not_created() -> None:
    part = pool(accelerator="nvidia-l4", machine_type="g2-standard-12", exists=True)
    assert part.items == ()
    assert part.outputs["name"] == "gpu"


def test_a_long_pool_name_is_cut_to_what_gke_takes() -> None:
    name = "a" * 60
    part = node_pool(name, GpuNodePoolConfig(**L4), cluster=Late("cluster"), project=None, location="us-central1")
    assert len(part.items[0].object_name) == 40
    assert (
        node_shape(name, GpuNodePoolConfig(**L4), location="us-central1").labels["cloud.google.com/gke-nodepool"]
        == part.items[0].object_name
    )


def test_an_arm_node_carries_the_taint_gke_adds() -> None:
    config = GpuNodePoolConfig(
        accelerator="nvidia-gb200", machine_type="a4x-highgpu-4g", nodes=Nodes(max=1), provisioning="spot"
    )
    shape = node_shape("gb", config, location="us-central1")
    assert Taint("kubernetes.io/arch", "arm64", "NoSchedule") in shape.taints
    declared = node_pool("gb", config, cluster="c", project=None, location="us-central1").items[0].properties
    assert "kubernetes.io/arch" not in str(declared["nodeConfig"]["taints"])


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({**L4, "gpus": 2}, "gpus: got 2; g2-standard-12 comes with 1 nvidia-l4; 2 come with g2-standard-24"),
        (
            {**T4, "gpus": 3},
            "gpus: got 3; n1-standard-4 takes 1 or 2 or 4 nvidia-tesla-t4",
        ),
        (
            {**L4, "machine_type": "a2-highgpu-1g"},
            "machine_type: a2-highgpu-1g comes with nvidia-tesla-a100, not nvidia-l4; machine types with that GPU: g2-",
        ),
        (
            {**L4, "machine_type": "n1-standard-4"},
            "machine_type: n1-standard-4 takes nvidia-tesla-t4, not nvidia-l4",
        ),
        ({**L4, "machine_type": "g2-standard-1"}, 'machine_type: "g2-standard-1" is not a machine type in the catalog'),
        ({**L4, "accelerator": "l4"}, 'accelerator: "l4" is not a GPU GKE has; did you mean nvidia-l4?'),
        ({**L4, "accelerator": "toaster"}, 'accelerator: "toaster" is not a GPU GKE has; use one of: nvidia-tesla-t4'),
        (
            {"machine_type": "g2-standard-4", "nodes": {"max": 1}},
            "accelerator: is required: g2-standard-4 comes with nvidia-l4; write accelerator: nvidia-l4",
        ),
        (
            {**L4, "zones": ["us-central1-a", "us-central1-f"]},
            "zones[1]: us-central1-f has no nvidia-l4; in us-central1 it is in: us-central1-a, us-central1-b",
        ),
        (
            {**L4, "zones": ["europe-north1-a"]},
            "zones[0]: europe-north1-a has no nvidia-l4; regions that have it: asia",
        ),
        ({**L4, "zones": ["us-central1"]}, 'zones[0]: got "us-central1"; must be a zone such as us-central1-a'),
        ({**L4, "partition": "1g.5gb"}, 'partition: got "1g.5gb"; nvidia-l4 has no MIG partitions'),
        (
            {**A100, "partition": "1g.10gb"},
            'partition: "1g.10gb" is no partition of nvidia-tesla-a100; did you mean 2g.10gb?',
        ),
        ({**L4, "nodes": {"min": 5, "max": 4}}, "nodes.min: min 5 is more than max 4; lower min or raise max"),
        (
            {**L4, "provisioning": "spot", "max_run_duration_seconds": 3600},
            "max_run_duration_seconds: works only with provisioning: flex-start, and it is spot",
        ),
        ({**L4, "provisioning": "reservation"}, "reservation: is required with provisioning: reservation"),
        ({**L4, "reservation": "mine"}, "reservation: works only with provisioning: reservation, and it is on-demand"),
        ({**L4, "shutdown_grace_seconds": 60}, "shutdown_grace_seconds: works only with provisioning: spot"),
        (
            {**A100, "provisioning": "flex-start", "nodes": {"min": 1, "max": 2}},
            "nodes.min: got 1; flex-start nodes live seven days at most",
        ),
        (
            {"accelerator": "nvidia-h200-141gb", "machine_type": "a3-ultragpu-8g", "nodes": {"max": 1}},
            "provisioning: a3-ultragpu-8g cannot be had as on-demand; use provisioning: reservation, spot or",
        ),
        (
            {**L4, "upgrade": {"max_unavailable": 0}},
            "upgrade.max_unavailable: max_surge 0 and max_unavailable 0: their sum must be 1 to 20",
        ),
        ({**L4, "sharing": {"kind": "mps", "clients": 1}}, "sharing.clients: got 1; must be 2 to 48"),
        (
            {"machine_type": "e2-standard-4", "nodes": {"max": 1}, "sharing": {"kind": "mps", "clients": 2}},
            "sharing: needs an accelerator; name the GPU, or leave sharing out",
        ),
        (
            {"machine_type": "e2-standard-4", "nodes": {"max": 1}, "local_ssd_count": 1},
            "local_ssd_count: got 1; e2-standard-4 takes no local SSD; leave local_ssd_count out",
        ),
        (
            {
                "accelerator": "nvidia-a100-80gb",
                "machine_type": "a2-ultragpu-2g",
                "nodes": {"max": 1},
                "local_ssd_count": 4,
            },
            "local_ssd_count: got 4; a2-ultragpu-2g comes with 2; leave local_ssd_count out or set it to 2",
        ),
        ({"accelerator": "nvidia-l4", "machine_type": "g2-standard-12"}, "nodes: is required: write the most nodes"),
        ({**L4, "nodse": {"max": 4}}, "nodse: unknown field; did you mean nodes?"),
    ],
)
def test_a_misfit_says_what_was_given_what_is_allowed_and_the_fix(fields: dict[str, Any], text: str) -> None:
    assert text in messages(**fields)


def test_every_problem_of_a_pool_is_told_at_once() -> None:
    text = messages(
        accelerator="nvidia-l4", machine_type="a2-highgpu-1g", zones=["us-central1-f"], partition="1g.5gb", nodes=None
    )
    assert [line.split(":")[0] for line in text.splitlines()] == ["machine_type", "partition", "zones[0]", "nodes"]


def test_a_zone_of_another_region_is_refused_where_the_cluster_is_known() -> None:
    with pytest.raises(MisfitError, match=r"us-east1-b is not in us-central1, where the cluster is"):
        pool(**L4, zones=["us-east1-b"])


def test_a_region_without_the_gpu_is_refused_with_the_regions_that_have_it() -> None:
    with pytest.raises(
        MisfitError, match=r"europe-north1, where the cluster is, has no nvidia-l4; regions .* us-east4"
    ):
        pool("europe-north1", **L4)


def test_a_zonal_cluster_in_a_zone_without_the_gpu_is_refused() -> None:
    with pytest.raises(MisfitError, match=r"us-central1-f has no nvidia-l4"):
        pool("us-central1-f", **L4)


@st.composite
def pools(draw: st.DrawFn) -> GpuNodePoolConfig:
    accelerator = draw(st.sampled_from(sorted(accelerators_of_machines())))
    machine = draw(st.sampled_from(accelerators_of_machines()[accelerator]))
    gpus = draw(st.sampled_from(machine_types()[machine].gpus[accelerator]))
    provisioning = draw(st.sampled_from(["on-demand", "spot", "flex-start", "reservation"]))
    if (machine, provisioning) in provisioning_limits():
        provisioning = "spot"
    partition = draw(st.sampled_from([None, *accelerators()[accelerator].partitions]))
    clients = draw(st.sampled_from([None, 2, 48]))
    least = 0 if provisioning == "flex-start" else draw(st.integers(0, 3))
    return GpuNodePoolConfig(
        accelerator=accelerator,
        machine_type=machine,
        gpus=gpus,
        provisioning=provisioning,
        reservation="mine" if provisioning == "reservation" else None,
        partition=partition,
        sharing={"kind": "mps", "clients": clients} if clients else None,
        nodes={"min": least, "max": least + draw(st.integers(1, 9))},
    )


@given(pools())
def test_no_pool_sends_a_null_a_zero_gpu_count_or_a_zone_without_its_gpu(config: GpuNodePoolConfig) -> None:
    part = node_pool("gpu", config, cluster="c", project=None, location="us-central1")
    sent = part.items[0].properties
    assert "None" not in str(sent)
    assert sent["nodeConfig"]["guestAccelerators"][0]["count"] >= 1
    assert not any(lacks(config.accelerator or "", zone) for zone in sent.get("nodeLocations", []))
    autoscaling = sent["autoscaling"]
    assert autoscaling["totalMinNodeCount"] <= autoscaling["totalMaxNodeCount"]


@given(pools())
def test_a_node_advertises_at_least_its_gpus_and_carries_every_declared_taint(config: GpuNodePoolConfig) -> None:
    shape = node_shape("gpu", config, location="us-central1")
    assert shape.allocatable["nvidia.com/gpu"] >= config.gpus_per_node
    assert set(config.taints_declared()) <= set(shape.taints)
    assert shape.labels["cloud.google.com/gke-accelerator"] == config.accelerator
