from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from components.core.errors import ConfigError
from components.core.plan import ItemOutput
from components.gpu.cluster import (
    ClusterConfig,
    GkeClusterConfig,
    GkeExistingConfig,
    MaintenanceWindow,
    cluster_identifier,
    gke_cluster,
)
from components.gpu.kubeconfig import KubeconfigConfig

PROD: dict[str, Any] = {"name": "prod", "project": "my-project", "location": "us-central1"}


def properties(**fields: Any) -> dict[str, Any]:
    return dict(gke_cluster(GkeClusterConfig(**(PROD | fields))).items[0].properties)


def messages(**fields: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        GkeClusterConfig(**(PROD | fields))
    return str(caught.value)


def test_the_system_pool_comes_after_the_cluster_and_is_part_of_it() -> None:
    cluster, system = gke_cluster(GkeClusterConfig(**PROD)).items
    assert system.after == (cluster.role,)
    assert system.properties["cluster"] == "prod"
    assert system.properties["autoscaling"]["totalMinNodeCount"] == 1


def test_whoever_takes_the_name_waits_for_the_system_pool() -> None:
    assert gke_cluster(GkeClusterConfig(**PROD)).outputs["name"] == ItemOutput("system-pool", "cluster")


def test_a_cluster_is_protected_twice_unless_told_otherwise() -> None:
    (cluster, _) = gke_cluster(GkeClusterConfig(**PROD)).items
    assert cluster.protect
    assert cluster.properties["deletionProtection"] is True
    loose = gke_cluster(GkeClusterConfig(**PROD, protect=False, deletion_protection=False)).items[0]
    assert not loose.protect
    assert loose.properties["deletionProtection"] is False


def test_the_default_pool_is_removed_and_workload_identity_is_on() -> None:
    sent = properties()
    assert sent["removeDefaultNodePool"] is True
    assert sent["workloadIdentityConfig"] == {"workloadPool": "my-project.svc.id.goog"}
    assert sent["networkingMode"] == "VPC_NATIVE"
    assert sent["datapathProvider"] == "ADVANCED_DATAPATH"


def test_managed_metrics_follow_their_switches() -> None:
    assert properties()["monitoringConfig"]["enableComponents"] == ["SYSTEM_COMPONENTS", "DCGM"]
    off = properties(managed_dcgm=False, managed_prometheus=False)["monitoringConfig"]
    assert off == {"enableComponents": ["SYSTEM_COMPONENTS"], "managedPrometheus": {"enabled": False}}


def test_autopilot_has_no_pools_and_none_of_what_it_decides_itself() -> None:
    config = GkeClusterConfig(**PROD, mode="autopilot")
    (cluster,) = gke_cluster(config).items
    assert cluster.properties["enableAutopilot"] is True
    assert not {"removeDefaultNodePool", "workloadIdentityConfig", "addonsConfig", "datapathProvider"} & set(
        cluster.properties
    )


def test_a_zonal_cluster_does_not_repeat_its_own_zone() -> None:
    sent = properties(location="us-central1-a", zones=["us-central1-a", "us-central1-b"])
    assert sent["nodeLocations"] == ["us-central1-b"]


def test_a_maintenance_window_may_pass_midnight() -> None:
    window = {"days": ["SU", "SA"], "start_hour": 22, "hours": 6}
    assert properties(maintenance=window)["maintenancePolicy"]["recurringWindow"] == {
        "startTime": "2026-01-01T22:00:00Z",
        "endTime": "2026-01-02T04:00:00Z",
        "recurrence": "FREQ=WEEKLY;BYDAY=SA,SU",
    }


def test_the_identifier_is_known_before_the_cluster_is() -> None:
    assert cluster_identifier(GkeClusterConfig(**PROD)) == "projects/my-project/locations/us-central1/clusters/prod"


@pytest.mark.parametrize("fields", [{}, {"context": "kind-local"}, {"path": "elsewhere.yaml", "context": "renamed"}])
def test_a_kubeconfig_cluster_keeps_its_identifier_when_its_context_or_file_is_named_later(
    fields: dict[str, str],
) -> None:
    config = KubeconfigConfig(kind="kubeconfig", **fields)
    assert cluster_identifier(config, environment="local") == "kubeconfig/local"


def test_network_policies_are_enforced_with_and_without_dataplane_v2() -> None:
    assert "networkPolicy" not in properties()
    assert "networkPolicyConfig" not in properties()["addonsConfig"]
    legacy = properties(dataplane_v2=False)
    assert legacy["datapathProvider"] == "LEGACY_DATAPATH"
    assert legacy["networkPolicy"] == {"enabled": True, "provider": "CALICO"}
    assert legacy["addonsConfig"]["networkPolicyConfig"] == {"disabled": False}


def test_an_existing_cluster_is_never_changed() -> None:
    part = gke_cluster(GkeExistingConfig(kind="gke-existing", **PROD))
    assert part.items == ()
    assert part.outputs["name"] == "prod"


def test_each_kind_reads_from_its_own_fields() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(ClusterConfig)
    assert isinstance(adapter.validate_python({"kind": "gke", **PROD}), GkeClusterConfig)
    assert isinstance(adapter.validate_python({"kind": "gke-existing", **PROD}), GkeExistingConfig)
    assert isinstance(adapter.validate_python({"kind": "kubeconfig"}), KubeconfigConfig)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"zones": ["us-east1-b"]}, "zones[0]: us-east1-b is not in us-central1; name zones of us-central1"),
        ({"location": "usa"}, 'location: got "usa"; must be a region such as us-central1, or a zone'),
        ({"mode": "autopilot", "gcs_fuse": False}, "gcs_fuse: is always on with Autopilot; remove gcs_fuse: false"),
        ({"mode": "autopilot", "system_pool": {}}, "system_pool: Autopilot has no node pools; remove it"),
        ({"mode": "autopilot", "location": "us-central1-a"}, "location: Autopilot clusters are regional; use us-centr"),
        ({"system_pool": {"nodes": {"max": 3}}}, "system_pool.nodes.min: got 0; the cluster's own pods need at least"),
        ({"system_pool": {"machine_type": "e2-standard-3"}}, 'machine_type: "e2-standard-3" is not a machine type'),
        (
            {"maintenance": {"days": ["SA"], "start_hour": 1, "hours": 6}},
            "maintenance.hours: got 6; with 1 days that is 24 hours in four weeks, and GKE needs 48: add days or hours",
        ),
        (
            {"authorized_networks": [{"name": "office", "cidr": "10.1.0.0/8"}]},
            'authorized_networks[0].cidr: got "10.1.0.0/8", whose address lies inside the range; write 10.0.0.0/8',
        ),
        ({"gateway_api": "yes"}, 'gateway_api: got "yes"; must be true or false'),
    ],
)
def test_a_wrong_cluster_is_explained(fields: dict[str, Any], text: str) -> None:
    assert text in messages(**fields)


@given(
    st.sets(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1),
    st.integers(0, 23),
    st.integers(4, 24),
)
def test_a_maintenance_window_is_accepted_exactly_when_gke_has_its_forty_eight_hours(
    days: set[str], start_hour: int, hours: int
) -> None:
    fields: dict[str, Any] = {"days": sorted(days), "start_hour": start_hour, "hours": hours}
    if len(days) * hours * 4 >= 48:
        assert MaintenanceWindow(**fields).hours == hours
    else:
        with pytest.raises(ConfigError, match="GKE needs 48"):
            MaintenanceWindow(**fields)
