"""The shape of a model: what of it decides how much GPU memory it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Model:
    """The shape of one model.

    Attributes:
        name: its repository on the Hugging Face Hub.
        parameters: weights in memory after loading; a tied head counts once.
        layers: decoder or encoder layers.
        hidden: width of the hidden state.
        intermediate: width of the feed-forward layers, of one expert's in a model whose layers are all experts.
        heads: attention heads.
        kv_heads: heads of keys and values.
        head_dim: width of a head; 0 for multi-head latent attention, which caches one latent instead.
        vocab: entries of the vocabulary.
        context: longest context in tokens; 0 when not sourced.
        tied: whether the head is the embedding.
        dtype: data type of the weights that are not quantized; empty when not sourced, then 16 bits.
        kind: `decoder` generates text and caches keys and values; `encoder` embeds.
        experts: experts of a mixture; 0 for a dense model.
        experts_per_token: experts that work on one token.
        expert_intermediate: width of one expert.
        window: tokens that layers with a sliding window look back on; 0 without.
        window_layers: layers with that window.
        kv_lora_rank: width of the latent of multi-head latent attention; 0 without.
        rope_head_dim: width of the rotary key beside the latent.
        vision_parameters: weights of the vision tower, part of `parameters`.
        stored: format the checkpoint itself is quantized in; empty for none.
        stored_parameters: how many parameters are in that format; 0 leaves it to the format's own rule.
        early_kv_heads: heads of keys and values of the first release, when it had more; 0 when it had not.
        active_parameters: weights that work on one token; 0 when not sourced.
        gated: `yes`, `no`, or empty when not sourced.
        license: its license; empty when not sourced.
        confidence: V for verified against a published count, S for one source, D for a variant derived from its name.
        as_of: the day this was true.
        source: where it can be looked up.
    """

    name: str
    parameters: int
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    context: int = 0
    tied: bool = False
    dtype: str = ""
    kind: Literal["decoder", "encoder"] = "decoder"
    experts: int = 0
    experts_per_token: int = 0
    expert_intermediate: int = 0
    window: int = 0
    window_layers: int = 0
    kv_lora_rank: int = 0
    rope_head_dim: int = 0
    vision_parameters: int = 0
    stored: str = ""
    stored_parameters: int = 0
    early_kv_heads: int = 0
    active_parameters: int = 0
    gated: str = ""
    license: str = ""
    confidence: str = ""
    as_of: str = ""
    source: str = ""
