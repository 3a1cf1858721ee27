"""The shape of a model that is not in the catalog, as its `config.json` on the Hub spells it."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from ..catalog.formats import weight_formats
from ..catalog.models import Model
from ..core.config import Config, Count, Flag, Size
from ..core.errors import MisfitError, did_you_mean


class ArchitectureConfig(Config):
    """What decides how much GPU memory a model takes; names are those of its config.json."""

    num_hidden_layers: Count
    """Layers."""
    hidden_size: Count
    """Width of the hidden state."""
    intermediate_size: Count
    """Width of the feed-forward layers."""
    num_attention_heads: Count
    """Attention heads."""
    vocab_size: Count
    """Entries of the vocabulary."""
    num_key_value_heads: Count | None = None
    """Heads of keys and values. Omitted: as many as attention heads."""
    head_dim: Count | None = None
    """Width of a head. Omitted: hidden_size shared by the attention heads."""
    max_position_embeddings: Count | None = None
    """Longest context in tokens. Omitted: the engine's settings must say how long a request is."""
    tie_word_embeddings: Flag = False
    """Whether the head is the embedding. Omitted: it is not."""
    parameters: Count | None = None
    """Weights in memory, of a vision tower, too. Omitted: worked out from the shape, as of a Llama."""
    torch_dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    """Data type of the weights. Omitted: bfloat16."""
    quantization: str | None = None
    """Format of the checkpoint itself, such as awq, gptq, fp8 or mxfp4. Omitted: not quantized."""
    encoder: Flag = False
    """Whether it embeds text rather than writes it, and so caches nothing. Omitted: it writes."""
    num_experts: Size = 0
    """Experts of a mixture. Omitted: none."""
    num_experts_per_tok: Size = 0
    """Experts that work on one token."""
    moe_intermediate_size: Size = 0
    """Width of one expert. Omitted: intermediate_size."""
    sliding_window: Size = 0
    """Tokens that layers with a sliding window look back on. Omitted: none has one."""
    sliding_layers: Size = 0
    """Layers with that window."""
    kv_lora_rank: Size = 0
    """Width of the latent of multi-head latent attention. Omitted: keys and values are cached."""
    qk_rope_head_dim: Size = 0
    """Width of the rotary key beside that latent."""
    vision_parameters: Size = 0
    """Weights of a vision tower, part of parameters. Omitted: it has none."""

    @model_validator(mode="after")
    def _fits_together(self) -> ArchitectureConfig:
        if self.head_dim is None and self.hidden_size % self.num_attention_heads and not self.kv_lora_rank:
            raise MisfitError(
                f"hidden_size {self.hidden_size} cannot be shared by {self.num_attention_heads} heads: give head_dim",
                at=("head_dim",),
            )
        if bool(self.num_experts) != bool(self.num_experts_per_tok):
            raise MisfitError("give num_experts and num_experts_per_tok, or neither", at=("num_experts",))
        if bool(self.sliding_window) != bool(self.sliding_layers):
            raise MisfitError("give sliding_window and sliding_layers, or neither", at=("sliding_window",))
        if self.sliding_layers > self.num_hidden_layers:
            raise MisfitError(
                f"got {self.sliding_layers}; the model has {self.num_hidden_layers} layers", at=("sliding_layers",)
            )
        if self.quantization and self.quantization not in weight_formats():
            hint = did_you_mean(self.quantization, weight_formats(), "a format")
            raise MisfitError(f'got "{self.quantization}"; {hint}', at=("quantization",))
        return self

    def model(self, name: str) -> Model:
        """The model of this shape."""
        heads = self.num_attention_heads
        kv_heads = self.num_key_value_heads or heads
        head_dim = self.head_dim or (0 if self.kv_lora_rank else self.hidden_size // heads)
        expert = (self.moe_intermediate_size or self.intermediate_size) if self.num_experts else 0
        return Model(
            name=name,
            parameters=self.parameters or self._parameters(kv_heads, head_dim, expert),
            layers=self.num_hidden_layers,
            hidden=self.hidden_size,
            intermediate=self.intermediate_size,
            heads=heads,
            kv_heads=kv_heads,
            head_dim=head_dim,
            vocab=self.vocab_size,
            context=self.max_position_embeddings or 0,
            tied=self.tie_word_embeddings,
            dtype=self.torch_dtype,
            kind="encoder" if self.encoder else "decoder",
            experts=self.num_experts,
            experts_per_token=self.num_experts_per_tok,
            expert_intermediate=expert,
            window=self.sliding_window,
            window_layers=self.sliding_layers,
            kv_lora_rank=self.kv_lora_rank,
            rope_head_dim=self.qk_rope_head_dim,
            vision_parameters=self.vision_parameters,
            stored=self.quantization or "",
            source="the stack",
        )

    def _parameters(self, kv_heads: int, head_dim: int, expert: int) -> int:
        """A Llama's count, with experts in place of the feed-forward layer where there are any."""
        width = head_dim or self.hidden_size // self.num_attention_heads
        attention = 2 * self.hidden_size * width * (self.num_attention_heads + kv_heads)
        forward = (self.num_experts or 1) * 3 * self.hidden_size * (expert or self.intermediate_size)
        router = self.num_experts * self.hidden_size
        layer = attention + forward + router + 2 * self.hidden_size
        tables = self.vocab_size * self.hidden_size * (1 if self.tie_word_embeddings else 2)
        return self.num_hidden_layers * layer + tables + self.hidden_size + self.vision_parameters
