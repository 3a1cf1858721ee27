"""What an environment costs, and what a change of it costs, as snapshots and diffs carry it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.plan import Plan
from components.proofs.index import Index


def cost_of(plan: Plan, index: Index) -> Mapping[str, Any]:
    """The environment's monthly cost as `infra cost --format json` has it."""
    from components.cost.estimate import estimate  # noqa: PLC0415 - snapshots without a price do without it

    return estimate(plan, index=index).as_json()


def cost_delta(base: Mapping[str, Any] | None, head: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What changes in it; `None` where neither side is known."""
    if base is None and head is None:
        return None
    from components.cost.delta import delta  # noqa: PLC0415 - as above

    return delta(base, head)
