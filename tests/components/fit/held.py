"""What a demand's own engine holds: the arithmetic of `components.memory` with that engine's physics."""

from __future__ import annotations

from components.catalog.models import Model
from components.core.demand import Demand
from components.fit.fit import MEMORY
from components.memory import kv_cache, sharding, weights
from components.memory.physics import Physics


def physics(demand: Demand) -> Physics:
    return MEMORY[demand.engine].physics


def page_tokens(demand: Demand) -> int:
    return physics(demand).page_tokens


def weight_bytes(model: Model, demand: Demand) -> float:
    return weights.weight_bytes(model, demand, physics(demand))


def token_bytes(model: Model, demand: Demand) -> float:
    return kv_cache.token_bytes(model, demand, physics(demand))


def request_bytes(model: Model, demand: Demand, tokens: int, step_tokens: int) -> float:
    return kv_cache.request_bytes(model, demand, physics(demand), tokens, step_tokens)


def held_tokens(model: Model, demand: Demand, available: float) -> int:
    return kv_cache.held_tokens(model, demand, physics(demand), available)


def possible_shards(model: Model, demand: Demand) -> tuple[int, ...]:
    return sharding.possible_shards(model, demand, physics(demand))


def shard_misfit(model: Model, demand: Demand) -> str | None:
    return sharding.shard_misfit(model, demand, physics(demand))
