"""How much of its GPUs each model of an environment takes, as `infra check` tells it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components.plan import Plan
from components.proofs.index import Index
from components.proofs.memory import Judged, judged
from components.quantity import GIB

MOST = 20
"""Models told one by one; the tightest come first where there are more."""


def memory_lines(environment: str, plan: Plan) -> Iterator[str]:
    """One line a model and kind of GPU: what it takes of each, what is left, and what would fit at most."""
    found = [one for one in judged(Index(plan)) if one.made]
    told = found if len(found) <= MOST else sorted(found, key=_tightness)[:MOST]
    for one in told:
        made = one.made
        assert made is not None  # noqa: S101 - chosen above
        shards = f"{made.demand.gpus} x " if made.demand.gpus > 1 else ""
        gpu = made.gpu.accelerator or made.gpu.name
        most = f", holds {made.held_tokens:,} tokens" if made.model.kind == "decoder" and made.held_tokens else ""
        yield (
            f"  {environment} {one.pod.item.object_name}: {made.taken / GIB:.1f} of {made.gpu.bytes / GIB:.1f} GiB on "
            f"{shards}{gpu}, headroom {made.headroom / GIB:.1f} GiB{most}: {made.verdict}"
        )
    if len(found) > len(told):
        yield f"  {environment}: {len(found) - len(told)} more models with more to spare"


def memory_json(plan: Plan) -> list[dict[str, Any]]:
    """The same for machines; bytes of one GPU."""
    return [
        {
            "deployment": one.pod.item.object_name,
            "model": made.model.name,
            "gpu": made.gpu.accelerator,
            "pools": list(one.pools),
            "gpus": made.demand.gpus,
            "verdict": made.verdict,
            "bytes": round(made.taken),
            "capacity": round(made.gpu.bytes),
            "headroom": round(made.headroom),
            "max_batch_total_tokens": made.held_tokens,
            "max_concurrency": made.concurrency,
        }
        for one in judged(Index(plan))
        if (made := one.made)
    ]


def _tightness(one: Judged) -> float:
    return one.made.headroom / one.made.gpu.bytes if one.made else 0.0
