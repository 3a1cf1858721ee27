"""Pods on nodes made from the plan's own pools, placed by the real scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from components.core.plan import Plan
from components.gpu.node_pool import COMPUTE_CLASS_LABEL
from components.proofs.scheduling import unschedulable_pod
from components.reading.index import Index
from components.reading.scheduler import selection_keys
from components.reading.workload import Workload

from .api import Api, until
from .conftest import JUDGED, Deployed
from .deploy import apply_plan, await_rollout, is_complete, is_rolled_out, maker, nodes_of
from .diagnosis import expected, fits, told
from .environments import Loaded, reference
from .nodes import add_nodes, all_nodes, node_manifests, pool_of, remove_nodes


def _pods(api: Api, pod: Workload) -> list[dict[str, Any]]:
    labels = {"batch.kubernetes.io/job-name": pod.item.object_name}
    if pod.item.kind != "Job":
        labels = maker(pod)["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{k}={v}" for k, v in labels.items())
    found = api.list("v1", "Pod", pod.namespace, labelSelector=selector)
    return [entry for entry in found if "deletionTimestamp" not in entry["metadata"]]


def _with_system_pool(loaded: Loaded) -> Plan:
    return replace(loaded.plan, nodes=all_nodes(loaded))


def _settle(api: Api, plan: Plan) -> None:
    """Wait until every controller has all the pods it wants, the autoscalers' least number included, or is done."""
    for pod in Index(plan).workloads:
        if not pod.runs:
            continue
        written = maker(pod)

        def done(pod: Workload = pod, written: dict[str, Any] = written) -> bool:
            found = api.find(written)
            if pod.item.kind == "Job":
                return is_complete(found)
            return is_rolled_out(found) and len(_pods(api, pod)) >= pod.least

        until(f"rollout of {pod.subject} with {pod.least} pods", done, 120, partial(_state, api, pod))


def test_every_pod_is_ready_on_a_pool_that_its_model_names(deployed: Deployed, api: Api) -> None:
    plan = _with_system_pool(deployed.loaded)
    _settle(api, plan)
    pools, index = pool_of(api), Index(plan)
    for pod in index.workloads:
        found = _pods(api, pod)
        landed = {pools[entry["spec"]["nodeName"]] for entry in found}
        named = deployed.loaded.pools_of(pod.part.name) if pod.serves else set()
        if pod.item.kind == "DaemonSet":
            assert landed == fits(pod, plan.nodes, index.scheduler), pod.subject
        else:
            possible = fits(pod, plan.nodes, index.scheduler)
            assert landed <= (named & possible if named else possible), pod.subject
        JUDGED["pods placed by the scheduler"] += len(found)


def _removable(loaded: Loaded) -> Iterator[tuple[str, ...]]:
    pools = tuple(node.pool for node in loaded.plan.nodes)
    yield from ((pool,) for pool in pools)
    if len(pools) > 1:
        yield pools


def test_without_a_pool_pods_wait_for_the_reason_the_proof_gives(deployed: Deployed, api: Api) -> None:
    plan = _with_system_pool(deployed.loaded)
    shapes = {node.pool: node for node in plan.nodes}
    _settle(api, plan)
    for gone in _removable(deployed.loaded):
        left = replace(plan, nodes=tuple(node for node in plan.nodes if node.pool not in gone))
        lost = [name for name, pool in pool_of(api).items() if pool in gone]
        remove_nodes(api, lost)
        _compare(api, left, gone)
        add_nodes(api, [node for pool in gone for node in node_manifests(shapes[pool])])
        _settle(api, plan)


def _compare(api: Api, left: Plan, gone: tuple[str, ...]) -> None:
    """The scheduler's verdict on every pod, and the proof's, on the same nodes."""
    index = Index(left)
    counts = [(node, len(node_manifests(node))) for node in left.nodes]
    waiting = set()
    done = {pod.subject for pod in index.workloads if pod.item.kind == "Job"}
    for pod in index.workloads:
        if pod.item.kind == "DaemonSet" or pod.subject in done or not pod.runs:
            continue
        possible = fits(pod, left.nodes, index.scheduler)
        if possible:
            _until_placed(api, pod, possible)
            continue
        waiting.add(pod.subject)
        wanted = expected(pod, counts, index.scheduler)
        messages = until(
            f"refusal of {pod.subject} as {dict(wanted)} without {gone}",
            partial(_refused_as, api, pod, wanted),
            30,
            partial(_refusals, api, pod),
        )
        JUDGED["refusals of the scheduler that the proof gave too"] += len(messages)
    # A class whose pools are not in the plan makes its own, so the proof says nothing of its pods.
    told_of = {pod.subject for pod in index.workloads if COMPUTE_CLASS_LABEL not in selection_keys(pod.template)}
    told_of |= {verdict.pod.subject for verdict in index.scheduler.verdicts}
    subjects = {fault.message.split(":")[0] for fault in unschedulable_pod.faults(index)}
    assert subjects - done == waiting & told_of


def _refused_as(api: Api, pod: Workload, wanted: Any) -> list[str]:
    """The messages of a workload's pods, once all of them are the wanted ones."""
    messages = [_refusal(entry) for entry in _pods(api, pod)]
    return messages if messages and all(told(message) == wanted for message in messages) else []


def _refusals(api: Api, pod: Workload) -> set[str]:
    return {_refusal(entry) for entry in _pods(api, pod)}


def _state(api: Api, pod: Workload) -> list[tuple[str, str, str]]:
    """Where a workload's pods are, and how far."""
    return [
        (entry["spec"].get("nodeName", ""), entry["status"].get("phase", ""), _refusal(entry))
        for entry in _pods(api, pod)
    ]


def _refusal(pod: dict[str, Any]) -> str:
    for condition in pod["status"].get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition["message"])
    return ""


def _until_placed(api: Api, pod: Workload, possible: set[str]) -> None:
    def placed() -> bool:
        pools = pool_of(api)
        found = _pods(api, pod)
        landed = {pools.get(entry["spec"].get("nodeName", "")) for entry in found}
        return bool(found) and landed <= possible

    until(f"{pod.subject} on {possible}", placed, 60)


def test_pods_prefer_the_pool_named_first_and_fall_back_when_spot_nodes_go(empty: Api) -> None:
    pod = _deploy(empty, reference("spot-first"))
    until("three pods on Spot", lambda: _on(empty, pod) == ["l4-spot"] * 3, 60)

    remove_nodes(empty, [name for name, pool in pool_of(empty).items() if pool == "l4-spot"])
    until("three pods on the fallback", lambda: _on(empty, pod) == ["l4"] * 3, 60)
    await_rollout(empty, pod.item.properties)


def _deploy(api: Api, loaded: Loaded) -> Workload:
    """Deploy an environment of one model; its pod."""
    nodes_of(api, loaded)
    apply_plan(api, loaded.plan)
    return next(pod for pod in Index(loaded.plan).workloads if pod.serves)


def _on(api: Api, pod: Workload) -> list[str]:
    pools = pool_of(api)
    return [pools.get(entry["spec"].get("nodeName", ""), "") for entry in _pods(api, pod)]


def test_a_quota_stops_pods_beyond_it(empty: Api) -> None:
    pod = _deploy(empty, reference("over-quota"))

    def refused() -> bool:
        found = empty.find(pod.item.properties) or {}
        conditions = found.get("status", {}).get("conditions", ())
        return any(entry["type"] == "ReplicaFailure" and "exceeded quota" in entry["message"] for entry in conditions)

    until("refusal by the quota", refused, 60)
    assert len(_pods(empty, pod)) == 2


def test_the_scheduler_s_words_are_read() -> None:
    message = (
        "0/9 nodes are available: 2 Insufficient cpu, 2 Insufficient nvidia.com/gpu, 3 node(s) didn't match Pod's node "
        "affinity/selector, 4 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/9 nodes are "
        "available: 9 Preemption is not helpful for scheduling."
    )
    assert told(message) == {"insufficient cpu": 2, "insufficient nvidia.com/gpu": 2, "selection": 3, "taint": 4}
