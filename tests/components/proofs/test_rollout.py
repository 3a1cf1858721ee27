"""What the rollout rules say of updates and volumes; test_drains.py has what they say of drains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from components.core.manifest import object_item
from components.core.plan import Part, Plan
from components.kinds.workload import UpdateStep
from components.proofs.rollout import step
from components.reading.index import Index
from components.tenancy.namespace import NamespaceConfig, namespace

from .plans import (
    CUSTOM,
    SCALED,
    SURGE,
    added,
    claimed,
    container,
    edited,
    exchanged,
    findings,
    llama,
    notes,
    only,
    pod,
    put,
    serving,
    shape,
    sound,
    with_llama,
)


def alone(nodes: int, *, step_: UpdateStep, replicas: int = 1, **settings: Any) -> Plan:
    """One model alone on nodes with one GPU each."""
    update = {"max_surge": step_.surge, "max_unavailable": step_.unavailable}
    part = serving("llama", replicas=replicas, update=update, **settings)
    return Plan("test", (part,), nodes=(replace(shape("l4"), max_nodes=nodes),))


def ends(nodes: int, replicas: int, step_: UpdateStep) -> bool:
    """Whether a rolling update ends: the Deployment controller with a scheduler of so many places, by hand."""
    old, new, ready = replicas, 0, 0
    while True:
        before = (old, new, ready)
        new += min(replicas + step_.surge - old - new, replicas - new)
        ready = min(new, nodes - old)
        old -= max(0, min(old, old + ready - (replicas - step_.unavailable)))
        if (old, new, ready) == before:
            return old == 0 and ready == replicas


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(0, 4), st.integers(0, 3), st.integers(0, 3))
def test_an_update_is_refused_exactly_where_the_controller_would_be_stuck(
    replicas: int, spare: int, surge: int, unavailable: int
) -> None:
    assume(surge or unavailable)
    made = UpdateStep(surge, min(unavailable, replicas))
    plan = alone(replicas + spare, step_=made, replicas=replicas)
    assert bool(findings(plan, "update-never-ends")) != ends(replicas + spare, replicas, made)


def test_an_update_without_room_is_told_with_who_has_it() -> None:
    assert only(with_llama(replicas=2, update=SURGE), "update-never-ends") == (
        "models.llama.update",
        (
            "Deployment llama adds a pod before it removes one (max_surge 1, max_unavailable 0) and there is never "
            "room for it: with it, pods that fit only l4 need at least 5 nodes for their GPUs (llama 3 × 1 "  # noqa: RUF001
            "nvidia.com/gpu, chat-blue 1 × 1 nvidia.com/gpu, chat-green 1 × 1 nvidia.com/gpu), but "  # noqa: RUF001
            "nodes.max is 4; an update would "
            "wait for ever"
        ),
        (
            "update: {max_surge: 0, max_unavailable: 1}, which replaces one pod after another in its own place",
            "raise nodes.max of l4 by 1",
        ),
    )


def test_either_remedy_is_enough() -> None:
    plan = with_llama(replicas=2, update=SURGE)
    larger = (replace(shape("l4"), max_nodes=5), *plan.nodes[1:])
    assert findings(replace(plan, nodes=larger), "update-never-ends") == []
    in_place = {"max_surge": 0, "max_unavailable": 1}
    assert findings(with_llama(replicas=2, update=in_place), "update-never-ends") == []


def test_pods_with_a_second_pool_have_its_room_too() -> None:
    on = ("l4", "l4-pair")
    assert (
        findings(
            with_llama(on=on, replicas=2, update=SURGE, cache={"kind": "node-disk", "size": "1Gi"}), "update-never-ends"
        )
        == []
    )


def test_each_track_is_judged_with_the_other_one_there() -> None:
    rollout = {"kind": "canary", "canary": {"replicas": 1}}
    plan = Plan(
        "test",
        (serving("llama", replicas=2, update=SURGE, rollout=rollout),),
        nodes=(replace(shape("l4"), max_nodes=3),),
    )
    told = [finding.message.split(" adds")[0] for finding in findings(plan, "update-never-ends")]
    assert told == ["Deployment llama-stable", "Deployment llama-canary"]
    roomier = replace(plan, nodes=(replace(shape("l4"), max_nodes=4),))
    assert findings(roomier, "update-never-ends") == []


def test_a_pool_that_is_too_small_anyway_is_told_once() -> None:
    plan = with_llama(replicas=9, update=SURGE)
    assert findings(plan, "pool-too-small")
    assert findings(plan, "update-never-ends") == []


def test_nothing_is_said_of_pools_that_hold_one_which_is_too_small_anyway() -> None:
    cache = {"kind": "node-disk", "size": "1Gi"}
    few = serving("few", ("l4",), replicas=5, cache=cache, resources={"cpu": 1, "memory": "4Gi"})
    many = serving(
        "many", ("l4", "l4-pair"), replicas=5, cache=cache, update=SURGE, resources={"cpu": 1, "memory": "4Gi"}
    )
    plan = Plan("test", (few, many), nodes=(shape("l4"), replace(shape("l4-pair"), max_nodes=1)))
    assert "pods that fit only l4 need at least 5 nodes" in only(plan, "pool-too-small")[1]
    assert findings(plan, "update-never-ends") == []


def test_a_job_gives_its_room_back() -> None:
    plan = alone(3, step_=UpdateStep(1, 0), replicas=2)
    (server,) = plan.parts
    deployment = next(item for item in server.items if item.kind == "Deployment")
    about = {"name": "load", "namespace": "inference"}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": about,
        "spec": {"template": deployment.properties["spec"]["template"]},
    }
    busy = added(plan, Part("Loader", "load", (object_item("job", "load", job),)))
    assert findings(busy, "update-never-ends") == []


def test_a_surge_of_a_deployment_that_says_nothing_is_kubernetes_default() -> None:
    plan = alone(1, step_=UpdateStep(0, 1))
    silent = edited(plan, "ModelServer/llama", "deployment", lambda manifest: manifest["spec"].pop("strategy"))
    assert "max_surge 1, max_unavailable 0" in only(silent, "update-never-ends")[1]
    recreated = edited(
        plan, "ModelServer/llama", "deployment", lambda manifest: manifest["spec"].update(strategy={"type": "Recreate"})
    )
    assert findings(recreated, "update-never-ends") == []


@pytest.mark.parametrize(
    ("strategy", "replicas", "expected"),
    [
        ({}, 1, UpdateStep(1, 0)),
        ({}, 4, UpdateStep(1, 1)),
        ({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "10%"}}, 3, UpdateStep(0, 1)),
        ({"rollingUpdate": {"maxSurge": "34%", "maxUnavailable": "34%"}}, 3, UpdateStep(2, 1)),
        ({"type": "Recreate"}, 3, UpdateStep(0, 3)),
    ],
)
def test_shares_are_rounded_as_kubernetes_does(strategy: dict[str, Any], replicas: int, expected: UpdateStep) -> None:
    plan = llama(lambda manifest: manifest["spec"].update(strategy=strategy))
    (found,) = (pod for pod in Index(plan).workloads if pod.item.object_name == "llama")
    assert step(found, replicas) == expected


def test_the_peak_of_autoscalers_is_a_warning_and_the_minimum_an_error() -> None:
    at_peak = with_llama(autoscaling=SCALED, update=SURGE)
    assert findings(at_peak, "update-never-ends") == []
    at, message, remedies = only(at_peak, "update-waits-at-peak")
    assert at == "models.llama.update"
    assert "scaled to the maximum, there is no room for it" in message
    assert "lower autoscaling.max" in remedies
    always = with_llama(autoscaling=SCALED | {"min": 2}, update=SURGE)
    assert findings(always, "update-never-ends")
    assert findings(always, "update-waits-at-peak") == []


def quota(**settings: Any) -> Plan:
    config = NamespaceConfig(pod_security="baseline", quota=settings)
    plan = with_llama(update=SURGE)
    return exchanged(plan, "Namespace/inference", namespace("inference", config, path=("namespaces", "inference")))


@pytest.mark.parametrize(
    ("full", "roomy", "taken"),
    [
        ({"gpus": 5}, {"gpus": 6}, "allows 5 requests.nvidia.com/gpu, and without it its pods take 5 already"),
        ({"pods": 5}, {"pods": 6}, "allows 5 pods, and without it its pods take 5 already"),
        ({"memory": "128Gi"}, {"memory": "170Gi"}, "allows 128Gi requests.memory, and without it its pods take 1"),
    ],
)
def test_a_quota_is_room_too(full: dict[str, Any], roomy: dict[str, Any], taken: str) -> None:
    at, message, remedies = only(quota(**full), "update-never-ends")
    assert at == "models.llama.update"
    assert taken in message
    assert "raise the quota of inference" in remedies
    assert findings(quota(**roomy), "update-never-ends") == []


def test_a_quota_that_no_pod_fits_is_no_matter_of_updates() -> None:
    assert findings(quota(gpus=3), "update-never-ends") == []


def test_a_volume_of_one_pod_is_refused_for_its_surge_and_for_a_second_replica() -> None:
    at, message, remedies = only(claimed("ReadWriteOncePod", update=SURGE), "volume-of-one-pod")
    assert at == "models.llama.cache.access_mode"
    assert "up to 2 pods want it at once (1 of Deployment llama with 1 more while it is updated)" in message
    assert remedies[0].startswith("update: {max_surge: 0, max_unavailable: 1}")
    several = only(claimed("ReadWriteOncePod", replicas=2), "volume-of-one-pod")
    assert "(2 of Deployment llama)" in several[1]
    assert several[2] == ("access_mode: ReadWriteMany, or a cache of kind replica-disk or node-disk",)


def test_a_disk_of_one_node_is_refused_for_pods_of_several() -> None:
    scaled = only(claimed("ReadWriteOnce", autoscaling=SCALED), "volume-of-one-node")
    assert "up to 2 pods want it at once (2 of Deployment llama)" in scaled[1]
    # What nobody says is decided by the other setting: maxUnavailable 0 makes a surge of 1.
    surged = only(claimed("ReadWriteOnce", update={"max_unavailable": 0}), "volume-of-one-node")
    assert "1 of Deployment llama with 1 more while it is updated" in surged[1]


def test_both_versions_of_a_server_want_the_same_disk() -> None:
    rollout = {"kind": "blue-green", "active": "blue"}
    cache = {"kind": "claim", "size": "50Gi", "access_mode": "ReadWriteOnce"}
    plan = exchanged(sound(), "BlueGreen/chat", serving("chat", rollout=rollout, cache=cache))
    assert "(1 of Deployment chat-blue, 1 of Deployment chat-green)" in only(plan, "volume-of-one-node")[1]


@pytest.mark.parametrize("mode", ["ReadWriteMany", "ReadOnlyMany"])
def test_a_volume_of_many_nodes_serves_any_number(mode: str) -> None:
    plan = claimed(mode, replicas=2)
    assert findings(plan, "volume-of-one-node") == findings(plan, "volume-of-one-pod") == []


def test_pods_that_can_only_be_on_one_node_share_its_disk() -> None:
    cache = {"kind": "claim", "size": "50Gi", "access_mode": "ReadWriteOnce"}
    part = serving("llama", ("l4-pair",), replicas=2, gpus=1, cache=cache)
    node = shape("l4-pair")
    for most, refused in ((1, False), (2, True), (None, True)):
        plan = Plan("test", (part,), nodes=(replace(node, max_nodes=most),))
        assert bool(findings(plan, "volume-of-one-node")) == refused
    together = {
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname"}]}
    }
    plan = Plan("test", (part,), nodes=(node,))
    tied = edited(plan, "ModelServer/llama", "deployment", pod(put(affinity=together)))
    assert findings(tied, "volume-of-one-node") == []


def test_a_claim_that_is_there_already_is_judged_by_what_its_pods_say_of_it() -> None:
    cache = {"kind": "existing-claim", "name": "models", "access_mode": "ReadWriteOnce"}
    plan = with_llama(replicas=2, cache=cache)
    assert "claim models is ReadWriteOnce" in only(plan, "volume-of-one-node")[1]
    unsaid = edited(
        plan, "ModelServer/llama", "deployment", notes(lambda found: found.pop("inference/cache-access-mode"))
    )
    assert findings(unsaid, "volume-of-one-node") == []


def test_a_daemonset_wants_a_volume_on_every_node() -> None:
    volume = {"name": "disk", "persistentVolumeClaim": {"claimName": "llama-cache"}}
    plan = edited(
        claimed("ReadWriteOncePod"),
        "DcgmExporter/dcgm-exporter",
        "daemon-set",
        pod(lambda spec: spec.update(volumes=[volume])),
    )
    assert findings(plan, "volume-of-one-pod") == []  # another namespace, another claim
    moved = edited(
        plan,
        "DcgmExporter/dcgm-exporter",
        "daemon-set",
        lambda manifest: manifest["metadata"].update(namespace="inference"),
    )
    assert "DaemonSet dcgm-exporter on every node" in only(moved, "volume-of-one-pod")[1]


@pytest.mark.parametrize(
    ("probe", "deadline", "told"),
    [
        (
            {"failureThreshold": 180},
            1800,
            "after 1800 s without a new ready pod, and its startup probe lets one load for 1800 s",
        ),
        ({"failureThreshold": 180}, 1801, ""),
        ({"periodSeconds": 10, "failureThreshold": 60}, None, "after 600 s"),
        ({"failureThreshold": 59}, None, ""),
        ({"failureThreshold": 58, "initialDelaySeconds": 20}, None, "after 600 s"),
        ({}, 30, "after 30 s"),
        (None, 30, ""),
    ],
)
def test_a_deadline_is_compared_with_what_the_startup_probe_allows(
    probe: dict[str, int] | None, deadline: int | None, told: str
) -> None:
    plan = llama(
        container(lambda target: target.update(startupProbe=probe) if probe is not None else target.pop("startupProbe"))
    )

    def edit(manifest: dict[str, Any]) -> None:
        manifest["spec"].pop("progressDeadlineSeconds")
        manifest["spec"] |= {} if deadline is None else {"progressDeadlineSeconds": deadline}

    found = findings(edited(plan, "ModelServer/llama", "deployment", edit), "deadline-before-start")
    assert [told in finding.message for finding in found] == ([True] if told else [])


def test_nothing_is_said_of_updates_where_no_nodes_are_known() -> None:
    other = serving("other", (), CUSTOM, replicas=9, update=SURGE)
    plan = replace(added(with_llama(replicas=9, update=SURGE), other), nodes=())
    assert findings(plan, "update-never-ends") == []
