"""Scheduling, all together: pools too small for the pods that fit nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import NamedTuple

from ..core.errors import Path
from ..core.plan import GPU, NodeShape
from ..core.words import listed
from ..reading.index import Index
from ..reading.scheduler import Need, Verdict, amount_text, nodes_needed
from ..reading.workload import Workload, place
from .rule import Fault, rule

least: Callable[[Workload], int] = attrgetter("least")
"""Counts the pods of a workload that always exist."""
most: Callable[[Workload], int] = attrgetter("most")
"""Counts the pods of a workload that can exist."""


class Crowd(NamedTuple):
    """Pools that share pods which fit nowhere else, and the nodes they can have in all."""

    pools: tuple[NodeShape, ...]
    members: tuple[Verdict[Workload], ...]
    most: int

    def __str__(self) -> str:
        return " and ".join(node.pool for node in self.pools)

    @property
    def names(self) -> frozenset[str]:
        """The pools' names."""
        return frozenset(node.pool for node in self.pools)

    def counted(self, count: Callable[[Workload], int]) -> Iterator[tuple[Verdict[Workload], int]]:
        """Each member with the number of its pods."""
        return ((verdict, count(verdict.pod)) for verdict in self.members)

    @property
    def limit(self) -> str:
        """The nodes there can be, in words."""
        return f"nodes.max is {self.most}" if len(self.pools) == 1 else f"their nodes.max are {self.most} in all"


@rule("pool-too-small", "scheduling", "error")
def pool_too_small(index: Index) -> Iterator[Fault]:
    """Pods that fit only certain pools, and need more nodes than those pools may have.

    Counted at the replicas that always exist (`replicas`, or an autoscaler's minimum), all workloads together whose
    pods fit nowhere else. The number of nodes is a lower bound, so what is refused cannot be packed in any way; some
    pods would stay Pending for ever. Source: Fekete and Schepers, "New classes of fast lower bounds for bin packing
    problems", Mathematical Programming 91, 2001.

    Fix: raise the pool's `nodes.max`, lower replicas, or let some of the pods run on another pool too.
    """
    for crowd, need in _overfull(index, least):
        yield Fault(
            _blame(crowd),
            f"pods that fit only {crowd} need at least {need.nodes} nodes for their {noun(need.resource)} "
            f"({demand(crowd.counted(least), need.resource)}), but {crowd.limit}",
            (
                f"raise nodes.max of {crowd} by {need.nodes - crowd.most}",
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
    always = [crowd.names for crowd, _ in _overfull(index, least)]
    for crowd, need in _overfull(index, most):
        if crowd.names not in always:
            yield Fault(
                _blame(crowd),
                f"scaled to their maximum, pods that fit only {crowd} need at least {need.nodes} nodes for "
                f"their {noun(need.resource)} ({demand(crowd.counted(most), need.resource)}), but "
                f"{crowd.limit}: pods above that stay Pending",
                (f"raise nodes.max of {crowd} by {need.nodes - crowd.most}", "lower autoscaling.max"),
            )


RULES = (pool_too_small, scaled_beyond_pool)
"""In the order they are told."""


def crowds(index: Index) -> tuple[Crowd, ...]:
    """Sets of pools that cannot grow for ever, each with the pods that fit nowhere else; small sets first."""
    return index.once("crowds", _crowds)


def demand(counted: Iterable[tuple[Verdict[Workload], int]], resource: str) -> str:
    """Who asks for a resource with how many pods: `llama 5 × 1 nvidia.com/gpu`, most pods first."""  # noqa: RUF002 - times
    return listed(
        f"{verdict.pod.item.object_name} {pods} × {amount_text(resource, verdict.asked[resource])}"  # noqa: RUF001 - times
        for verdict, pods in sorted(counted, key=lambda entry: -entry[1])
        if pods and verdict.asked.get(resource)
    )


def noun(resource: str) -> str:
    """A resource as messages call it."""
    return {GPU: "GPUs", "cpu": "CPU"}.get(resource, resource)


def _crowds(index: Index) -> tuple[Crowd, ...]:
    groups: dict[frozenset[str], list[Verdict[Workload]]] = defaultdict(list)
    for verdict in index.scheduler.verdicts:
        if verdict.fits and verdict.pod.most:
            groups[frozenset(node.pool for node in verdict.fits)].append(verdict)
    found = []
    for names in sorted(groups, key=lambda names: (len(names), sorted(names))):
        pools = tuple(node for node in index.plan.nodes if node.pool in names)
        limits = [node.max_nodes for node in pools]
        if None not in limits:
            members = tuple(verdict for inside, verdicts in groups.items() if inside <= names for verdict in verdicts)
            found.append(Crowd(pools, members, sum(limit for limit in limits if limit is not None)))
    return tuple(found)


def _overfull(index: Index, count: Callable[[Workload], int]) -> Iterator[tuple[Crowd, Need]]:
    """The crowds that need more nodes than there can be.

    Only the smallest such: a larger one that contains them says nothing new.
    """
    told: list[frozenset[str]] = []
    for everyone in crowds(index):
        if any(smaller <= everyone.names for smaller in told):
            continue
        crowd = everyone._replace(members=tuple(verdict for verdict in everyone.members if count(verdict.pod)))
        pods = ((verdict.asked, count(verdict.pod)) for verdict in crowd.members)
        need = nodes_needed(pods, [index.scheduler.room[node.pool] for node in crowd.pools])
        if need.nodes > crowd.most:
            told.append(crowd.names)
            yield crowd, need


def _blame(crowd: Crowd) -> Path:
    if len(crowd.pools) == 1:
        (pool,) = crowd.pools
        return (*(pool.path or ("GpuNodePool", pool.pool)), "nodes", "max")
    return place(crowd.members[0].pod.part)
