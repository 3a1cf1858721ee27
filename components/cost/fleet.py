"""How many nodes of each group there are, at the fewest and at the most replicas and as expected.

The rule, by group. Fewest nodes: those that are always there, or as many as the pods need that can run nowhere else,
whichever is more. Most nodes: as many as all pods need that can land there, but no more than the group can grow to;
where pods can land that the plan does not tell (charts' pods on a pool without taints), all it can grow to.

A pod that several groups can hold is in each of their lines and once in the total: in the group where it costs least
for the minimum, where it costs most for the maximum, in the first with room for what is expected. Pods that are alike
stay together while there is room: three of them on two nodes of two GPUs, not one of them in another group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from .demand import WorkloadPods
from .machine_price import Case
from .stocked_group import Load, Nodes, StockedGroup

Count = Callable[[WorkloadPods], float]
"""How many there are of some pods."""
Preference = Callable[[WorkloadPods, float, Sequence[Load], Sequence[StockedGroup]], StockedGroup]
"""Which of several groups takes so many pods, by what each holds already."""


@dataclass(frozen=True)
class Fleet:
    """The groups of a plan with their pods.

    Attributes:
        groups: nodes that are counted together, with their prices.
        pods: what lands on them.
    """

    groups: tuple[StockedGroup, ...]
    pods: tuple[WorkloadPods, ...]

    @cached_property
    def fewest(self) -> tuple[Nodes, ...]:
        """The fewest nodes of each group by itself."""
        return tuple(group.there(self._alone(group, _least), Case.LEAST) for group in self.groups)

    @cached_property
    def most(self) -> tuple[Nodes, ...]:
        """The most nodes of each group by itself."""
        return tuple(
            _at_least(self._most(group), fewest) for group, fewest in zip(self.groups, self.fewest, strict=True)
        )

    def _most(self, group: StockedGroup) -> Nodes:
        if group.group.open and group.group.max_nodes is not None:
            return (float(group.group.max_nodes),)
        return group.there(tuple((pods, pods.most) for pods in self._of_group[group.number]), Case.MOST)

    @cached_property
    def expected(self) -> tuple[Nodes | None, ...]:
        """The nodes of each group that are expected; `None` where pods land for which nothing is stated."""
        loads = self._shared_out(lambda pods: pods.expected or 0.0, _first)
        unknown = {number for pods in self.pods if pods.expected is None for number in pods.groups}
        return tuple(
            None if group.number in unknown else self._between(group, group.needed_on_average(load))
            for group, load in zip(self.groups, loads, strict=True)
        )

    def _between(self, group: StockedGroup, nodes: Nodes) -> Nodes:
        """No fewer than the fewest and no more than the most, where the group has one choice."""
        if len(nodes) > 1:
            return nodes
        return (min(max(nodes[0], self.fewest[group.number][0]), self.most[group.number][0]),)

    @cached_property
    def least_usd(self) -> float:
        """What the nodes cost in a month at the fewest replicas, every pod counted once where it costs least."""
        loads = self._shared_out(_least, _cheapest)
        return sum(
            group.usd(group.there(load, Case.LEAST), Case.LEAST) for group, load in zip(self.groups, loads, strict=True)
        )

    @cached_property
    def most_usd(self) -> float:
        """What the nodes cost in a month at the most replicas, every pod counted once where it costs most."""
        loads = self._shared_out(lambda pods: pods.most, _dearest)
        most = sum(
            group.usd(self.most[group.number] if group.group.open else group.there(load, Case.MOST), Case.MOST)
            for group, load in zip(self.groups, loads, strict=True)
        )
        return max(self.least_usd, most)

    @property
    def shares(self) -> bool:
        """Whether a pod is in several lines."""
        return any(len(pods.groups) > 1 for pods in self.pods)

    def cost_of_one(self, pods: WorkloadPods, case: Case) -> float | None:
        """What one pod takes of its node's cost in an hour; `None` when that is not known or no node holds it."""
        stock = [self.groups[spot.group].stock[spot.choice] for spot in pods.spots]
        if not stock or not all(one.known for one in stock):
            return None
        costs = [one.share_usd(pods, case) for one in stock]
        match case:
            case Case.LEAST:
                return min(costs)
            case Case.EXPECTED:
                return costs[0]
            case Case.MOST:
                return max(costs)

    @cached_property
    def _of_group(self) -> tuple[tuple[WorkloadPods, ...], ...]:
        """The pods that each group can hold."""
        holds: list[list[WorkloadPods]] = [[] for _ in self.groups]
        for pods in self.pods:
            for number in pods.groups:
                holds[number].append(pods)
        return tuple(map(tuple, holds))

    def _alone(self, group: StockedGroup, count: Count) -> Load:
        """The pods that only this group can hold."""
        return tuple((pods, count(pods)) for pods in self._of_group[group.number] if len(pods.groups) == 1)

    def _shared_out(self, count: Count, prefer: Preference) -> list[Load]:
        """Each pod in one group: those with one group first, the others where is preferred while there is room."""
        loads = [self._alone(group, count) for group in self.groups]
        for pods in self.pods:
            if len(pods.groups) == 1:
                continue
            left, candidates = count(pods), [self.groups[number] for number in pods.groups]
            while left > 0 and candidates:
                group = prefer(pods, left, loads, candidates)
                candidates.remove(group)
                if taken := group.takes(loads[group.number], pods, left):
                    loads[group.number] = (*loads[group.number], (pods, taken))
                    left -= taken
        return loads


def _least(pods: WorkloadPods) -> float:
    return pods.least


def _first(_: WorkloadPods, __: float, ___: Sequence[Load], candidates: Sequence[StockedGroup]) -> StockedGroup:
    return candidates[0]


def _cheapest(
    pods: WorkloadPods, count: float, loads: Sequence[Load], candidates: Sequence[StockedGroup]
) -> StockedGroup:
    return min(candidates, key=lambda group: group.extra_usd(loads[group.number], pods, count, Case.LEAST))


def _dearest(
    pods: WorkloadPods, count: float, loads: Sequence[Load], candidates: Sequence[StockedGroup]
) -> StockedGroup:
    return max(candidates, key=lambda group: group.extra_usd(loads[group.number], pods, count, Case.MOST))


def _at_least(nodes: Nodes, least: Nodes) -> Nodes:
    """Packing more pods never takes fewer nodes, even where first-fit would happen to."""
    return nodes if sum(nodes) >= sum(least) else least
