"""Budget: environments that can cost more than their team says, or grow to more GPUs than the cloud has granted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from ..core.errors import Path, dotted
from ..core.plan import GPU, NodeShape
from ..core.words import listed
from ..reading.index import Index
from .rule import Fault, rule

if TYPE_CHECKING:
    from ..cost.estimate import Estimate

_CEILING: Path = ("policy", "budget", "monthly_usd")
_CONTRIBUTORS = 3
"""How many of the dearest are named."""
_PREEMPTIBLE = frozenset({"spot", "flex-start"})
"""Ways of buying that take from the preemptible quota.

Source: docs.cloud.google.com/compute/resource-usage#gpu_quota;
cloud.google.com/blog/products/compute/introducing-flex-start-vms-for-the-compute-engine-instance-api.
"""


@rule("over-budget", "budget", "error")
def over_budget(index: Index) -> Iterator[Fault]:
    """An environment that can cost more in a month than `policy.budget` allows.

    Held against it is the maximum: most replicas, all month, at list price, as `infra cost` tells it. An autoscaler
    goes that far by itself, on the night nobody looks.

    Fix: lower what grows, use cheaper nodes, or raise the ceiling in the same pull request, where it is seen.
    """
    made = _estimate(index)
    most = made.known.max if made else None
    if made is None or made.ceiling_usd is None or most is None or most <= made.ceiling_usd:
        return
    dearest = sorted(made.lines, key=lambda line: -(line.band.max or 0.0))[:_CONTRIBUTORS]
    who = ", ".join(f"{line.at} up to {_usd(line.band.max)} ({line.what})" for line in dearest if line.band.max)
    and_more = ", what has no price left out" if made.unknown else ""
    yield Fault(
        _CEILING,
        f"the environment can cost {_usd(most)} a month{and_more}, and its ceiling is {_usd(made.ceiling_usd)}; most "
        f"of it: {who}",
        (
            f"lower nodes.max or the most replicas at {dearest[0].at}",
            "use Spot or smaller machines: `infra cost` tells what each takes",
            f"raise monthly_usd to {ceil(most)} or more",
        ),
    )


@rule("budget-unknown", "budget", "warning")
def budget_unknown(index: Index) -> Iterator[Fault]:
    """An environment with a ceiling, part of which has no price.

    What has no price is not counted as nothing: the environment is held to its ceiling by the rest, and nobody knows
    whether the whole is below it.

    Fix: write the prices you pay into a table, and take it over with `infra prices update --from FILE`. What no row
    can price, such as a storage class of your own, take off the ceiling.
    """
    made = _estimate(index)
    if made is not None and made.unknown:
        lacks_a_row = any(line.unknown.startswith("no price of") for line in made.lines)
        fix = "infra prices update --from FILE, with a row for it" if lacks_a_row else (
            "look up what it costs, and lower policy.budget.monthly_usd by it"
        )  # fmt: skip
        rest = "" if made.known.max is None else f"; the rest can cost {_usd(made.known.max)}"
        yield Fault(
            _CEILING,
            f"it is not known whether the environment stays below {_usd(made.ceiling_usd)} a month: "
            f"{listed(made.unknown, 2)}{rest}",
            (fix,),
        )


@rule("over-gpu-quota", "budget", "error")
def over_gpu_quota(index: Index) -> Iterator[Fault]:
    """Pools that can grow to more GPUs than `policy.gpu_quota` says the project has.

    The autoscaler asks for nodes until the quota refuses: pods then wait, on the day the load is highest. Spot and
    flex-start nodes take from the preemptible quota where the project has one. Counted are node pools at their maximum,
    and for compute classes, which GKE grows as pods need, their pods' most replicas in what the pools leave.
    Source: docs.cloud.google.com/compute/resource-usage#gpu_quota.

    Fix: lower `nodes.max`, or ask for the quota and write here what was granted; it takes days for scarce GPUs.
    """
    quota = index.plan.limits.gpu_quota
    if not quota:
        return
    grown = _grown(index, quota)
    left: dict[tuple[str, str], int] = {}
    for (accelerator, kind), pools in grown.fixed.items():
        granted, total = _granted(quota, accelerator, kind), sum(pools.values())
        left[accelerator, kind] = max(0, granted - total)
        if total > granted:
            biggest = max(pools, key=lambda at: pools[at])
            who = listed(f"{dotted(at)} {count}" for at, count in pools.items())
            field = "preemptible" if kind == "preemptible" else "gpus"
            yield Fault(
                ("policy", "gpu_quota", accelerator, field),
                f"pools can grow to {total} {kind} {accelerator} ({who}), and the project may have {granted}",
                (
                    f"lower nodes.max of {dotted(biggest)}",
                    f"ask for quota of {total}, and write here what was granted",
                ),
            )
    for at, accelerator, kinds, gpus in grown.wanted:
        room = sum(left.get((accelerator, kind), _granted(quota, accelerator, kind)) for kind in kinds)
        if gpus > room:
            yield Fault(
                ("policy", "gpu_quota", accelerator),
                f"pods of {dotted(at)} ask for up to {gpus} {accelerator}, and node pools leave {room} of the quota",
                (
                    "lower the most replicas of the models on it",
                    f"ask for {gpus - room} more, and write here what was granted",
                ),
            )


RULES = (over_budget, budget_unknown, over_gpu_quota)
"""In the order they are told."""


@dataclass(frozen=True, slots=True)
class _Grown:
    """GPUs at their most.

    Attributes:
        fixed: by accelerator and kind of quota, what each pool can grow to.
        wanted: for nodes that only pods bound: where, which GPU, which kinds of quota they can take from, how many.
    """

    fixed: Mapping[tuple[str, str], Mapping[Path, int]]
    wanted: tuple[tuple[Path, str, frozenset[str], int], ...]


def _grown(index: Index, quota: Mapping[str, tuple[int, int | None]]) -> _Grown:
    from ..cost.nodes import physical_gpus  # noqa: PLC0415 - only where a quota is stated

    fixed: dict[tuple[str, str], dict[Path, int]] = {}
    open_nodes: dict[Path, list[NodeShape]] = {}
    for node in index.plan.nodes:
        if node.accelerator not in quota:
            continue
        if node.max_nodes is None:
            open_nodes.setdefault(node.path, []).append(node)
        else:
            kind = _kind(quota, node)
            fixed.setdefault((node.accelerator, kind), {})[node.path] = node.max_nodes * physical_gpus(node)
    wanted = []
    for at, nodes in open_nodes.items():
        for accelerator in dict.fromkeys(node.accelerator for node in nodes):
            same = [node for node in nodes if node.accelerator == accelerator]
            gpus = _asked(index, {node.pool for node in nodes}, same[0], physical_gpus(same[0]))
            wanted.append((at, accelerator, frozenset(_kind(quota, node) for node in same), gpus))
    return _Grown(fixed, tuple(wanted))


def _asked(index: Index, pools: set[str], node: NodeShape, physical: int) -> int:
    """Physical GPUs that pods want which can only land on some pools."""
    shared = max(1, int(node.allocatable.get(GPU, 0)) // max(1, physical))
    total = sum(
        verdict.asked.get(GPU, 0) // 1000 * verdict.pod.most
        for verdict in index.scheduler.verdicts
        if verdict.fits and {one.pool for one in verdict.fits} <= pools
    )
    return ceil(total / shared)


def _kind(quota: Mapping[str, tuple[int, int | None]], node: NodeShape) -> str:
    own = quota[node.accelerator][1] is not None
    return "preemptible" if own and node.provisioning in _PREEMPTIBLE else "on-demand"


def _granted(quota: Mapping[str, tuple[int, int | None]], accelerator: str, kind: str) -> int:
    gpus, preemptible = quota[accelerator]
    return gpus if kind == "on-demand" or preemptible is None else preemptible


def _estimate(index: Index) -> Estimate | None:
    """What the plan costs; nothing is reckoned where no ceiling is stated."""
    if index.plan.limits.monthly_usd is None:
        return None
    from ..cost.estimate import estimate  # noqa: PLC0415 - the others do without it

    return index.once("estimate", lambda index: estimate(index.plan, index=index))


def _usd(value: float | None) -> str:
    return "an unknown sum" if value is None else f"${value:,.0f}"
