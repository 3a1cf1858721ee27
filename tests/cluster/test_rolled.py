"""Updates and drains against the real controllers: what the proof refuses is stuck here, and its remedies end it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from components.core.plan import Item, Plan
from components.proofs.rules import RULES, prove
from components.reading.index import Index

from ..components.proofs.plans import added, edited, second_budget
from .api import Answer, Api, ApiError, until
from .conftest import JUDGED
from .deploy import apply_plan, await_rollout, is_rolled_out, ready_endpoints
from .environments import Loaded, manifest, reference
from .nodes import add_nodes, node_manifests, pool_of
from .watcher import EndpointWatch

MODEL = "rolled"
PART = f"ModelServer/{MODEL}"
SPACE = "inference"
BASE = reference(MODEL)
SETTINGS: dict[str, Any] = BASE.environment.model_dump(mode="json", exclude_unset=True)["models"][MODEL]
NEW = "sha-db931fc"
"""The version that takes over."""
IN_PLACE = {"max_surge": 0, "max_unavailable": 1}
SURGE = {"max_surge": 1}
DEADLINE = 6
"""Seconds after which the real Deployment controller says itself that an update does not move; pods need one."""
TOO_MANY = 429
"""What the Eviction API answers where a disruption budget does not allow an eviction now."""
SHOWN = {"update-never-ends", "volume-of-one-pod", "drain-blocked", "pod-in-two-budgets", "grace-too-short"}
CITED = {"volume-of-one-node"}
"""Needs a kubelet that attaches disks: the rule's page cites Kubernetes for it."""


def rolled(version: str | None = None, **changes: Any) -> Loaded:
    """The environment with other settings of its model, and another version of its engine."""
    engine = SETTINGS["engine"] | ({"version": version} if version else {})
    return BASE.with_values(models={MODEL: {**SETTINGS, "engine": engine, **changes}})


def impatient(plan: Plan) -> Plan:
    """The plan with Deployments that say soon that they do not move."""
    for part, item in list(plan.objects("Deployment")):
        plan = edited(plan, part.key, item.role, lambda found: found["spec"].update(progressDeadlineSeconds=DEADLINE))
    return plan


def refusals(plan: Plan) -> set[str]:
    """The rules that refuse a plan; that the deadline here is short is only a warning."""
    return {finding.rule for finding in prove(plan) if finding.severity == "error"}


def remedies(plan: Plan, rule: str) -> str:
    """What the proof advises."""
    return "; ".join(text for finding in prove(plan) if finding.rule == rule for text in finding.remedies)


def deployment(name: str = MODEL, space: str = SPACE) -> dict[str, Any]:
    """Which Deployment is meant."""
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": space}}


def pods(api: Api, space: str = SPACE) -> list[dict[str, Any]]:
    """The model's pods that are not about to go."""
    found = api.list("v1", "Pod", space, labelSelector=f"app={MODEL}")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def condition(found: dict[str, Any] | None, kind: str) -> dict[str, Any]:
    """One condition of an object; empty while it has none."""
    conditions = (found or {}).get("status", {}).get("conditions", ())
    return next((entry for entry in conditions if entry["type"] == kind), {})


def ready(api: Api) -> set[str]:
    """The pods the model's Service leads to."""
    return ready_endpoints(api, {"metadata": {"name": MODEL, "namespace": SPACE}})


def give_nodes(api: Api, plan: Plan) -> None:
    """All nodes of the pools that the model runs on, and of no others."""
    fits = {node.pool: node for verdict in Index(plan).scheduler.verdicts for node in verdict.fits}
    add_nodes(api, [node for shape in fits.values() for node in node_manifests(shape)])


def start(api: Api, plan: Plan) -> None:
    """The nodes, and the plan on them, all of it ready."""
    give_nodes(api, plan)
    apply_plan(api, plan)
    for _, item in plan.objects("Deployment"):
        await_rollout(api, item.properties)


def until_stuck(api: Api, controller: dict[str, Any]) -> dict[str, Any]:
    """Wait until the Deployment controller itself says that an update has stopped."""

    def exceeded() -> dict[str, Any] | None:
        found = api.find(controller)
        return found if condition(found, "Progressing").get("reason") == "ProgressDeadlineExceeded" else None

    found = until("ProgressDeadlineExceeded", exceeded, 60, lambda: (api.find(controller) or {}).get("status"))
    assert not is_rolled_out(found)
    JUDGED["updates that the proof refused, stuck in the real controllers"] += 1
    return found


def pending(api: Api, space: str = SPACE) -> list[str]:
    """Why the scheduler leaves pods waiting."""
    return [
        why["message"]
        for pod in pods(api, space)
        if (why := condition(pod, "PodScheduled")).get("reason") == "Unschedulable"
    ]


def versions(api: Api, space: str = SPACE) -> set[str]:
    """The images of the model's pods, without their repository."""
    images = (pod["spec"]["containers"][0]["image"] for pod in pods(api, space))
    return {image.partition("@")[0].rpartition(":")[2] for image in images}


def finishes(api: Api, plan: Plan) -> None:
    """The remedied plan is not refused, and its update ends."""
    assert refusals(plan) == set()
    apply_plan(api, plan)
    for _, item in plan.objects("Deployment"):
        await_rollout(api, item.properties)
    JUDGED["updates that ended with the proof's own remedy"] += 1


def test_every_refusal_is_shown_here_or_cited() -> None:
    errors = {rule.id for rule in RULES.values() if rule.proof == "rollout" and rule.severity == "error"}
    assert errors == SHOWN | CITED


def test_a_new_image_on_a_full_pool_with_no_spare_gpu_finishes(empty: Api) -> None:
    assert refusals(rolled().plan) == set()
    start(empty, rolled().plan)
    until("both to serve", lambda: len(ready(empty)) == 2)
    with EndpointWatch(empty, SPACE, MODEL) as watch:
        apply_plan(empty, rolled(NEW).plan)
        await_rollout(empty, deployment())
        until("both to serve again", lambda: len(ready(empty)) == 2)
    assert versions(empty) == {NEW}
    assert watch.fewest == 1
    JUDGED["updates on a full pool with no spare GPU that ended"] += 1


def _pool(most: int) -> dict[str, Any]:
    values = BASE.environment.model_dump(mode="json", exclude_unset=True)["node_pools"]["full"]
    return {**values, "nodes": {"max": most}}


@pytest.mark.parametrize("strategy", ["stated", "kubernetes-default"])
def test_a_surge_on_a_full_pool_is_stuck_until_pods_are_replaced_in_place(empty: Api, strategy: str) -> None:
    def made(version: str | None) -> Plan:
        plan = impatient(rolled(version, update=SURGE).plan)
        if strategy == "stated":
            return plan
        return edited(plan, PART, "deployment", lambda found: found["spec"].pop("strategy"))

    assert refusals(made(NEW)) == {"update-never-ends"}
    start(empty, made(None))
    apply_plan(empty, made(NEW))
    until_stuck(empty, deployment())
    (why,) = pending(empty)
    assert "2 Insufficient nvidia.com/gpu" in why
    assert len(ready(empty)) == 2

    assert "update: {max_surge: 0, max_unavailable: 1}" in remedies(made(NEW), "update-never-ends")
    finishes(empty, impatient(rolled(NEW, update=IN_PLACE).plan))
    assert versions(empty) == {NEW}


def test_a_surge_on_a_full_pool_ends_with_one_more_node(empty: Api) -> None:
    def made(version: str | None) -> Plan:
        return impatient(rolled(version, update=SURGE).plan)

    start(empty, made(None))
    apply_plan(empty, made(NEW))
    until_stuck(empty, deployment())

    assert "raise nodes.max of full by 1" in remedies(made(NEW), "update-never-ends")
    roomier = rolled(NEW, update=SURGE).with_values(node_pools={"full": _pool(3)})
    shape = next(node for node in roomier.plan.nodes if node.pool == "full")
    add_nodes(empty, node_manifests(shape)[2:])
    finishes(empty, impatient(roomier.plan))
    assert versions(empty) == {NEW}


def test_a_canary_beside_its_stable_version_fills_the_pool_too(empty: Api) -> None:
    def made(update: dict[str, int], version: str | None = None) -> Plan:
        engine = SETTINGS["engine"] | ({"version": version} if version else {})
        rollout = {"kind": "canary", "canary": {"engine": engine, "replicas": 1}}
        return impatient(rolled(replicas=1, update=update, rollout=rollout).plan)

    assert refusals(made(SURGE, NEW)) == {"update-never-ends"}
    start(empty, made(SURGE))
    apply_plan(empty, made(SURGE, NEW))
    until_stuck(empty, deployment(f"{MODEL}-canary"))
    assert len(pending(empty)) == 1
    finishes(empty, made(IN_PLACE, NEW))


def test_a_surge_beyond_the_quota_is_stuck_until_the_quota_is_raised(empty: Api) -> None:
    def made(gpus: int, version: str | None = None) -> Plan:
        settings = rolled(version, namespace="tight", runs_on=["l4"], update=SURGE)
        return impatient(settings.with_values(namespaces={"tight": {"quota": {"gpus": gpus}}}).plan)

    assert refusals(made(2, NEW)) == {"update-never-ends"}
    start(empty, made(2))
    apply_plan(empty, made(2, NEW))
    found = until_stuck(empty, deployment(space="tight"))
    assert "exceeded quota" in condition(found, "ReplicaFailure")["message"]
    assert "raise the quota of tight" in remedies(made(2, NEW), "update-never-ends")
    finishes(empty, made(3, NEW))
    assert versions(empty, "tight") == {NEW}


def _claimed(mode: str, version: str | None = None, name: str = "weights", **changes: Any) -> Plan:
    """The model on a roomy pool with a claim as its cache, that can be mounted so."""
    many = mode == "ReadWriteMany"
    cache = {
        "kind": "claim",
        "name": name,
        "size": "50Gi",
        "access_mode": mode if many else "ReadWriteOnce",
        "storage_class": "standard-rwx" if many else "standard-rwo",
        "protect": False,
    }
    plan = impatient(rolled(version, runs_on=["l4"], cache=cache, **changes).plan)
    return edited(plan, PART, "cache", lambda claim: claim["spec"].update(accessModes=[mode]))


def test_a_surge_beside_a_volume_of_one_pod_is_stuck_until_pods_are_replaced_in_place(empty: Api) -> None:
    before, after = (_claimed("ReadWriteOncePod", version, replicas=1, update=SURGE) for version in (None, NEW))
    assert refusals(after) == {"volume-of-one-pod"}
    start(empty, before)
    apply_plan(empty, after)
    until_stuck(empty, deployment())
    (why,) = pending(empty)
    assert "ReadWriteOncePod access mode" in why
    assert len(ready(empty)) == 1

    assert "update: {max_surge: 0, max_unavailable: 1}" in remedies(after, "volume-of-one-pod")
    finishes(empty, _claimed("ReadWriteOncePod", NEW, replicas=1, update=IN_PLACE))
    assert versions(empty) == {NEW}


def test_a_second_replica_of_a_volume_of_one_pod_waits_until_the_volume_is_one_of_many(empty: Api) -> None:
    plan = _claimed("ReadWriteOncePod")
    assert refusals(plan) == {"volume-of-one-pod"}
    give_nodes(empty, plan)
    apply_plan(empty, plan)
    until_stuck(empty, deployment())
    (why,) = pending(empty)
    assert "ReadWriteOncePod access mode" in why

    assert "access_mode: ReadWriteMany" in remedies(plan, "volume-of-one-pod")
    finishes(empty, _claimed("ReadWriteMany", name="shared-weights"))


def test_a_pod_that_sleeps_longer_than_its_grace_period_is_refused_by_the_api_server(empty: Api) -> None:
    start(empty, rolled().plan)
    grace = edited(
        rolled().plan,
        PART,
        "deployment",
        lambda found: found["spec"]["template"]["spec"].update(terminationGracePeriodSeconds=4),
    )
    assert refusals(grace) == {"grace-too-short"}
    item = next(item for _, item in grace.objects("Deployment"))
    with pytest.raises(ApiError, match=r"sleep: Invalid value: 5: must be .* less than terminationGracePeriodSeconds"):
        empty.apply(manifest(item), dry_run=True)


def evict(api: Api, pod: dict[str, Any]) -> Answer:
    """Ask for a pod's eviction, as `kubectl drain` does."""
    about = {"name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": about}
    return api.request("POST", f"{api.path_of(pod)}/eviction", body)


def until_counted(api: Api, budget: Item, healthy: int | None = None) -> None:
    """Wait until the disruption controller has looked at a budget, and has counted so many healthy pods."""

    def counted() -> bool:
        found = api.find(budget.properties) or {}
        status, generation = found.get("status", {}), found.get("metadata", {}).get("generation")
        return status.get("observedGeneration", 0) == generation and healthy in (None, status.get("currentHealthy"))

    until(f"a budget that counts {healthy} pods", counted, 30, lambda: api.find(budget.properties))


def budget_of(plan: Plan) -> Item:
    """The model's own disruption budget."""
    return next(item for part, item in plan.objects("PodDisruptionBudget") if part.key == PART)


def _blocking(**budget: Any) -> Callable[[dict[str, Any]], None]:
    def edit(found: dict[str, Any]) -> None:
        del found["spec"]["maxUnavailable"]
        found["spec"] |= budget

    return edit


def test_a_budget_that_keeps_every_pod_blocks_every_drain_until_it_lets_one_go(empty: Api) -> None:
    plan = rolled().plan
    start(empty, plan)
    for budget in ({"maxUnavailable": 0}, {"maxUnavailable": "0%"}, {"minAvailable": 2}, {"minAvailable": "51%"}):
        blocked = edited(plan, PART, "disruption-budget", _blocking(**budget))
        assert refusals(blocked) == {"drain-blocked"}
        apply_plan(empty, blocked)
        until_counted(empty, budget_of(blocked), 2)
        for _ in range(3):
            for pod in pods(empty):
                with pytest.raises(ApiError, match="would violate the pod's disruption budget") as refused:
                    evict(empty, pod)
                assert refused.value.status == TOO_MANY
            time.sleep(0.5)
        JUDGED["budgets that the proof refused, refusing every eviction"] += 1

    assert "maxUnavailable: 1" in remedies(blocked, "drain-blocked")
    assert refusals(plan) == set()
    apply_plan(empty, plan)
    until_counted(empty, budget_of(plan), 2)
    evict(empty, pods(empty)[0])
    await_rollout(empty, deployment())


def test_a_budget_that_keeps_as_many_as_there_are_lets_one_go_when_there_is_one_more(empty: Api) -> None:
    def made(replicas: int) -> Plan:
        return edited(
            rolled(runs_on=["l4"], replicas=replicas).plan, PART, "disruption-budget", _blocking(minAvailable=1)
        )

    assert refusals(made(1)) == {"drain-blocked"}
    start(empty, made(1))
    until_counted(empty, budget_of(made(1)), 1)
    with pytest.raises(ApiError, match="disruption budget"):
        evict(empty, pods(empty)[0])

    assert "more replicas than it keeps" in remedies(made(1), "drain-blocked")
    finishes(empty, made(2))
    until_counted(empty, budget_of(made(2)), 2)
    evict(empty, pods(empty)[0])


def _is_evicted(api: Api, pod: dict[str, Any]) -> bool:
    """Whether an eviction is let through; the controller counts a budget's pods a moment after it changed."""
    try:
        evict(api, pod)
    except ApiError as error:
        if error.status != 429:
            raise
        return False
    return True


def test_pods_of_two_budgets_cannot_be_evicted_until_one_is_gone(empty: Api) -> None:
    plan = rolled().plan
    twice = added(plan, second_budget({"app": MODEL}))
    assert refusals(twice) == {"pod-in-two-budgets"}
    start(empty, twice)
    other = next(item for part, item in twice.objects("PodDisruptionBudget") if part.key != PART)
    for budget in (budget_of(twice), other):
        until_counted(empty, budget)
    for pod in pods(empty):
        with pytest.raises(ApiError, match="more than one PodDisruptionBudget") as refused:
            evict(empty, pod)
        assert refused.value.status == 500

    assert "keep one of them" in remedies(twice, "pod-in-two-budgets")
    empty.delete(other.properties)
    until("an eviction that the budget left over allows", lambda: _is_evicted(empty, pods(empty)[0]))
    await_rollout(empty, deployment())


@pytest.mark.parametrize("allowed", [1, 2])
def test_a_drain_of_every_node_in_turn_never_takes_more_than_the_budget_allows(empty: Api, allowed: int) -> None:
    plan = rolled(
        runs_on=["pairs"], replicas=4, max_unavailable=allowed, cache={"kind": "node-disk", "size": "10Gi"}
    ).plan
    assert refusals(plan) == set()
    start(empty, plan)
    until("four to serve", lambda: len(ready(empty)) == 4)
    until_counted(empty, budget_of(plan), 4)
    nodes = sorted(name for name, pool in pool_of(empty).items() if pool == "pairs")
    assert len(nodes) == 3
    refused = 0
    with EndpointWatch(empty, SPACE, MODEL) as watch:
        for node in nodes:
            refused += _drain(empty, node)
            until("four to serve again", lambda: len(ready(empty)) == 4)
    assert watch.fewest == 4 - allowed
    assert refused > 0 or allowed > 1
    JUDGED["nodes drained within the budget"] += 3


def _drain(api: Api, name: str) -> int:
    """Empty a node as `kubectl drain` does, all its pods at once; how often an eviction was refused for now."""
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
    api.patch(node, {"spec": {"unschedulable": True}})
    on_it = [pod for pod in pods(api) if pod["spec"].get("nodeName") == name]

    with ThreadPoolExecutor(max(1, len(on_it))) as pool:
        refused = sum(pool.map(partial(_leave, api), on_it))
    until(f"{name} to be empty", lambda: not any(pod["spec"].get("nodeName") == name for pod in pods(api)))
    api.patch(node, {"spec": {"unschedulable": False}})
    return refused


def _leave(api: Api, pod: dict[str, Any]) -> int:
    """Evict a pod, trying again while its budget refuses."""
    refused: list[ApiError] = []

    def left() -> bool:
        try:
            evict(api, pod)
        except ApiError as error:
            if error.status != TOO_MANY:
                raise
            refused.append(error)
            return False
        return True

    until(f"eviction of {pod['metadata']['name']}", left, 60, lambda: refused[-1])
    return len(refused)


@pytest.mark.parametrize("policy", ["AlwaysAllow", None])
def test_pods_that_are_not_ready_hold_up_no_drain(empty: Api, policy: str | None) -> None:
    plan = rolled().plan
    if policy is None:  # what Kubernetes does when nothing is said, to see that it is our setting that helps
        plan = edited(plan, PART, "disruption-budget", lambda found: found["spec"].pop("unhealthyPodEvictionPolicy"))
    start(empty, plan)
    until_counted(empty, budget_of(plan), 2)
    first, second = pods(empty)
    _stop_serving(empty, first)
    until_counted(empty, budget_of(plan), 1)
    with pytest.raises(ApiError, match="would violate the pod's disruption budget"):
        evict(empty, second)  # the last that serves

    _stop_serving(empty, second)
    until_counted(empty, budget_of(plan), 0)
    if policy is None:
        for pod in (first, second):
            with pytest.raises(ApiError, match="would violate the pod's disruption budget"):
                evict(empty, pod)
    else:
        for pod in (first, second):
            evict(empty, pod)
        await_rollout(empty, deployment())
        assert not {first["metadata"]["uid"], second["metadata"]["uid"]} & {
            pod["metadata"]["uid"] for pod in pods(empty)
        }


def _stop_serving(api: Api, pod: dict[str, Any]) -> None:
    """Say of a running pod that it is not ready, as its kubelet would when the probe fails."""
    conditions = [
        {**entry, "status": "False"} if entry["type"] in ("Ready", "ContainersReady") else entry
        for entry in api.get("v1", "Pod", SPACE, pod["metadata"]["name"])["status"]["conditions"]
    ]
    api.patch(pod, {"status": {"conditions": conditions}}, subresource="status")
