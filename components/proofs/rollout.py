"""Rollout, updates: those that never end, and those that are reported as failed although nothing is wrong.

A Deployment adds up to maxSurge pods above its replicas, and removes an available pod only while replicas less
maxUnavailable stay (k8s.io/kubernetes@v1.36.3 pkg/controller/deployment/rolling.go).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from ..core.quantity import GIB, number
from ..kinds.names import DEPLOYMENT, ENDING, LEADER_WORKER_SET, SERVERS
from ..kinds.policy import quota
from ..kinds.workload import WORKER, UpdateStep
from ..reading.index import Index
from ..reading.scheduler import Need, nodes_needed
from ..reading.workload import Workload, namespace_of
from .capacity import crowds, demand, least, most, noun
from .rule import Fault, rule

_Asked = tuple[tuple[str, int], ...]
"""What a pod asks for, to count equal pods by."""
_DEADLINE_SECONDS = 600
"""What a Deployment has when it names no progressDeadlineSeconds (Kubernetes API, DeploymentSpec)."""
IN_PLACE = "update: {max_surge: 0, max_unavailable: 1}, which replaces one pod after another in its own place"
"""Advice where there is no room, and no volume, for one more pod."""


@rule("update-never-ends", "rollout", "error")
def update_never_ends(index: Index) -> Iterator[Fault]:
    """A rolling update that adds a pod before it removes one, where there is no room for one more.

    With maxUnavailable 0 no old pod goes before a new one is ready. Where the pools are full at the replicas that
    always exist, or the namespace's quota is, the new pod is never made or stays Pending, and the update waits for it
    for ever: `kubectl rollout status` and `pulumi up` end in a timeout and nothing is replaced. Judged for one update
    at a time, with all other pods that fit nowhere else (both versions of a canary, both colours, other models); the
    number of nodes is a lower bound, as for pool-too-small. A Deployment that states no strategy surges too: its
    defaults of 25 % are 1 and 0 up to three replicas. Source: k8s.io/kubernetes@v1.36.3
    pkg/controller/deployment/util/deployment_util.go, `ResolveFenceposts`; seen on a real control plane
    (tests/cluster/test_rolled.py).

    Fix: replace pods in place, or leave room for one more.
    """
    for stuck in _stuck(index, least):
        yield Fault(
            stuck.pod.at("update"),
            f"{stuck.pod.subject} adds a pod before it removes one ({stuck.step}) and there is never room for it: "
            f"{stuck.why}; an update would wait for ever",
            (IN_PLACE, stuck.remedy),
        )


@rule("update-waits-at-peak", "rollout", "warning")
def update_waits_at_peak(index: Index) -> Iterator[Fault]:
    """A rolling update that has room for one more pod, but not when autoscalers have scaled to their maximum.

    The same count as update-never-ends at the most replicas autoscalers may set. An update begun at a busy hour waits
    until one of them scales down, and is reported as failed when that takes longer than its deadline. Source:
    k8s.io/kubernetes@v1.36.3 pkg/controller/deployment/rolling.go, `reconcileOldReplicaSets`.

    Fix: replace pods in place, or leave room for one more.
    """
    always = {stuck.pod for stuck in _stuck(index, least)}
    for stuck in _stuck(index, most):
        if stuck.pod not in always:
            yield Fault(
                stuck.pod.at("update"),
                f"{stuck.pod.subject} adds a pod before it removes one ({stuck.step}) and, scaled to the maximum, "
                f"there is no room for it: {stuck.why}; an update would wait until something scales down",
                (IN_PLACE, stuck.remedy, "lower autoscaling.max"),
            )


@rule("deadline-before-start", "rollout", "warning")
def deadline_before_start(index: Index) -> Iterator[Fault]:
    """A Deployment that is reported as failed while its pods may still be starting.

    progressDeadlineSeconds counts from the last pod that became ready. Where the startup probe lets one load for
    longer, `kubectl rollout status` and `pulumi up` fail with ProgressDeadlineExceeded although nothing is wrong, and
    somebody may roll back a version that was about to serve. Ten minutes when nothing is said. Source: Kubernetes API,
    DeploymentSpec; kubernetes.io/docs/concepts/workloads/controllers/deployment, "Failed Deployment".

    Fix: a deadline beyond the startup probe, with time for a new node and the image.
    """
    for pod in index.workloads:
        if pod.kind != DEPLOYMENT:
            continue
        deadline = pod.controller.deadline_seconds or _DEADLINE_SECONDS
        budget = max((box.startup.budget_seconds for box in pod.containers if box.startup), default=0)
        if deadline <= budget:
            yield Fault(
                pod.at("start_seconds"),
                f"{pod.subject} is reported as failed after {deadline} s without a new ready pod, and its startup "
                f"probe lets one load for {budget} s",
                (f"progressDeadlineSeconds (start_seconds): more than {budget}, and time for a new node",),
            )


RULES = (update_never_ends, update_waits_at_peak, deadline_before_start)
"""In the order they are told."""


def step(pod: Workload, replicas: int) -> UpdateStep:
    """How a controller replaces so many of its pods."""
    if pod.kind != LEADER_WORKER_SET:
        return pod.controller.exchange.step(replicas)
    # In groups there; a replica's workers come and go with their leader.
    pods = pod.span - 1 if pod.role == WORKER else 1
    groups = pod.controller.exchange.step(replicas // pods if pods else 0)
    return UpdateStep(groups.surge * pods, groups.unavailable * pods)


class _Stuck(NamedTuple):
    """A workload whose update waits for room, why there is none, and what would make some."""

    pod: Workload
    step: UpdateStep
    why: str
    remedy: str


def _stuck(index: Index, count: Callable[[Workload], int]) -> list[_Stuck]:
    """The workloads that one more pod of theirs has no room for, at so many replicas of all."""

    def find(index: Index) -> list[_Stuck]:
        found: dict[Workload, _Stuck] = {}
        for stuck in (*_without_nodes(index, count), *_without_quota(index, count)):
            found.setdefault(stuck.pod, stuck)
        return list(found.values())

    return index.once(f"stuck-at-{'least' if count is least else 'most'}", find)


def _step_into_room(pod: Workload, replicas: int) -> UpdateStep | None:
    """The step of a workload that removes nothing before something new is ready; None for all others."""
    if pod.kind not in (DEPLOYMENT, LEADER_WORKER_SET) or not replicas:
        return None
    found = step(pod, replicas)
    return found if not found.unavailable else None


def _without_nodes(index: Index, count: Callable[[Workload], int]) -> Iterator[_Stuck]:
    overfull: list[frozenset[str]] = []
    for crowd in crowds(index):
        if any(smaller <= crowd.names for smaller in overfull):
            continue
        members = [verdict for verdict in crowd.members if verdict.pod.kind not in ENDING]
        pods: Counter[_Asked] = Counter()
        for verdict in members:
            pods[tuple(sorted(verdict.asked.items()))] += count(verdict.pod)
        rooms = [index.scheduler.room[node.pool] for node in crowd.pools]
        if _need(pods, rooms).nodes > crowd.most:
            overfull.append(crowd.names)  # pool-too-small or scaled-beyond-pool has said so
            continue
        needs: dict[_Asked, Need] = {}
        for verdict in members:
            found = _step_into_room(verdict.pod, count(verdict.pod))
            if found is None:
                continue
            asked = tuple(sorted(verdict.asked.items()))
            if asked not in needs:
                needs[asked] = _need(pods + Counter([asked]), rooms)
            need = needs[asked]
            if need.nodes > crowd.most:
                who = demand(((each, count(each.pod) + (each is verdict)) for each in members), need.resource)
                why = (
                    f"with it, pods that fit only {crowd} need at least {need.nodes} nodes for their "
                    f"{noun(need.resource)} ({who}), but {crowd.limit}"
                )
                yield _Stuck(verdict.pod, found, why, f"raise nodes.max of {crowd} by {need.nodes - crowd.most}")


def _need(pods: Mapping[_Asked, int], rooms: list[dict[str, int]]) -> Need:
    return nodes_needed(((dict(asked), many) for asked, many in pods.items()), rooms)


def _without_quota(index: Index, count: Callable[[Workload], int]) -> Iterator[_Stuck]:
    for _, item in index.objects("ResourceQuota"):
        limits = quota(item.properties)
        if limits.is_scoped:
            continue
        pods = [pod for pod in index.in_namespace(namespace_of(item)) if pod.kind in SERVERS]
        used: Counter[str] = Counter()
        for pod in pods:
            for name, amount in _charged(pod).items():
                used[name] += amount * count(pod)
        hard = {name: round(number(amount) * 1000) for name, amount in limits.hard.items()}
        if any(used[name] > amount for name, amount in hard.items()):
            continue  # some pods are refused in any case
        for pod in pods:
            found, charged = _step_into_room(pod, count(pod)), _charged(pod)
            over = [name for name, amount in hard.items() if used[name] + charged.get(name, 0) > amount]
            if found and over:
                key = over[0]
                why = (
                    f"the quota of namespace {pod.namespace} allows {limits.hard[key]} {key}, and without it its "
                    f"pods take {_amount(key, used[key])} already"
                )
                yield _Stuck(pod, found, why, f"raise the quota of {pod.namespace}")


def _charged(pod: Workload) -> dict[str, int]:
    """What a quota counts for one pod, in thousandths, by the quota's own names."""
    asked = dict(pod.template.asked)
    return asked | {f"requests.{name}": amount for name, amount in asked.items()} | {"pods": 1000}


def _amount(key: str, thousandths: int) -> str:
    if "memory" in key:
        return f"{thousandths / 1000 / GIB:.4g}Gi"
    return f"{thousandths / 1000:g}"
