"""How many nodes of each group there are, at the fewest and at the most replicas and as expected.

The rule, by group. Fewest nodes: those that are always there, or as many as the pods need that can run nowhere else,
whichever is more. Most nodes: as many as all pods need that can land there, but no more than the group can grow to;
where pods can land that the plan does not tell (charts' pods on a pool without taints), all it can grow to.

A pod that several groups can hold is in each of their lines and once in the total: in the group where it costs least
for the minimum, where it costs most for the maximum, in the first with room for what is expected. Pods that are alike
stay together while there is room: three of them on two nodes of two GPUs, not one of them in another group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil, floor

from ..catalog.prices import HOURS
from .demand import Spot, WorkloadPods
from .machine_price import PricedComponent
from .nodes import Group
from .packing import Resources, nodes_for, share

LEAST, EXPECTED, MOST = 0, 1, 2
Load = tuple[tuple[WorkloadPods, float], ...]
"""Pods, and how many of each."""


@dataclass(frozen=True, slots=True)
class Stock:
    """One choice of a group.

    Attributes:
        room: what a node has for pods.
        components: what a node is paid for.
        hourly: the known part of that in an hour: the least, what is expected, the most.
        known: whether everything of it has a price.
    """

    room: Resources
    components: tuple[PricedComponent, ...]
    hourly: tuple[float, float, float] = field(init=False)
    known: bool = field(init=False)

    def __post_init__(self) -> None:
        costs = [one.hourly for one in self.components]
        found = tuple(sum(cost[which] for cost in costs if cost) for which in (LEAST, EXPECTED, MOST))
        object.__setattr__(self, "hourly", found)
        object.__setattr__(self, "known", None not in costs)


Nodes = tuple[float, ...]
"""How many nodes of each choice of a group."""


@dataclass(frozen=True)
class Fleet:
    """The groups of a plan with their pods.

    Attributes:
        groups: nodes that are counted together.
        stock: what each choice of each group has and costs.
        pods: what lands on them.
    """

    groups: tuple[Group, ...]
    stock: tuple[tuple[Stock, ...], ...]
    pods: tuple[WorkloadPods, ...]

    @cached_property
    def fewest(self) -> tuple[Nodes, ...]:
        """The fewest nodes of each group by itself."""
        return tuple(
            self._within(number, self._needed(number, self._alone(number, lambda pods: pods.least), LEAST))
            for number in range(len(self.groups))
        )

    @cached_property
    def most(self) -> tuple[Nodes, ...]:
        """The most nodes of each group by itself."""
        result = []
        for number, group in enumerate(self.groups):
            load = tuple((pods, pods.most) for pods in self._of_group[number])
            needed = self._within(number, self._needed(number, load, MOST))
            if group.open and group.max_nodes is not None:
                needed = (float(group.max_nodes),)
            result.append(_at_least(needed, self.fewest[number]))
        return tuple(result)

    @cached_property
    def expected(self) -> tuple[Nodes | None, ...]:
        """The nodes of each group that are expected; `None` where pods land for which nothing is stated."""
        loads = self._shared_out(lambda pods: pods.expected or 0.0, self._first)
        unknown = {number for pods in self.pods if pods.expected is None for number in pods.groups}
        return tuple(
            None if number in unknown else self._between(number, self._interpolated(number, loads[number]))
            for number in range(len(self.groups))
        )

    @cached_property
    def least_usd(self) -> float:
        """What the nodes cost in a month at the fewest replicas, every pod counted once where it costs least."""
        return self._usd(self._shared_out(lambda pods: pods.least, self._cheapest), LEAST)

    @cached_property
    def most_usd(self) -> float:
        """What the nodes cost in a month at the most replicas, every pod counted once where it costs most."""
        return max(self.least_usd, self._usd(self._shared_out(lambda pods: pods.most, self._dearest), MOST))

    @property
    def shares(self) -> bool:
        """Whether a pod is in several lines."""
        return any(len(pods.groups) > 1 for pods in self.pods)

    def usd(self, number: int, nodes: Nodes, which: int) -> float:
        """What nodes of a group cost in a month, as far as it is known."""
        return sum(
            count * stock.hourly[which] * HOURS for count, stock in zip(nodes, self.stock[number], strict=True) if count
        )

    def cost_of_one(self, pods: WorkloadPods, which: int) -> float | None:
        """What one pod takes of its node's cost in an hour; `None` when that is not known or no node holds it."""
        if not pods.spots or not all(self.stock[spot.group][spot.choice].known for spot in pods.spots):
            return None
        costs = [self._share_usd(pods, spot, which) for spot in pods.spots]
        if which == EXPECTED:
            return costs[0]
        return min(costs) if which == LEAST else max(costs)

    def _share_usd(self, pods: WorkloadPods, spot: Spot, which: int) -> float:
        stock = self.stock[spot.group][spot.choice]
        return share(pods.asked, stock.room) * stock.hourly[which]

    @cached_property
    def _of_group(self) -> tuple[tuple[WorkloadPods, ...], ...]:
        """The pods that each group can hold."""
        found: list[list[WorkloadPods]] = [[] for _ in self.groups]
        for pods in self.pods:
            for number in pods.groups:
                found[number].append(pods)
        return tuple(map(tuple, found))

    def _alone(self, number: int, count: Callable[[WorkloadPods], float]) -> Load:
        return tuple((pods, count(pods)) for pods in self._of_group[number] if len(pods.groups) == 1)

    def _needed(self, number: int, load: Iterable[tuple[WorkloadPods, float]], which: int) -> Nodes:
        """The nodes of each choice that pods need, each pod on the choice that suits: cheapest, first or dearest."""
        placed: list[list[tuple[Resources, int]]] = [[] for _ in self.stock[number]]
        for pods, count in load:
            spots = [spot for spot in pods.spots if spot.group == number]
            if spots and count > 0:
                if which == LEAST:
                    spot = min(spots, key=lambda one: self._share_usd(pods, one, which))
                elif which == MOST:
                    spot = max(spots, key=lambda one: self._share_usd(pods, one, which))
                else:
                    spot = spots[0]
                placed[spot.choice].append((pods.asked, ceil(count)))
        return tuple(
            float(nodes_for(_alike(asked), stock.room)) if asked else 0.0
            for asked, stock in zip(placed, self.stock[number], strict=True)
        )

    def _within(self, number: int, nodes: Nodes) -> Nodes:
        """No fewer than are always there, no more than there can be."""
        group = self.groups[number]
        if len(nodes) > 1:
            return nodes
        return (min(max(nodes[0], group.min_nodes), nodes[0] if group.max_nodes is None else group.max_nodes),)

    def _between(self, number: int, nodes: Nodes) -> Nodes:
        if len(nodes) > 1:
            return nodes
        return (min(max(nodes[0], self.fewest[number][0]), self.most[number][0]),)

    def _interpolated(self, number: int, load: Load) -> Nodes:
        """Nodes for pods that are not whole: between those for fewer and those for more of them."""
        low = self._needed(number, ((pods, floor(count)) for pods, count in load), EXPECTED)
        high = self._needed(number, ((pods, ceil(count)) for pods, count in load), EXPECTED)
        whole = sum(ceil(count) - floor(count) for _, count in load)
        part = sum(count - floor(count) for _, count in load) / whole if whole else 0.0
        return tuple(fewer + part * (more - fewer) for fewer, more in zip(low, high, strict=True))

    def _usd(self, loads: Sequence[Load], which: int) -> float:
        total = 0.0
        for number, load in enumerate(loads):
            nodes = self._within(number, self._needed(number, load, which))
            if which == MOST and self.groups[number].open:
                nodes = self.most[number]
            total += self.usd(number, nodes, which)
        return total

    def _shared_out(
        self,
        count: Callable[[WorkloadPods], float],
        choose: Callable[[WorkloadPods, float, list[Load], list[int]], int],
    ) -> list[Load]:
        """Each pod in one group: those with one group first, the others where `choose` says while there is room."""
        loads: list[Load] = [self._alone(number, count) for number in range(len(self.groups))]
        for pods in self.pods:
            left, candidates = count(pods), list(pods.groups)
            if len(candidates) < 2:  # noqa: PLR2004 - has its place already
                continue
            while left > 0 and candidates:
                number = choose(pods, left, loads, candidates)
                candidates.remove(number)
                taken = self._room_for(number, loads[number], pods, left)
                if taken:
                    loads[number] = (*loads[number], (pods, taken))
                    left -= taken
        return loads

    def _room_for(self, number: int, load: Load, pods: WorkloadPods, count: float) -> float:
        """How many of so many pods the group can still take."""
        limit = self.groups[number].max_nodes
        if limit is None:
            return count

        def fits(some: float) -> bool:
            return self._needed(number, (*load, (pods, some)), EXPECTED)[0] <= limit

        if fits(count):
            return count
        low, high = 0, ceil(count)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return float(low)

    def _first(self, _pods: WorkloadPods, _count: float, _loads: list[Load], candidates: list[int]) -> int:
        return candidates[0]

    def _cheapest(self, pods: WorkloadPods, count: float, loads: list[Load], candidates: list[int]) -> int:
        return min(candidates, key=lambda number: self._extra(number, loads[number], pods, count, LEAST))

    def _dearest(self, pods: WorkloadPods, count: float, loads: list[Load], candidates: list[int]) -> int:
        return max(candidates, key=lambda number: self._extra(number, loads[number], pods, count, MOST))

    def _extra(self, number: int, load: Load, pods: WorkloadPods, count: float, which: int) -> float:
        """What the group costs more for so many pods, by pod: the group may have room for some of them only."""
        taken = self._room_for(number, load, pods, count)
        if not taken:
            return 0.0
        before = self.usd(number, self._within(number, self._needed(number, load, which)), which)
        after = self.usd(number, self._within(number, self._needed(number, (*load, (pods, taken)), which)), which)
        return (after - before) / taken


def _alike(asked: Iterable[tuple[Resources, int]]) -> Iterable[tuple[Resources, int]]:
    """Pods that ask for the same, as one entry."""
    merged: dict[tuple[tuple[str, int], ...], int] = {}
    for resources, count in asked:
        key = tuple(sorted(resources.items()))
        merged[key] = merged.get(key, 0) + count
    return ((dict(key), count) for key, count in merged.items())


def _at_least(nodes: Nodes, least: Nodes) -> Nodes:
    """Packing more pods never takes fewer nodes, even where first-fit would happen to."""
    return nodes if sum(nodes) >= sum(least) else least
