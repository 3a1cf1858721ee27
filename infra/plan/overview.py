"""What a person asks of a plan first: which models, how many replicas of what, on how many GPUs of which kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from components.catalog.accelerators import accelerators
from components.core.plan import Part, Plan

from ..terminal.words import span
from .environment import Environment

_BOUGHT = {"on-demand": "", "spot": "Spot", "flex-start": "flex-start", "reservation": "reserved"}


@dataclass(frozen=True, slots=True)
class Gpus:
    """GPUs of one kind that an environment can have.

    Attributes:
        accelerator: as GKE names it.
        bought: `on-demand`, `spot`, `flex-start`, `reservation`, or `compute class` where GKE chooses.
        min: GPUs that are always there.
        max: most GPUs; `None` when nothing bounds them.
    """

    accelerator: str
    bought: str
    min: int
    max: int | None

    def __str__(self) -> str:
        words = _BOUGHT.get(self.bought, "by class")
        return " ".join(filter(None, (span(self.min, self.max), gpu_name(self.accelerator), words)))


def gpu_name(accelerator: str) -> str:
    """What people call a GPU: `A100`."""
    known = accelerators().get(accelerator)
    return known.short.upper() if known else accelerator


def how_bought(provisioning: str) -> str:
    """How people say a node is bought; empty for plain on-demand."""
    return _BOUGHT[provisioning]


def gpu_ranges(environment: Environment, plan: Plan) -> tuple[Gpus, ...]:
    """How many GPUs of each kind the environment has at least and at most.

    Pools count by their nodes. Where GKE makes the nodes that pods ask for (a compute class, Autopilot, a pool that
    exists without a declared size), the replicas count instead.
    """
    found: dict[tuple[str, str], tuple[int, int | None]] = {}
    for pool in environment.node_pools.values():
        if pool.accelerator and pool.nodes and not environment.autopilot:
            each = pool.gpus_per_node
            _add(found, (pool.accelerator, pool.provisioning), pool.nodes.min * each, pool.nodes.max * each)
    for part in models(plan):
        _add_demand(found, environment, part)
    return tuple(Gpus(accelerator, bought, *count) for (accelerator, bought), count in found.items())


def _add_demand(found: dict[tuple[str, str], tuple[int, int | None]], environment: Environment, part: Part) -> None:
    pools = list(environment.targets(environment.models[part.name])[0].values())
    unbounded = [pool for pool in pools if pool.accelerator and (environment.autopilot or not pool.nodes)]
    if not unbounded:
        return
    ways = {pool.provisioning for pool in unbounded}
    names = dict.fromkeys(pool.accelerator for pool in unbounded if pool.accelerator)
    most = sum(track.gpus * track.most for track in part.tracks)
    least = sum(track.gpus * track.fewest for track in part.tracks)
    # Nodes of a sized pool may serve the same pods, so that none of the others need be there.
    least = least if len(unbounded) == len(pools) and len(names) == 1 else 0
    bought = ways.pop() if len(ways) == 1 else "compute class"
    for name in names:
        _add(found, (name, bought), least, most)


def _add(
    found: dict[tuple[str, str], tuple[int, int | None]], key: tuple[str, str], least: int, most: int | None
) -> None:
    before_least, before_most = found.get(key, (0, 0))
    unbounded = most is None or before_most is None
    found[key] = (before_least + least, None if unbounded else (before_most or 0) + (most or 0))


def models(plan: Plan) -> Iterator[Part]:
    """The parts that serve models."""
    return (part for part in plan.parts if part.path[:1] == ("models",))


def count_objects(parts: Iterable[Part]) -> int:
    """Kubernetes objects among the resources of these parts."""
    return sum(item.is_object for part in parts for item in part.items)
