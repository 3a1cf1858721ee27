"""What an environment costs, and what a change of it costs, as snapshots and diffs carry it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.core.plan import Plan
from components.reading.index import Index

from .snapshots.snapshot import Snapshot


def cost_of(plan: Plan, index: Index) -> Mapping[str, Any]:
    """The environment's monthly cost as `infra cost --format json` has it."""
    from components.cost.estimate import estimate  # noqa: PLC0415 - snapshots without a price do without it

    return estimate(plan, index=index).as_json()


def cost_delta(base: Snapshot | None, head: Snapshot | None) -> Mapping[str, Any] | None:
    """What changes in it; `None` where neither side is known.

    Args:
        base: the environment before; `None` where it was not there.
        head: the environment after; `None` where it is not there any more.
    """
    known = [one for one in (base, head) if one is not None and one.cost is not None]
    if not known:
        return None
    from components.cost.delta import UNKNOWN, delta  # noqa: PLC0415 - as above

    return delta(*(None if one is None else UNKNOWN if one.cost is None else one.cost for one in (base, head)))
