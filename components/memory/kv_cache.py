"""The cache of keys and values: bytes a token and a request take on one GPU, and how many a budget holds."""

from __future__ import annotations

from math import ceil, floor

from ..catalog.engine_memory import version_of
from ..catalog.formats import dtype as known_dtype
from ..catalog.formats import dtype_bytes
from ..catalog.models import Model, find_model
from ..core.demand import Demand

_MLA_HEAD = 256
"""TGI pads the heads of DeepSeek to this width and caches all of them (server/text_generation_server/models/
custom_modeling/flash_deepseek_v3_modeling.py@v3.3.5, head_pad_size)."""
_HYBRID_SINCE = (0, 10)
"""vLLM keeps only the window of sliding layers from its hybrid KV cache manager on; that it was on by default was read
in 0.10.0 (config.py disable_hybrid_kv_cache_manager). TGI and SGLang are taken to keep all."""


def element_bytes(model: Model, demand: Demand) -> int:
    """Bytes of one cached number: as asked for, otherwise the weights' 16-bit type."""
    asked = known_dtype(demand.kv_cache_dtype or "")
    if asked:
        return dtype_bytes(asked)
    return 4 if known_dtype(demand.dtype or model.dtype or "") == "float32" else 2


def layer_bytes(model: Model, demand: Demand) -> float:
    """Bytes one token takes in one layer of one GPU."""
    element = element_bytes(model, demand)
    if model.kind == "encoder":
        return 0.0
    if model.kv_lora_rank:
        if demand.engine == "tgi":
            return ceil(model.heads / demand.tensor_parallel) * 2 * _MLA_HEAD * element
        # One latent, which every shard holds whole.
        return (model.kv_lora_rank + model.rope_head_dim) * element
    return ceil(model.kv_heads / demand.tensor_parallel) * 2 * model.head_dim * element


def token_bytes(model: Model, demand: Demand) -> float:
    """Bytes one token takes on the fullest GPU when every layer keeps it, those of a draft model included."""
    draft = find_model(demand.draft_model or "")
    beside = layer_bytes(draft, demand) * draft.layers if draft else 0.0
    return layer_bytes(model, demand) * ceil(model.layers / demand.pipeline_parallel) + beside


def page_tokens(demand: Demand) -> int:
    """Tokens that are given out together: 16 in vLLM (`block_size`), 1 in TGI with FlashInfer and in SGLang."""
    return 16 if demand.engine == "vllm" else 1


def windowed_share(model: Model, demand: Demand) -> float:
    """Share of the layers that keep only a window of the request, where the engine makes use of it."""
    hybrid = demand.engine == "vllm" and version_of(demand.version) >= _HYBRID_SINCE
    return model.window_layers / model.layers if hybrid and model.window else 0.0


def request_bytes(model: Model, demand: Demand, tokens: int, step_tokens: int) -> float:
    """Bytes of one request of `tokens` on the fullest GPU.

    A sliding layer keeps its window and what one step adds
    (vllm 0.33.0 v1/kv_cache_interface.py SlidingWindowSpec.max_memory_usage_bytes).
    """
    page = page_tokens(demand)
    share = windowed_share(model, demand)
    full = ceil(tokens / page) * page
    kept = min(ceil(min(model.window - 1 + step_tokens, tokens) / page) * page + page, full) if share else full
    each = token_bytes(model, demand)
    return each * ((1 - share) * full + share * kept)


def held_tokens(model: Model, demand: Demand, available: float) -> int:
    """Tokens that `available` bytes of one GPU hold, in whole pages, when every layer keeps all of them."""
    page = token_bytes(model, demand) * page_tokens(demand)
    return max(0, floor(available / page)) * page_tokens(demand) if page else 0
