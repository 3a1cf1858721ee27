"""The cache of keys and values: bytes a token and a request take on one GPU, and how many a budget holds."""

from __future__ import annotations

from math import ceil, floor

from ..catalog.engine_memory import version_of
from ..catalog.formats import dtype as known_dtype
from ..catalog.formats import dtype_bytes
from ..catalog.models import Model, find_model
from ..core.demand import Demand
from .physics import Physics


def element_bytes(model: Model, demand: Demand) -> int:
    """Bytes of one cached number: as asked for, otherwise the weights' 16-bit type."""
    asked = known_dtype(demand.kv_cache_dtype or "")
    if asked:
        return dtype_bytes(asked)
    return 4 if known_dtype(demand.dtype or model.dtype or "") == "float32" else 2


def layer_bytes(model: Model, demand: Demand, physics: Physics) -> float:
    """Bytes one token takes in one layer of one GPU."""
    element = element_bytes(model, demand)
    if model.kind == "encoder":
        return 0.0
    if model.kv_lora_rank:
        if physics.latent_head:
            return ceil(model.heads / demand.tensor_parallel) * 2 * physics.latent_head * element
        # One latent, which every shard holds whole.
        return (model.kv_lora_rank + model.rope_head_dim) * element
    return ceil(model.kv_heads / demand.tensor_parallel) * 2 * model.head_dim * element


def token_bytes(model: Model, demand: Demand, physics: Physics) -> float:
    """Bytes one token takes on the fullest GPU when every layer keeps it, those of a draft model included."""
    draft = find_model(demand.draft_model or "")
    beside = layer_bytes(draft, demand, physics) * draft.layers if draft else 0.0
    return layer_bytes(model, demand, physics) * ceil(model.layers / demand.pipeline_parallel) + beside


def windowed_share(model: Model, demand: Demand, physics: Physics) -> float:
    """Share of the layers that keep only a window of the request, where the engine makes use of it."""
    hybrid = physics.windows_since is not None and version_of(demand.version) >= physics.windows_since
    return model.window_layers / model.layers if hybrid and model.window else 0.0


def request_bytes(model: Model, demand: Demand, physics: Physics, tokens: int, step_tokens: int) -> float:
    """Bytes of one request of `tokens` on the fullest GPU.

    A sliding layer keeps its window and what one step adds
    (vllm 0.33.0 v1/kv_cache_interface.py SlidingWindowSpec.max_memory_usage_bytes).
    """
    page = physics.page_tokens
    share = windowed_share(model, demand, physics)
    full = ceil(tokens / page) * page
    kept = min(ceil(min(model.window - 1 + step_tokens, tokens) / page) * page + page, full) if share else full
    each = token_bytes(model, demand, physics)
    return each * ((1 - share) * full + share * kept)


def held_tokens(model: Model, demand: Demand, physics: Physics, available: float) -> int:
    """Tokens that `available` bytes of one GPU hold, in whole pages, when every layer keeps all of them."""
    page = token_bytes(model, demand, physics) * physics.page_tokens
    return max(0, floor(available / page)) * physics.page_tokens if page else 0
