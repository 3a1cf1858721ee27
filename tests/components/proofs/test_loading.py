"""Disks that a pool cannot attach, and pods that are given less time than their weights take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from components.core.plan import Plan
from components.proofs.loading import estimate
from components.reading.index import Index

from .plans import CUSTOM, added, findings, only, serving, sound

DISK = "projects/p/zones/{}/disks/weights"


def on(pools: tuple[str, ...], **cache: Any) -> Plan:
    settings = {"kind": "hyperdisk-ml", "size": "1Ti", **cache}
    server = serving("big", pools, CUSTOM, cache=settings, resources={"cpu": 1, "memory": "4Gi"})
    return added(sound(), server)


def test_a_machine_that_takes_no_hyperdisk_is_refused_with_those_that_do() -> None:
    where, message, remedies = only(on(("t4",), disk=DISK.format("us-central1-a")), "disk-cannot-attach")
    assert where == "models.big.cache.kind"
    assert "machines of the family n1 cannot attach" in message
    assert remedies[0] == "run it on machines of the families a2, a3, a4, a4x, g2, g4"


def test_every_pool_a_pod_may_land_on_is_judged() -> None:
    assert len(findings(on(("l4", "t4"), disk=DISK.format("us-central1-a")), "disk-cannot-attach")) == 1


@pytest.mark.parametrize(
    "cache",
    [
        {"disk": DISK.format("europe-west4-a")},
        {"disk": DISK.format("multi-zone"), "zones": ["europe-west4-a"]},
        {"snapshot": "weights", "zones": ["europe-west4-a"]},
    ],
)
def test_a_disk_in_a_zone_without_nodes_is_refused(cache: dict[str, Any]) -> None:
    where, message, _ = only(on(("l4",), **cache), "disk-cannot-attach")
    assert where == "models.big.cache.zones"
    assert "on a disk in europe-west4-a, and pool l4 has nodes in us-central1-" in message


def test_a_snapshot_on_a_machine_that_cannot_attach_it_is_refused_too() -> None:
    plan = on(("t4",), snapshot="weights", zones=["us-central1-a"])
    assert only(plan, "disk-cannot-attach")[0] == "models.big.cache.kind"


def test_a_pod_that_is_given_less_than_the_least_is_warned_with_twice_of_it() -> None:
    engine = {**CUSTOM, "probes": {"startup": {"period_seconds": 2, "failure_threshold": 3}}}
    _, message, remedies = only(added(sound(), serving("big", ("l4",), engine)), "startup-budget-too-short")
    assert "gives up after 6 s, and its weights take at least 11 s" in message
    assert remedies[0] == "let the startup probe last 21 s"


def test_a_deployment_that_ends_before_its_pod_can_be_ready_is_warned() -> None:
    plan = added(sound(), serving("big", model="meta-llama/Llama-3.3-70B-Instruct", start_seconds=60))
    where, message, remedies = only(plan, "startup-budget-too-short")
    assert where == "models.big.start_seconds"
    assert "deployments wait 60 s for a pod, which takes at least 3 min" in message
    assert remedies[0] == "start_seconds: 302"


def test_a_model_nobody_knows_is_not_warned_about() -> None:
    engine = {**CUSTOM, "probes": {"startup": {"period_seconds": 2, "failure_threshold": 3}}}
    plan = added(sound(), serving("big", ("l4",), engine, model="nobody/knows"))
    assert findings(plan, "startup-budget-too-short") == []


@pytest.mark.parametrize(
    ("cache", "steps"),
    [
        ({"kind": "node-disk"}, "weights"),
        ({"kind": "replica-disk", "size": "50Gi"}, "weights"),
        ({"kind": "claim", "size": "1Ti", "access_mode": "ReadWriteMany"}, ""),
        ({"kind": "existing-claim", "name": "elsewhere", "access_mode": "ReadWriteMany"}, ""),
        ({"kind": "gcs-fuse", "bucket": "weights"}, ""),
        ({"kind": "image-volume", "reference": f"registry.example.com/llama@sha256:{'a' * 64}"}, "weights"),
    ],
)
def test_what_is_in_the_plan_tells_where_weights_come_from(cache: dict[str, Any], steps: str) -> None:
    index = Index(Plan("test", (serving("big", cache=cache),)))
    (pod,) = index.workloads
    assert ("weights" in {step.name for step in estimate(index, pod).steps}) == bool(steps)


def test_the_sidecar_of_a_bucket_counts_against_the_node() -> None:
    def asked(cache: dict[str, Any]) -> Mapping[str, int]:
        plan = added(sound(), serving("big", cache=cache, resources={"cpu": 2, "memory": "8Gi"}))
        return next(v.asked for v in Index(plan).scheduler.verdicts if v.pod.part.name == "big")

    without = asked({"kind": "image-volume", "reference": f"registry.example.com/llama@sha256:{'a' * 64}"})
    bucket = asked({"kind": "gcs-fuse", "bucket": "weights", "sidecar_cpu": 3, "file_cache": "20Gi"})
    assert bucket["cpu"] - without["cpu"] == 3000
    assert bucket["memory"] - without["memory"] == 2**30 * 1000
    assert bucket["ephemeral-storage"] == 20 * 2**30 * 1000


def _filled(*after: str) -> Plan:
    """A disk of one node that a Job fills, and a server of which only `after` is said to come before it."""
    cache = {"kind": "claim", "size": "1Ti", "access_mode": "ReadWriteOnce", "download": {"image": CUSTOM["image"]}}
    part = serving("big", cache=cache)
    (job,) = [item.role for item in part.items if item.kind == "Job"]
    kept = tuple(
        replace(item, after=tuple(role for role in item.after if role != job or "job" in after))
        if item.kind == "Deployment"
        else item
        for item in part.items
    )
    return added(sound(), replace(part, items=kept))


def test_a_disk_of_one_node_is_free_again_when_the_job_that_filled_it_is_done() -> None:
    assert findings(_filled("job"), "volume-of-one-node") == []


def test_a_job_that_nobody_waits_for_is_in_the_way() -> None:
    assert only(_filled(), "volume-of-one-node")[0] == "models.big.cache.access_mode"
