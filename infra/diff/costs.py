"""What an environment costs, and what a change of it costs, by the module that knows prices."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from components.plan import Plan
from components.proofs.index import Index


def cost_of(plan: Plan, index: Index) -> Mapping[str, Any] | None:
    """The environment's monthly cost as `infra cost --format json` has it; `None` where nothing can price it."""
    try:
        module = import_module("components.cost.estimate")
    except ModuleNotFoundError:
        return None
    priced: Mapping[str, Any] = module.estimate(plan, index=index).as_json()
    return priced


def cost_delta(base: Mapping[str, Any] | None, head: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What changes in it; `None` where neither side is known."""
    if base is None and head is None:
        return None
    try:
        module = import_module("components.cost.delta")
    except ModuleNotFoundError:
        return None
    changed: Mapping[str, Any] = module.delta(base, head)
    return changed
