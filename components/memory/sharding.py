"""Over how many GPUs a model can be split."""

from __future__ import annotations

from dataclasses import replace

from ..catalog.models import Model
from ..core.demand import Demand
from .physics import Physics

MOST = 16
"""Most GPUs of one machine type (a2-megagpu-16g)."""


def shard_misfit(model: Model, demand: Demand, physics: Physics) -> str | None:
    """Why an engine refuses a shard count, in words; `None` when it does not.

    Every engine splits by heads (vllm 0.33.0 config/model.py verify_with_parallel_config, sglang srt/models/llama.py,
    huggingface/text-generation-inference@v3.3.5 flash_llama_modeling.py). Where there are fewer heads of keys and
    values than shards, vLLM and SGLang repeat them, if the counts divide; TGI does not.
    """
    shards, stages = demand.tensor_parallel, demand.pipeline_parallel
    if stages > model.layers:
        return f"{model.layers} layers cannot be split into {stages} stages"
    if stages > 1 and not physics.splits_layers:
        return f"{demand.engine} has no pipeline parallelism; got {stages} stages"
    if shards > 1 and physics.one_gpu:
        return f"{demand.engine} serves on one GPU; got {shards}"
    if model.heads % shards:
        return f"{model.heads} attention heads cannot be split over {shards} GPUs"
    if model.kv_lora_rank or not model.kv_heads or model.kind == "encoder":
        return None
    if not physics.repeats_kv_heads and model.kv_heads > 1 and model.kv_heads % shards:
        return f"{demand.engine} cannot split {model.kv_heads} heads of keys and values over {shards} GPUs"
    if model.kv_heads % shards and shards % model.kv_heads:
        return f"{model.kv_heads} heads of keys and values cannot be split or repeated over {shards} GPUs"
    return None


def possible_shards(model: Model, demand: Demand, physics: Physics) -> tuple[int, ...]:
    """The shard counts that work, up to the largest machine."""
    counts = range(1, MOST + 1)
    return tuple(
        count for count in counts if shard_misfit(model, replace(demand, tensor_parallel=count), physics) is None
    )
