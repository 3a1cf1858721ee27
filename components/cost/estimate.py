"""What a plan costs in a month: lines, models and totals, of list prices with their dates and sources.

What is counted: node pools and compute classes with GPUs, boot disks and local SSDs; the control plane of a cluster
that the stack makes; claims; load balancers. What is not: traffic, logs and metrics, discounts (sustained and
committed use, the free tier), buckets and claims of other people, nodes that only exist while an update lasts.
A price that the table lacks makes the line unknown, and with it the maximum of the total.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..catalog.prices import HOURS, Prices, prices
from ..catalog.zones import region_of
from ..core.errors import dotted
from ..core.plan import Part, Plan, Usage
from ..reading.index import Index
from . import autopilot
from .demand import WorkloadPods, demand, merged
from .figures import EstimateFigures, ModelFigures, TokenFigures
from .fleet import Fleet
from .line import Band, Line, Quantity, known_sum, rounded, whole_sum
from .machine_price import Case, components
from .node_lines import node_lines
from .nodes import groups
from .services import control_plane_lines, load_balancer_lines
from .stocked_group import Stock, StockedGroup
from .volumes import volume_lines

_CLUSTER = "GkeCluster"
"""The part by which a plan tells that it is of Google's cloud, and where."""
_SECONDS = 3600
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What one model takes of it: its pods' part of their nodes, and its own claims.

    Attributes:
        at: `models.llama`.
        band: dollars a month.
        million_tokens: dollars for a million tokens on the cheapest and on the dearest node it can land on, while its
            replicas are busy; `None` where no throughput is stated.
        replica_usd_per_hour: what one replica takes of its node in an hour where it costs least; `None` if unknown.
        gpus: GPUs of one replica on each of its nodes, by GKE's name.
    """

    at: str
    band: Band
    million_tokens: tuple[float, float] | None = None
    replica_usd_per_hour: float | None = None
    gpus: Mapping[str, int] | None = None

    def as_json(self) -> ModelFigures:
        """The model for machines."""
        tokens = self.million_tokens
        per_million: TokenFigures | None = {"min": rounded(tokens[0]), "max": rounded(tokens[1])} if tokens else None
        return {"at": self.at, **self.band.as_json(), "usd_per_million_tokens": per_million}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one environment costs in a month of 730 hours.

    Attributes:
        environment: its name.
        region: where it runs; empty outside Google's cloud.
        lines: what is paid for.
        models: what each model takes of that.
        known: the total of what has a price; a lower bound where something has none.
        ceiling_usd: what the team says it may cost; `None` where it does not say.
        shared: whether pods can land in several pools, whose lines then add up to more than the total.
    """

    environment: str
    region: str
    lines: tuple[Line, ...]
    models: tuple[ModelCost, ...]
    known: Band
    ceiling_usd: float | None = None
    shared: bool = False

    @property
    def unknown(self) -> tuple[str, ...]:
        """What has no price, and why."""
        return tuple(f"{line.at}: {line.what}: {line.unknown}" for line in self.lines if line.unknown)

    @property
    def total(self) -> Band:
        """The total: at least so much, and no maximum, where something has no price."""
        return Band(self.known.min, None, None) if self.unknown else self.known

    @property
    def as_of(self) -> str:
        """The day of the oldest price used; empty when none was."""
        return min((line.as_of for line in self.lines if line.as_of), default="")

    def as_json(self) -> EstimateFigures:
        """The estimate for machines."""
        return {
            "environment": self.environment,
            "region": self.region,
            "as_of": self.as_of or None,
            "lines": [line.as_json() for line in self.lines],
            "models": [model.as_json() for model in self.models],
            "total": {**self.total.as_json(), "known_max_usd": rounded(self.known.max)},
            "unknown": list(self.unknown),
            "ceiling_usd": rounded(self.ceiling_usd),
        }


def estimate(plan: Plan, *, table: Prices | None = None, index: Index | None = None) -> Estimate:
    """What a plan costs.

    Args:
        plan: the environment.
        table: the prices. Omitted: the catalog's, with the team's own in their place.
        index: the plan, looked up, where somebody has it already.
    """
    index = index or Index(plan)
    table = table or (prices().overridden(plan.limits.prices) if plan.limits.prices else prices())
    location = next((part.outputs["location"] for part in plan.parts if part.kind == _CLUSTER), None)
    if location is None:
        return _elsewhere(plan)
    region = region_of(str(location))
    on_autopilot = autopilot.is_autopilot(plan)
    fleet, pods = _fleet(plan, index, table, region, on_autopilot=on_autopilot)
    claims = list(volume_lines(index, table, region))
    nodes = list(node_lines(fleet))
    others = [
        *(autopilot.pod_lines(index, table, region, plan.limits.usage) if on_autopilot else ()),
        *control_plane_lines(plan, table, region),
        *(line for _, line in claims),
        *load_balancer_lines(index, table, region),
    ]
    lines = (*nodes, *others)
    models = tuple(_models(plan, fleet, pods, claims, lines if on_autopilot else ()))
    return Estimate(
        plan.environment,
        region,
        lines,
        models,
        _total(fleet, others, lines),
        plan.limits.monthly_usd,
        fleet.shares,
    )


def _elsewhere(plan: Plan) -> Estimate:
    """A cluster that is reached by kubeconfig: what its nodes cost is for its owner to say."""
    what = "nodes, disks and load balancers"
    why = "the cluster is reached by kubeconfig, and who runs it says what it costs"
    line = Line("cluster", what, "node", Quantity(0, None, None), "hour", unknown=why)
    return Estimate(plan.environment, "", (line,), (), Band(0.0, None, None), plan.limits.monthly_usd)


def _fleet(
    plan: Plan, index: Index, table: Prices, region: str, *, on_autopilot: bool
) -> tuple[Fleet, tuple[WorkloadPods, ...]]:
    if on_autopilot:
        return Fleet((), ()), ()
    found = groups(plan)
    stocked = tuple(
        StockedGroup(
            number,
            group,
            tuple(Stock(index.scheduler.room[one.pool], components(one, table, region)) for one in group.choices),
        )
        for number, group in enumerate(found)
    )
    pods = demand(index, found, plan.limits.usage)
    return Fleet(stocked, merged(pods)), pods


def _total(fleet: Fleet, others: Sequence[Line], lines: Sequence[Line]) -> Band:
    """The total of what has a price; pods that several groups can hold are counted once."""
    bands = [line.band for line in others]
    least = fleet.least_usd + known_sum(band.min for band in bands)
    most = fleet.most_usd + known_sum(band.max for band in bands)
    unbounded = any(line.quantity.max is None for line in lines)
    expected = whole_sum(line.band.expected for line in lines)
    if expected is not None:
        expected = max(expected, least) if unbounded else min(max(expected, least), most)
    return Band(least, expected, None if unbounded else most)


def _models(
    plan: Plan, fleet: Fleet, pods: Sequence[WorkloadPods], claims: Sequence[tuple[Part, Line]], lines: Sequence[Line]
) -> Iterator[ModelCost]:
    """Each model's part, in the plan's order."""
    placed: dict[str, list[Line]] = {}
    for line in lines:
        placed.setdefault(line.at, []).append(line)
    of: dict[str, list[WorkloadPods]] = {}
    for one in pods:
        of.setdefault(one.workload.part.key, []).append(one)
    disks: dict[str, list[Line]] = {}
    for part, line in claims:
        disks.setdefault(part.key, []).append(line)
    for part in plan.parts:
        if part.path[:1] != ("models",):
            continue
        at = dotted(part.path)
        own = placed.get(at) or disks.get(part.key, [])
        yield _model(at, fleet, of.get(part.key, []), own, plan.limits.usage.get(str(part.path[1])))


def _model(at: str, fleet: Fleet, pods: Sequence[WorkloadPods], own: Sequence[Line], usage: Usage | None) -> ModelCost:
    cost = [[_times(fleet.cost_of_one(one, case)) for case in Case] for one in pods]
    bands = [line.band for line in own]
    least = whole_sum([*(_scaled(usd[Case.LEAST], one.least) for usd, one in zip(cost, pods, strict=True)),
                       *(band.min for band in bands)])  # fmt: skip
    most = whole_sum([*(_scaled(usd[Case.MOST], one.most) for usd, one in zip(cost, pods, strict=True)),
                      *(band.max for band in bands)])  # fmt: skip
    expected = whole_sum([*(_scaled(usd[Case.EXPECTED], one.expected) for usd, one in zip(cost, pods, strict=True)),
                          *(band.expected for band in bands)])  # fmt: skip
    if expected is not None and least is not None and most is not None:
        expected = min(max(expected, least), most)
    replicas = _replicas(fleet, pods)
    tokens = usage.tokens_per_second if usage else None
    per_million = None
    if tokens and replicas:
        million = tokens * _SECONDS / _MILLION
        per_million = min(low for low, _ in replicas) / million, max(high for _, high in replicas) / million
    gpus = {}
    for one in pods:
        for spot in one.spots:
            choice = fleet.groups[spot.group].choices[spot.choice]
            if choice.accelerator and one.asked.get("nvidia.com/gpu"):
                gpus[choice.accelerator] = one.asked["nvidia.com/gpu"] // 1000 * one.workload.span
    return ModelCost(
        at, Band(least, expected, most), per_million, min((low for low, _ in replicas), default=None), gpus
    )


def _replicas(fleet: Fleet, pods: Sequence[WorkloadPods]) -> list[tuple[float, float]]:
    """What one replica of each version takes in an hour, at least and at most; nothing where that is not known."""
    versions: dict[int, list[tuple[float | None, float | None]]] = {}
    for one in pods:
        times = one.workload.span - 1 if one.workload.role == "worker" else 1
        low, high = fleet.cost_of_one(one, Case.LEAST), fleet.cost_of_one(one, Case.MOST)
        versions.setdefault(id(one.workload.item), []).append((_scaled(low, times), _scaled(high, times)))
    found = []
    for parts in versions.values():
        low, high = whole_sum(low for low, _ in parts), whole_sum(high for _, high in parts)
        if low is not None and high is not None:
            found.append((low, high))
    return found


def _times(usd_per_hour: float | None) -> float | None:
    return None if usd_per_hour is None else usd_per_hour * HOURS


def _scaled(usd: float | None, count: float | None) -> float | None:
    if count == 0:
        return 0.0
    return None if usd is None or count is None else usd * count
