"""Environments to price, each from a few lines of a stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.core.plan import Plan
from infra.plan.planning import planned

COMMIT = "0e9e39f249a16976918f6564b8830bc894c89659"
CLUSTER = {
    "kind": "gke",
    "name": "main",
    "project": "example-project",
    "location": "us-central1",
    "zones": ["us-central1-a", "us-central1-b"],
    "filestore": True,
}
EXISTING = {"kind": "gke-existing", "name": "main", "project": "example-project", "location": "us-central1"}
L4 = {"accelerator": "nvidia-l4", "machine_type": "g2-standard-12", "nodes": {"max": 10}}
L4_SPOT = L4 | {"provisioning": "spot"}
T4 = {"accelerator": "nvidia-tesla-t4", "machine_type": "n1-standard-8", "nodes": {"max": 4}}
TINY = {"cpu": 1, "memory": "2Gi"}


def model(*runs_on: str, **settings: Any) -> dict[str, Any]:
    """A model with one GPU a replica."""
    return {
        "model": "Qwen/Qwen3-8B",
        "revision": COMMIT,
        "engine": {"kind": "vllm"},
        "runs_on": list(runs_on),
        **settings,
    }


def plan(
    pools: Mapping[str, Any] | None = None,
    models: Mapping[str, Any] | None = None,
    *,
    cluster: Mapping[str, Any] = EXISTING,
    **sections: Any,
) -> Plan:
    """An environment of pools and models; the cluster is there already unless another is given."""
    values = {"cluster": dict(cluster), "node_pools": dict(pools or {}), "models": dict(models or {}), **sections}
    return planned(values, "test", ())[1]
