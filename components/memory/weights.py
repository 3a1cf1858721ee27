"""Bytes of weights on the fullest GPU, after quantization and sharding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from ..catalog.formats import WeightFormat, dtype_bytes, weight_format, weight_formats
from ..catalog.formats import dtype as known_dtype
from ..catalog.models import Model, find_model
from ..core.demand import Demand
from .physics import Physics


@dataclass(frozen=True, slots=True)
class Parts:
    """A model's parameters by how they are stored and split.

    Attributes:
        embedding: the input embedding.
        head: the output head; 0 where it is the embedding.
        experts: of a mixture's experts.
        feed_forward: of dense feed-forward layers.
        attention_kv: of the projections to keys and values.
        rest: all others of the layers: attention, router, norms.
        vision: of the vision tower, which every GPU holds whole.
    """

    embedding: int
    head: int
    experts: int
    feed_forward: int
    attention_kv: int
    rest: int
    vision: int

    @property
    def layers(self) -> int:
        """What is in the layers."""
        return self.experts + self.feed_forward + self.attention_kv + self.rest


def parts_of(model: Model) -> Parts:
    """Where the parameters are; the layers' remainder is whatever the rest does not explain."""
    embedding = model.vocab * model.hidden
    head = 0 if model.tied or model.kind == "encoder" else embedding
    layers = model.parameters - embedding - head - model.vision_parameters
    experts = model.layers * model.experts * 3 * model.hidden * model.expert_intermediate
    # First layers without experts, and layers that alternate, have fewer: never more than there are.
    experts = min(experts, layers)
    dense = 0 if model.experts else min(model.layers * 3 * model.hidden * model.intermediate, layers - experts)
    kv = 0 if model.kv_lora_rank else model.layers * 2 * model.kv_heads * model.head_dim * model.hidden
    kv = min(kv, layers - experts - dense)
    rest = layers - experts - dense - kv
    return Parts(embedding, head, experts, dense, kv, rest, model.vision_parameters)


def plain_bytes(model: Model, demand: Demand) -> int:
    """Bytes of a weight that is not quantized; 2 where neither the engine nor the checkpoint says."""
    name = known_dtype(demand.dtype or "") or known_dtype(model.dtype or "") or "float16"
    return dtype_bytes(name)


def format_of(model: Model, demand: Demand) -> WeightFormat | None:
    """The format weights are kept in: as asked for, otherwise as the checkpoint stores them."""
    if demand.quantization:
        asked = weight_format(demand.quantization, demand.engine)
        stored = weight_formats().get(model.stored)
        # `fp8` for a checkpoint in FP8 blocks means what is stored there.
        return stored if stored and asked and stored.bits == asked.bits else asked
    return weight_formats().get(model.stored)


def weight_bytes(model: Model, demand: Demand, physics: Physics) -> float:
    """Bytes on the GPU that holds most."""
    parts, plain, form = parts_of(model), plain_bytes(model, demand), format_of(model, demand)
    packed = form.bytes_each if form else plain
    tensor, stages = demand.tensor_parallel, demand.pipeline_parallel
    # A stage holds whole layers; the first one also the embedding, the last one the head.
    share = ceil(model.layers / stages) / model.layers
    # Fewer heads of keys and values than shards: each GPU holds one, so several hold the same.
    kv_shards = min(tensor, model.kv_heads) if not model.kv_lora_rank else tensor
    attention = (parts.rest / tensor + parts.attention_kv / kv_shards) * _bytes(form, packed, plain, "attention")
    feed_forward = parts.feed_forward / tensor * _bytes(form, packed, plain, "feed-forward")
    experts = parts.experts / (tensor * demand.data_parallel) * _bytes(form, packed, plain, "feed-forward")
    if form and form.covers == "feed-forward":
        # The first and the last layer stay as they are.
        feed_forward += 2 / model.layers * parts.feed_forward / tensor * (plain - packed)
    if form and model.stored_parameters and form.name == model.stored:
        kept = parts.layers - model.stored_parameters
        attention = kept / tensor * plain
        experts = model.stored_parameters / (tensor * demand.data_parallel) * packed * _padding(model, demand, physics)
    table = parts.embedding / tensor * plain
    head = parts.head / tensor * plain
    ends = table + head if stages == 1 else max(table, head or table)
    return (attention + feed_forward + experts) * share + ends + parts.vision * plain


def checkpoint_bytes(model: Model) -> int:
    """What the Hub stores of a model, which is what is downloaded and read from a cache."""
    return round(weight_bytes(model, Demand(engine="", version="", model=model.name), Physics()))


def _padding(model: Model, demand: Demand, physics: Physics) -> float:
    """How much larger MXFP4 experts become where the engine's kernels want round sizes.

    256 for the hidden and 128 for the intermediate width (vllm 0.11.0 quantization/mxfp4.py create_weights, MARLIN).
    """
    if not physics.pads_mxfp4 or not model.expert_intermediate:
        return 1.0
    wide = model.expert_intermediate / demand.tensor_parallel
    return ceil(model.hidden / 256) * 256 / model.hidden * ceil(wide / 128) * 128 / wide


def _bytes(form: WeightFormat | None, packed: float, plain: float, part: str) -> float:
    return packed if form and form.covers in ("linear", part) else plain


def extra_bytes(model: Model, demand: Demand, physics: Physics) -> float:
    """What is held beside the model: adapters, and the smaller model of speculative decoding where it is known."""
    draft = find_model(demand.draft_model or "")
    alone = replace(demand, model=demand.draft_model or "", quantization=None, draft_model=None, architecture=None)
    return _adapter_bytes(model, demand) + (weight_bytes(draft, alone, physics) if draft else 0.0)


def _adapter_bytes(model: Model, demand: Demand) -> float:
    """LoRA adapters held at once: two thin matrices beside every projection of every layer.

    vLLM pre-allocates them at the highest rank (vllm 0.33.0 lora/layers/): query, key, value, output, gate, up, down.
    """
    if not demand.adapters:
        return 0.0
    q, kv = model.heads * model.head_dim, model.kv_heads * model.head_dim
    widths = 2 * (model.hidden + q) + 2 * (model.hidden + kv) + 3 * (model.hidden + model.intermediate)
    return demand.adapters * max(demand.adapter_rank, 8) * widths * model.layers * 2 / demand.tensor_parallel
