"""Scheduling, all together: pools too small for the pods that fit nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from ..errors import Path
from ..plan import GPU, NodeShape
from .index import Index
from .rule import Fault, rule
from .scheduler import Need, Verdict, amount_text, nodes_needed
from .workload import listed, place


@rule("pool-too-small", "scheduling", "error")
def pool_too_small(index: Index) -> Iterator[Fault]:
    """Pods that fit only certain pools, and need more nodes than those pools may have.

    Counted at the replicas that always exist (`replicas`, or an autoscaler's minimum), all workloads together whose
    pods fit nowhere else. The number of nodes is a lower bound, so what is refused cannot be packed in any way; some
    pods would stay Pending for ever. Source: Fekete and Schepers, "New classes of fast lower bounds for bin packing
    problems", Mathematical Programming 91, 2001.

    Fix: raise the pool's `nodes.max`, lower replicas, or let some of the pods run on another pool too.
    """
    for pools, members, need, most in _overfull(index, always=True):
        yield Fault(
            _blame(pools, members),
            f"pods that fit only {_names(pools)} need at least {need.nodes} nodes for their {_noun(need.resource)} "
            f"({_demand(members, need.resource, always=True)}), but {_limit(pools, most)}",
            (
                f"raise nodes.max of {_names(pools)} by {need.nodes - most}",
                "lower replicas, or autoscaling.min where it is set",
                "name another pool in runs_on as well",
            ),
        )


@rule("scaled-beyond-pool", "scheduling", "warning")
def scaled_beyond_pool(index: Index) -> Iterator[Fault]:
    """Autoscalers that may ask for more pods than their pools can ever hold.

    The same count as pool-too-small at the most replicas autoscalers may set. Up to that point all is well; above it
    pods stay Pending while the autoscaler believes it has scaled. It can be meant: models that never peak together may
    share a pool. Source: kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale.

    Fix: raise the pool's `nodes.max`, or lower `autoscaling.max`.
    """
    always = [frozenset(node.pool for node in pools) for pools, *_ in _overfull(index, always=True)]
    for pools, members, need, most in _overfull(index, always=False):
        if frozenset(node.pool for node in pools) not in always:
            yield Fault(
                _blame(pools, members),
                f"scaled to their maximum, pods that fit only {_names(pools)} need at least {need.nodes} nodes for "
                f"their {_noun(need.resource)} ({_demand(members, need.resource, always=False)}), but "
                f"{_limit(pools, most)}: pods above that stay Pending",
                (f"raise nodes.max of {_names(pools)} by {need.nodes - most}", "lower autoscaling.max"),
            )


RULES = (pool_too_small, scaled_beyond_pool)
"""In the order they are told."""


def _overfull(index: Index, *, always: bool) -> Iterator[tuple[tuple[NodeShape, ...], list[Verdict], Need, int]]:
    """Sets of pools with the pods that fit nowhere else, where those need more nodes than there can be.

    Only the smallest such sets: a larger one that contains them says nothing new.
    """
    groups: dict[frozenset[str], list[Verdict]] = defaultdict(list)
    for verdict in index.scheduler.verdicts:
        if verdict.fits and (verdict.pod.least if always else verdict.pod.most):
            groups[frozenset(node.pool for node in verdict.fits)].append(verdict)
    told: list[frozenset[str]] = []
    for names in sorted(groups, key=lambda names: (len(names), sorted(names))):
        pools = tuple(node for node in index.plan.nodes if node.pool in names)
        limits = [node.max_nodes for node in pools]
        most = sum(limit for limit in limits if limit is not None)
        if None in limits or any(smaller <= names for smaller in told):
            continue
        members = [verdict for inside, verdicts in groups.items() if inside <= names for verdict in verdicts]
        pods = ((verdict.asked, verdict.pod.least if always else verdict.pod.most) for verdict in members)
        need = nodes_needed(pods, [index.scheduler.room[node.pool] for node in pools])
        if need.nodes > most:
            told.append(names)
            yield pools, members, need, most


def _demand(members: Iterable[Verdict], resource: str, *, always: bool) -> str:
    counted = [(verdict.pod.least if always else verdict.pod.most, verdict) for verdict in members]
    return listed(
        f"{verdict.pod.item.object_name} {count} × {amount_text(resource, verdict.asked[resource])}"  # noqa: RUF001 - times
        for count, verdict in sorted(counted, key=lambda entry: -entry[0])
        if verdict.asked.get(resource)
    )


def _blame(pools: tuple[NodeShape, ...], members: list[Verdict]) -> Path:
    if len(pools) == 1:
        return (*(pools[0].path or ("GpuNodePool", pools[0].pool)), "nodes", "max")
    return place(members[0].pod.part)


def _names(pools: Iterable[NodeShape]) -> str:
    return " and ".join(node.pool for node in pools)


def _limit(pools: tuple[NodeShape, ...], most: int) -> str:
    return f"nodes.max is {most}" if len(pools) == 1 else f"their nodes.max are {most} in all"


def _noun(resource: str) -> str:
    return {GPU: "GPUs", "cpu": "CPU"}.get(resource, resource)
