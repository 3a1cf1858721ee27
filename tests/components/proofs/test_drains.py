"""What the rollout rules say of nodes that pods must leave, and of the time they have for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.core.plan import Plan
from components.gpu.compute_class import ComputeClassConfig, compute_class
from components.gpu.node_pool import GpuNodePoolConfig

from .plans import (
    CUSTOM,
    TGI,
    added,
    budgeted,
    container,
    edited,
    findings,
    llama,
    on_spot,
    only,
    pod,
    pool,
    put,
    second_budget,
    serving,
    shape,
    sound,
    with_llama,
)


@pytest.mark.parametrize(
    ("replicas", "budget", "blocks"),
    [
        (2, {"maxUnavailable": 0}, True),
        (2, {"maxUnavailable": "0%"}, True),
        (2, {"maxUnavailable": "1%"}, False),
        (2, {"maxUnavailable": 1}, False),
        (2, {"minAvailable": 2}, True),
        (2, {"minAvailable": 3}, True),
        (2, {"minAvailable": 1}, False),
        (1, {"minAvailable": 1}, True),
        (2, {"minAvailable": "100%"}, True),
        (2, {"minAvailable": "51%"}, True),
        (2, {"minAvailable": "50%"}, False),
        (2, {}, False),
    ],
)
def test_a_budget_blocks_when_it_keeps_every_pod(replicas: int, budget: dict[str, Any], blocks: bool) -> None:
    assert bool(findings(budgeted(replicas=replicas, **budget), "drain-blocked")) == blocks


def test_a_budget_that_blocks_says_what_it_keeps() -> None:
    at, message, remedies = only(budgeted(replicas=2, minAvailable="100%"), "drain-blocked")
    assert at == "models.llama"
    assert "PodDisruptionBudget llama: minAvailable 100% of the 2 pods it selects (Deployment llama)" in message
    assert remedies[0] == "maxUnavailable: 1 in place of it"


def test_the_pods_of_all_versions_that_a_budget_selects_are_counted_together() -> None:
    part = second_budget({"app": "chat"})
    item = replace(
        part.items[0],
        properties={
            **part.items[0].properties,
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "chat"}}},
        },
    )
    plan = added(sound(), replace(part, items=(item,)))
    assert findings(plan, "drain-blocked") == []  # one of two colours may go
    none = replace(item, properties={**item.properties, "spec": {"maxUnavailable": 0}})
    assert findings(added(sound(), replace(part, items=(none,))), "drain-blocked") == []  # selects nothing
    everything = replace(item, properties={**item.properties, "spec": {"maxUnavailable": 0, "selector": {}}})
    message = only(added(sound(), replace(part, items=(everything,))), "drain-blocked")[1]
    assert "maxUnavailable 0 of the 5 pods" in message


def test_a_scaled_server_is_counted_at_its_minimum() -> None:
    assert findings(budgeted(minAvailable=1), "drain-blocked")  # autoscaled from 1 to 2


def test_pods_of_two_budgets_cannot_be_evicted() -> None:
    at, message, _ = only(added(sound(), second_budget({"app": "llama"})), "pod-in-two-budgets")
    assert at == "models.llama"
    assert "its pods are selected by 2 disruption budgets (llama, everything)" in message
    both = findings(added(sound(), second_budget({})), "pod-in-two-budgets")
    assert len(both) == 5


@pytest.mark.parametrize(
    "arguments",
    [
        ["--shutdown-timeout", "120"],
        ["--shutdown-timeout=120"],
        ["--graceful-termination-timeout", "120"],
        ["--timeout-graceful-shutdown=120", "--port", "80"],
    ],
)
def test_a_server_told_to_drain_for_longer_than_its_pod_has_is_refused(arguments: list[str]) -> None:
    at, message, remedies = only(with_llama(engine=CUSTOM | {"args": arguments}), "grace-too-short")
    assert at == "models.llama.engine.drain_seconds"
    assert "sleeps 15 s, and the server is told to finish open requests for 120 s, but SIGKILL comes 60 s" in message
    assert remedies[1] == "tell the server 45 s at most"
    agreed = with_llama(engine=CUSTOM | {"args": arguments, "drain_seconds": 120})
    assert findings(agreed, "grace-too-short") == []


def test_a_shell_sleep_counts_as_a_native_one() -> None:
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "sleep 200"]}}}
    plan = llama(container(put(lifecycle=hook)))
    assert "preStop sleeps 200 s of a grace period of 120 s" in only(plan, "grace-too-short")[1]


def test_a_sleep_of_all_the_grace_period_is_blamed_on_the_sleep() -> None:
    plan = llama(pod(put(terminationGracePeriodSeconds=15)))
    assert only(plan, "grace-too-short")[0] == "models.llama.drain_sleep_seconds"


def test_a_drain_longer_than_spot_gives_names_the_pool_and_what_it_could_give() -> None:
    at, message, remedies = findings_of_llama(on_spot(15))
    assert at == ("models", "llama", "runs_on")
    assert "stops in up to 105 s (15 s of sleep, 90 s of drain), but l4 gives it 15 s" in message
    assert remedies[1] == "shutdown_grace_seconds: 120 in node_pools.l4"


def findings_of_llama(plan: Plan) -> tuple[tuple[str | int, ...], str, tuple[str, ...]]:
    """The warning about the model `llama`; others may run on its nodes."""
    (found,) = (entry for entry in findings(plan, "spot-cuts-requests") if "Deployment llama " in entry.message)
    return found.path, found.message, found.remedies


def test_more_notice_than_a_pool_can_give_is_not_advised() -> None:
    plan = replace(with_llama(engine=TGI | {"graceful_termination_timeout": 91}), nodes=on_spot(15).nodes)
    assert len(findings_of_llama(plan)[2]) == 1


@pytest.mark.parametrize(("grace", "cut"), [(None, True), (119, True), (120, False)])
def test_a_spot_pool_gives_what_its_shutdown_leaves_to_ordinary_pods(grace: int | None, cut: bool) -> None:
    config: GpuNodePoolConfig = pool("l4", provisioning="spot", shutdown_grace_seconds=grace)
    tolerated = pod(lambda spec: spec["tolerations"].append({"operator": "Exists"}))
    plan = replace(llama(tolerated), nodes=(shape("l4", config), *sound().nodes[1:]))
    assert bool(findings(plan, "spot-cuts-requests")) == cut


def test_a_drain_is_as_long_as_the_server_is_told_whatever_the_grace_period_leaves() -> None:
    engine = CUSTOM | {"args": ["--shutdown-timeout", "10"], "drain_seconds": 60}
    plan = replace(with_llama(engine=engine, drain_sleep_seconds=5), nodes=on_spot(15).nodes)
    assert [found for found in findings(plan, "spot-cuts-requests") if "Deployment llama " in found.message] == []


@pytest.mark.parametrize(("provisioning", "cut"), [("spot", True), ("on-demand", False)])
def test_a_compute_class_that_may_make_spot_nodes_is_one(provisioning: str, cut: bool) -> None:
    choice = {"machine_type": "g2-standard-12", "accelerator": "nvidia-l4", "provisioning": provisioning}
    part = compute_class("flexible", ComputeClassConfig(priorities=[choice]), pools={})
    led = edited(
        added(sound(), part),
        "ModelServer/llama",
        "deployment",
        pod(put(nodeSelector={"cloud.google.com/compute-class": "flexible"})),
    )
    told = [found.message for found in findings(led, "spot-cuts-requests")]
    assert [("compute class flexible gives it 15 s" in message) for message in told] == ([True] if cut else [])


def test_more_than_gke_waits_for_is_told_with_both_limits() -> None:
    def told(timeout: int) -> list[str]:
        plan = with_llama(engine=TGI | {"graceful_termination_timeout": timeout})
        return [found.message for found in findings(plan, "grace-beyond-gke")]

    assert told(570) == []
    assert "600 s when it removes a node: open" in told(571)[0]
    assert "600 s when it removes a node and 3600 s when it upgrades one: open" in told(3600)[0]


def test_nodes_outside_gke_wait_as_long_as_their_owner_says() -> None:
    plan = with_llama(engine=TGI | {"graceful_termination_timeout": 3600})
    nodes = tuple(replace(node, labels={"cloud.google.com/gke-accelerator": node.accelerator}) for node in plan.nodes)
    led = edited(
        plan,
        "ModelServer/llama",
        "deployment",
        pod(lambda spec: spec["nodeSelector"].pop("cloud.google.com/gke-nodepool")),
    )
    assert findings(replace(led, nodes=nodes), "grace-beyond-gke") == []


def test_a_server_without_pools_is_not_judged_by_gke_or_spot() -> None:
    plan = added(sound(), serving("big", (), CUSTOM | {"drain_seconds": 5000}))
    assert findings(plan, "grace-beyond-gke") == findings(plan, "spot-cuts-requests") == []


def test_a_budget_for_a_daemonset_blocks_nothing_because_its_pods_stay() -> None:
    part = second_budget({})
    about = {"name": "everything", "namespace": "monitoring"}
    spec = {"maxUnavailable": 0, "selector": {}}
    item = replace(part.items[0], properties={**part.items[0].properties, "metadata": about, "spec": spec})
    assert findings(added(sound(), replace(part, items=(item,))), "drain-blocked") == []
