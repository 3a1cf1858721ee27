"""One group of nodes with its prices: how many nodes pods need, what these cost, and which pods it still takes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil, floor

from ..catalog.prices import HOURS
from .demand import Spot, WorkloadPods
from .machine_price import Case, Cost, PricedComponent
from .nodes import Choice, Group
from .packing import Resources, nodes_for, share

Load = tuple[tuple[WorkloadPods, float], ...]
"""Pods, and how many of each."""
Nodes = tuple[float, ...]
"""How many nodes of each choice of a group."""


@dataclass(frozen=True, slots=True)
class Stock:
    """One choice of a group.

    Attributes:
        room: what a node has for pods.
        components: what a node is paid for.
        hourly: the known part of that in an hour.
        known: whether everything of it has a price.
    """

    room: Resources
    components: tuple[PricedComponent, ...]
    hourly: Cost = field(init=False)
    known: bool = field(init=False)

    def __post_init__(self) -> None:
        costs = [one.hourly for one in self.components]
        object.__setattr__(self, "hourly", Cost(*(sum(cost[case] for cost in costs if cost) for case in Case)))
        object.__setattr__(self, "known", None not in costs)

    def share_usd(self, pods: WorkloadPods, case: Case) -> float:
        """What one pod takes of a node's cost in an hour."""
        return share(pods.asked, self.room) * self.hourly[case]


@dataclass(frozen=True, slots=True)
class StockedGroup:
    """A group of nodes, what each of its choices has and costs, and its place among the groups of a plan."""

    number: int
    group: Group
    stock: tuple[Stock, ...]

    @property
    def at(self) -> str:
        """Where it stands in the stack file."""
        return self.group.at

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The machines in order of preference."""
        return self.group.choices

    def usd(self, nodes: Nodes, case: Case) -> float:
        """What nodes of it cost in a month, as far as it is known."""
        return sum(count * stock.hourly[case] * HOURS for count, stock in zip(nodes, self.stock, strict=True) if count)

    def needed(self, load: Iterable[tuple[WorkloadPods, float]], case: Case) -> Nodes:
        """The nodes of each choice that pods need, whatever limits there are."""
        placed: list[list[tuple[Resources, int]]] = [[] for _ in self.stock]
        for pods, count in load:
            spots = [spot for spot in pods.spots if spot.group == self.number]
            if spots and count > 0:
                placed[self._suiting(pods, spots, case).choice].append((pods.asked, ceil(count)))
        return tuple(
            float(nodes_for(_alike(asked), stock.room)) if asked else 0.0
            for asked, stock in zip(placed, self.stock, strict=True)
        )

    def _suiting(self, pods: WorkloadPods, spots: list[Spot], case: Case) -> Spot:
        """The choice a pod counts on: the cheapest, the first, or the dearest."""

        def usd(spot: Spot) -> float:
            return self.stock[spot.choice].share_usd(pods, case)

        match case:
            case Case.LEAST:
                return min(spots, key=usd)
            case Case.MOST:
                return max(spots, key=usd)
            case Case.EXPECTED:
                return spots[0]

    def there(self, load: Load, case: Case) -> Nodes:
        """The nodes there are with such pods: no fewer than always, no more than there can be."""
        nodes = self.needed(load, case)
        if len(nodes) > 1:
            return nodes
        most = nodes[0] if self.group.max_nodes is None else self.group.max_nodes
        return (min(max(nodes[0], self.group.min_nodes), most),)

    def needed_on_average(self, load: Load) -> Nodes:
        """Nodes for pods that are not whole: between those for fewer and those for more of them."""
        low = self.needed(((pods, floor(count)) for pods, count in load), Case.EXPECTED)
        high = self.needed(((pods, ceil(count)) for pods, count in load), Case.EXPECTED)
        whole = sum(ceil(count) - floor(count) for _, count in load)
        part = sum(count - floor(count) for _, count in load) / whole if whole else 0.0
        return tuple(fewer + part * (more - fewer) for fewer, more in zip(low, high, strict=True))

    def takes(self, load: Load, pods: WorkloadPods, count: float) -> float:
        """How many of so many pods it can take besides its load. Only pools have a limit, and a pool has one choice."""
        limit = self.group.max_nodes
        if limit is None:
            return count

        def is_too_many(some: float) -> bool:
            return self.needed((*load, (pods, some)), Case.EXPECTED)[0] > limit

        if not is_too_many(count):
            return count
        # More pods never need fewer nodes, so the first number that is too many is found by halving.
        return float(bisect_left(range(1, ceil(count)), True, key=is_too_many))

    def extra_usd(self, load: Load, pods: WorkloadPods, count: float, case: Case) -> float:
        """What it costs more in a month for so many pods, by pod: it may have room for some of them only."""
        taken = self.takes(load, pods, count)
        if not taken:
            return 0.0
        before = self.usd(self.there(load, case), case)
        after = self.usd(self.there((*load, (pods, taken)), case), case)
        return (after - before) / taken


def _alike(asked: Iterable[tuple[Resources, int]]) -> Iterable[tuple[Resources, int]]:
    """Pods that ask for the same, as one entry."""
    merged: dict[tuple[tuple[str, int], ...], int] = {}
    for resources, count in asked:
        key = tuple(sorted(resources.items()))
        merged[key] = merged.get(key, 0) + count
    return ((dict(key), count) for key, count in merged.items())
