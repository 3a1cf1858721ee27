"""Cloud properties against the provider SDK's own input types: Pulumi does not check nested keys itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pulumi_gcp import container

from components.catalog.table import rows
from components.core.plan import Item
from components.gpu.cluster import GkeClusterConfig, MaintenanceWindow, gke_cluster
from components.gpu.node_pool import GpuNodePoolConfig, Nodes, node_pool

ARGS: dict[str, Any] = {
    "gcp:container/cluster:Cluster": container.ClusterArgs,
    "gcp:container/nodePool:NodePool": container.NodePoolArgs,
}


def properties_of(args: type) -> dict[str, str]:
    """The camelCase input properties of an Args class, with their types as text."""
    return {
        getattr(prop.fget, "_pulumi_name", name): str(prop.fget.__annotations__["return"])
        for name, prop in vars(args).items()
        if isinstance(prop, property) and prop.fget is not None
    }


def nested_args(hint: str) -> type | None:
    """The Args class inside `Input[Optional[Sequence[Input[XArgs]]]]`, if any."""
    found = re.search(r"\b(\w+Args)\b", hint)
    return getattr(container, found[1]) if found else None


def unknown(value: Any, args: type, path: str) -> Iterator[str]:
    """Paths of the keys in `value` that the Args class has no property for."""
    known = properties_of(args)
    for key, inner in value.items():
        where = f"{path}.{key}"
        if key not in known:
            yield where
            continue
        nested = nested_args(known[key])
        for item in inner if isinstance(inner, list) else [inner]:
            if isinstance(item, Mapping) and nested is not None:
                yield from unknown(item, nested, where)
            elif isinstance(item, Mapping) and "Mapping" not in known[key]:
                yield f"{where} is a mapping"


def maximal_items() -> list[Item]:
    """Everything the builders can emit, over as few configurations as it takes."""
    common: dict[str, Any] = {"accelerator": "nvidia-tesla-a100", "machine_type": "a2-highgpu-1g"}
    full: dict[str, Any] = {
        **common,
        "zones": ("us-central1-a",),
        "nodes": Nodes(min=0, max=4),
        "sharing": {"kind": "mps", "clients": 2},
        "partition": "1g.5gb",
        "local_ssd_count": 1,
        "image_streaming": True,
        "secondary_boot_disks": ("projects/p/global/images/i",),
        "service_account": "nodes@p.iam.gserviceaccount.com",
        "labels": {"team": "a"},
        "taints": [{"key": "team", "value": "a"}],
        "compute_class": "chat",
    }
    configs = [
        GpuNodePoolConfig(**full, provisioning="spot", shutdown_grace_seconds=120),
        GpuNodePoolConfig(**full, provisioning="flex-start", max_run_duration_seconds=3600),
        GpuNodePoolConfig(**full, provisioning="reservation", reservation="mine"),
    ]
    pools = [node_pool("p", config, cluster="c", project="p", location="us-central1") for config in configs]
    cluster: dict[str, Any] = {
        "name": "c",
        "project": "my-project",
        "location": "us-central1",
        "zones": ("us-central1-a",),
        "subnetwork": "s",
        "pods_range": "pods",
        "services_range": "services",
        "private_nodes": True,
        "authorized_networks": [{"name": "office", "cidr": "203.0.113.0/24"}],
        "secret_manager": True,
        "labels": {"team": "a"},
        "maintenance": MaintenanceWindow(days=("SA", "SU"), start_hour=2, hours=6),
    }
    clusters = [
        gke_cluster(GkeClusterConfig(**cluster, image_streaming=True)),
        gke_cluster(GkeClusterConfig(**cluster, mode="autopilot")),
    ]
    return [item for part in (*pools, *clusters) for item in part.items]


def test_every_cloud_property_exists_in_the_provider() -> None:
    wrong = [path for item in maximal_items() for path in unknown(item.properties, ARGS[item.type], item.kind)]
    assert wrong == []


def test_a_misspelt_nested_property_would_be_noticed() -> None:
    sent = {"cluster": "c", "nodeConfig": {"machineTyp": "x", "guestAccelerators": [{"typ": "x"}]}}
    assert list(unknown(sent, container.NodePoolArgs, "NodePool")) == [
        "NodePool.nodeConfig.machineTyp",
        "NodePool.nodeConfig.guestAccelerators.typ",
    ]


def values_at(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Every value at a property path, through lists."""
    if isinstance(value, list):
        for item in value:
            yield from values_at(item, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping) and path[0] in value:
        yield from values_at(value[path[0]], path[1:])


@pytest.mark.parametrize("row", rows("cloud_enums"), ids=lambda row: f"{row['kind']}.{row['property']}")
def test_every_word_we_send_is_one_the_provider_knows(row: dict[str, str]) -> None:
    sent = [
        value
        for item in maximal_items()
        if item.kind == row["kind"]
        for value in values_at(item.properties, tuple(row["property"].split(".")))
    ]
    assert sent, "no builder sends this property: the row is dead"
    assert set(sent) <= set(row["values"].split(","))
