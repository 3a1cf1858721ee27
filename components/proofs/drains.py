"""Rollout, drains: nodes that pods never leave, and pods that are killed before they have finished."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from ..core.plan import Item
from ..core.words import listed
from ..engines.registry import ENGINES
from ..gpu.node_pool import COMPUTE_CLASS_LABEL, NODE_POOL_LABEL, SPOT_DRAIN_SECONDS
from ..kinds.compute_class import node_choices
from ..kinds.lenient import share
from ..kinds.names import SERVERS
from ..kinds.policy import DisruptionBudget, disruption_budget
from ..reading.index import Index
from ..reading.scheduler import selected_values
from ..reading.workload import Workload, flags, namespace_of, place
from .rule import Fault, rule

SCALE_DOWN_SECONDS = 600
UPGRADE_SECONDS = 3600
"""What GKE waits for a pod when it removes a node it no longer needs, and when it replaces one by a newer one
(docs.cloud.google.com/kubernetes-engine/docs/how-to/extended-duration-pods)."""
MOST_NOTICE_SECONDS = 120
"""The longest notice a Spot node can be told to give, its last 15 s to system pods."""
_DRAIN_FLAGS = frozenset(
    {
        *(flag for engine in ENGINES for flag in engine.drain_flags),
        "--timeout-graceful-shutdown",  # Kludex/uvicorn docs/settings.md
    }
)
"""Flags by which servers are told how long to finish open requests, in seconds."""


@rule("drain-blocked", "rollout", "error")
def drain_blocked(index: Index) -> Iterator[Fault]:
    """A disruption budget that never lets a pod go.

    maxUnavailable 0, or a minAvailable of all pods there always are (shares are rounded up: 90 % of 3 is 3). Every
    eviction is answered 429 "Cannot evict pod as it would violate the pod's disruption budget": nodes cannot be
    drained, so the autoscaler never removes one, and each node upgrade waits an hour before GKE kills the pods all the
    same. Counted at the replicas that always exist, because a drain may come at any time. Source:
    k8s.io/kubernetes@v1.36.3 pkg/controller/disruption/disruption.go, `getExpectedPodCount`; seen on a real control
    plane (tests/cluster/test_rolled.py).

    Fix: `maxUnavailable: 1` in place of what it says, or one replica more than minAvailable.
    """
    for part, item in index.objects("PodDisruptionBudget"):
        pods = _guarded(index, item)
        if pods and (why := _blocks(disruption_budget(item.properties), sum(max(pod.least, 1) for pod in pods))):
            yield Fault(
                place(part),
                f"PodDisruptionBudget {item.object_name}: {why} ({listed(pod.subject for pod in pods)}): none may ever "
                "be evicted, so no node they are on can be drained",
                ("maxUnavailable: 1 in place of it", "more replicas than it keeps, where it is a number"),
            )


@rule("pod-in-two-budgets", "rollout", "error")
def pod_in_two_budgets(index: Index) -> Iterator[Fault]:
    """Two disruption budgets that select the same pods.

    The Eviction API serves pods of one budget only: it answers 500 "This pod has more than one PodDisruptionBudget,
    which the eviction subresource does not support", and no drain ever takes them, whatever the budgets allow. Source:
    k8s.io/kubernetes@v1.36.3 pkg/registry/core/pod/storage/eviction.go; seen on a real control plane
    (tests/cluster/test_rolled.py).

    Fix: one budget for each pod; select by what tells the pods apart, or delete one budget.
    """
    budgets: dict[Workload, list[Item]] = {}
    for _, item in index.objects("PodDisruptionBudget"):
        for pod in _guarded(index, item):
            budgets.setdefault(pod, []).append(item)
    for pod, items in budgets.items():
        if len(items) > 1:
            yield Fault(
                pod.at(),
                f"{pod.subject}: its pods are selected by {len(items)} disruption budgets "
                f"({listed(item.object_name for item in items)}), and such pods cannot be evicted at all",
                ("keep one of them", "select by a label that only some of the pods carry"),
            )


@rule("grace-too-short", "rollout", "error")
def grace_too_short(index: Index) -> Iterator[Fault]:
    """A pod killed before it may finish what it is doing.

    The preStop sleep counts inside terminationGracePeriodSeconds, and so does what the server is told to wait for open
    requests: `--graceful-termination-timeout` (TGI), `--shutdown-timeout` (vLLM), `--timeout-graceful-shutdown`
    (uvicorn). Where the two take more than all of it, SIGKILL cuts every request that is still open; where a sleep
    action alone does, the API server refuses the pod. Source: kubernetes/enhancements
    keps/sig-node/3960-pod-lifecycle-sleep-action.

    Fix: give the sleep, the server's drain and 15 s to end.
    """
    for pod in index.workloads:
        sleep, grace = pod.sleep_seconds, pod.grace_seconds
        drain = _told_to_drain(pod)
        if sleep and sleep >= grace:
            yield Fault(
                pod.at("drain_sleep_seconds"),
                f"{pod.subject}: preStop sleeps {sleep} s of a grace period of {grace} s, which leaves no time for "
                "open requests",
                ("raise terminationGracePeriodSeconds to the sleep, the drain and 15 s", "sleep less"),
            )
        elif drain and sleep + drain > grace:
            yield Fault(
                pod.at("engine", "drain_seconds"),
                f"{pod.subject}: preStop sleeps {sleep} s, and the server is told to finish open requests for {drain} "
                f"s, but SIGKILL comes {grace} s after the pod's deletion",
                (
                    f"drain_seconds: {drain}, or terminationGracePeriodSeconds of {sleep + drain} s and 15 s to end",
                    f"tell the server {max(0, grace - sleep)} s at most",
                ),
            )


@rule("spot-cuts-requests", "rollout", "warning")
def spot_cuts_requests(index: Index) -> Iterator[Fault]:
    """A pod that may land on a Spot node and takes longer to stop than such a node gives it.

    When Google takes a Spot node back, ordinary pods have 15 s in all, whatever their own grace period says, and system
    pods 15 s after them. What is still open then is cut. A node pool can be told to give up to 105 s
    (`shutdown_grace_seconds: 120`); nodes that a compute class makes give 15. Counted: the preStop sleep, and the drain
    as the server is told, or what the grace period leaves for it. Source:
    docs.cloud.google.com/kubernetes-engine/docs/concepts/spot-vms.

    Fix: a sleep and a drain that fit, more notice, or no Spot nodes for what must not be cut.
    """
    for pod in index.workloads:
        if pod.kind not in SERVERS:
            continue
        told = _told_to_drain(pod)
        drain = pod.drain_seconds if told is None else told
        stops = pod.sleep_seconds + drain
        cut = {name: given for name, given in _spot_of(index, pod).items() if stops > given}
        if not cut:
            continue
        shortest = min(cut.values())
        pools = [node.pool for node in index.plan.nodes if node.pool in cut]
        longer = stops + SPOT_DRAIN_SECONDS
        more = [f"shutdown_grace_seconds: {longer} in node_pools.{pool}" for pool in pools]
        yield Fault(
            pod.at("runs_on"),
            f"{pod.subject} stops in up to {stops} s ({pod.sleep_seconds} s of sleep, {drain} s of drain), but "
            f"{listed(f'{name} gives it {given} s' for name, given in cut.items())} when a Spot node is taken back: "
            "open requests are cut",
            (
                f"drain_sleep_seconds and the server's drain of {shortest} s together",
                *(more if longer <= MOST_NOTICE_SECONDS else ()),
            ),
        )


@rule("grace-beyond-gke", "rollout", "warning")
def grace_beyond_gke(index: Index) -> Iterator[Fault]:
    """A pod that asks for more time to stop than GKE gives when it removes or replaces its node.

    GKE waits up to 10 minutes for a pod when it removes a node that is no longer needed, and up to an hour when it
    replaces one by a newer version; then the pod is killed and its open requests are cut. Source:
    docs.cloud.google.com/kubernetes-engine/docs/how-to/extended-duration-pods; kubernetes/autoscaler
    cluster-autoscaler/FAQ.md, `max-graceful-termination-sec`.

    Fix: a shorter drain, for answers that end in ten minutes.
    """
    for verdict in index.scheduler.verdicts:
        pod = verdict.pod
        on_gke = any(NODE_POOL_LABEL in node.labels for node in verdict.fits)
        if on_gke and pod.kind in SERVERS and pod.grace_seconds > SCALE_DOWN_SECONDS:
            upgrades = pod.grace_seconds > UPGRADE_SECONDS
            yield Fault(
                pod.at("drain_sleep_seconds"),
                f"{pod.subject} asks for {pod.grace_seconds} s to stop, but GKE waits {SCALE_DOWN_SECONDS} s when it "
                f"removes a node{f' and {UPGRADE_SECONDS} s when it upgrades one' if upgrades else ''}: open requests "
                "are cut then",
                (f"a sleep and a drain of {SCALE_DOWN_SECONDS - 15} s together",),
            )


RULES = (drain_blocked, pod_in_two_budgets, grace_too_short, spot_cuts_requests, grace_beyond_gke)
"""In the order they are told."""


def _guarded(index: Index, budget: Item) -> list[Workload]:
    """The workloads whose pods a budget selects and a drain evicts; DaemonSets' pods stay where they are."""
    selector = disruption_budget(budget.properties).selector
    if selector is None:
        return []
    pods = index.by_selector(namespace_of(budget), selector)
    return [pod for pod in pods if pod.kind in SERVERS and pod.most]


def _blocks(budget: DisruptionBudget, pods: int) -> str:
    """Why a budget lets none of its pods go; empty when it lets one."""
    if (given := budget.unavailable) is not None:
        return "" if share(given, pods, ceil) else f"maxUnavailable {given} of the {pods} pods it selects"
    kept = share(budget.available, pods, ceil)
    return f"minAvailable {budget.available} of the {pods} pods it selects" if kept >= pods else ""


def _told_to_drain(pod: Workload) -> int | None:
    """How long the slowest server of a pod finishes open requests, as its flags say; None where none says it."""
    found = [
        int(value)
        for container in pod.containers
        for flag, value in flags(container.arguments)
        if flag in _DRAIN_FLAGS and value.isdigit()
    ]
    return max(found, default=None)


def _spot_of(index: Index, pod: Workload) -> dict[str, int]:
    """Where a pod may land on a Spot node, by name, and the seconds it is left there."""
    fits = index.once("fits", lambda index: {verdict.pod: verdict.fits for verdict in index.scheduler.verdicts})
    found = {node.pool: node.notice_seconds for node in fits.get(pod, ()) if node.notice_seconds is not None}
    classes = index.once("spot-classes", _classes_with_spot)
    for name in sorted(selected_values(pod.template, COMPUTE_CLASS_LABEL) & classes):
        found[f"compute class {name}"] = SPOT_DRAIN_SECONDS
    return found


def _classes_with_spot(index: Index) -> set[str]:
    """The compute classes for which GKE may create Spot nodes."""
    return {
        item.object_name
        for _, item in index.objects("ComputeClass")
        if any(choice.spot for choice in node_choices(item.properties))
    }
