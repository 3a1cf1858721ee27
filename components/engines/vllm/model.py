"""What vLLM loads and how it reads it: the flags of its model, tokenizer, weights and pooling.

Names and defaults are those of `vllm serve` 0.33.0 (wheel vllm 0.33.0: vllm/engine/arg_utils.py, vllm/config/model.py,
load.py, pooler.py). A flag that an older release lacks is refused for it by the table of flags.
"""

# Annotations are no text here: pydantic would evaluate each again for every class that inherits it.
from typing import Annotated, Any, Literal

from pydantic import Field

from ...core.config import Config, Count, Flag, HubId, Integer, Revision, patterned

Json = dict[str, Any]
"""A flag's JSON, as vLLM reads it."""
ServedName = Annotated[str, patterned(r"^[\w.:/@+-]+$", "a name without spaces, such as llama-3.1-8b")]
Quantization = Literal[
    "auto_awq",
    "auto_gptq",
    "awq",
    "awq_marlin",
    "bitsandbytes",
    "compressed-tensors",
    "deepseek_v4_fp8",
    "experts_int8",
    "fp8",
    "fp8_per_block",
    "fp8_per_channel",
    "fp8_per_tensor",
    "gpt_oss_mxfp4",
    "gptq",
    "gptq_marlin",
    "humming",
    "inc",
    "int8_per_channel_weight_only",
    "modelopt",
    "modelopt_fp4",
    "modelopt_mixed",
    "modelopt_mxfp8",
    "moe_wna16",
    "mxfp4",
    "mxfp8",
    "nvfp4_per_token",
    "online",
    "quark",
    "torchao",
]


class PoolerConfig(Config):
    """How an embedding or classification model turns hidden states into one answer."""

    task: Literal["embed", "classify", "token_embed", "token_classify", "embed&token_classify", "plugin"] | None = None
    """What the pooler computes. Omitted: what the model was made for."""
    pooling_type: Literal["CLS", "LAST", "MEAN", "ALL", "STEP"] | None = None
    """Which hidden states it takes. Omitted: the model's own."""
    use_activation: Flag | None = None
    """Whether it applies the activation function. Omitted: the pooler's default, for most of them yes."""
    dimensions: Count | None = None
    """Size of the embeddings, for models trained for several. Omitted: the full size."""
    enable_chunked_processing: Flag | None = None
    """Whether an input longer than the model's positions is cut, embedded in pieces and averaged. Omitted: it is
    refused."""
    max_embed_len: Count | None = None
    """Longest input in tokens. Omitted: max_model_len."""


class VllmModelFlags(Config):
    """Flags about the model itself."""

    served_model_name: tuple[ServedName, ...] = ()
    """Names clients call it by; the first is in answers and metrics. Omitted: the model's repository."""
    runner: Literal["auto", "generate", "pooling"] | None = None
    """`generate` text, or `pooling` for embeddings, scores and classes. Omitted: by the model's architecture."""
    convert: Literal["auto", "none", "embed", "classify"] | None = None
    """Turn a text generator into a pooling model. Omitted: by runner and architecture."""
    pooler_config: PoolerConfig | None = None
    """How a pooling model pools. Omitted: as the model was made."""
    dtype: Literal["auto", "half", "float16", "bfloat16", "float", "float32"] | None = None
    """Data type of weights and activations. Omitted: the model's, but float16 for a float32 model and where the GPU
    has no bfloat16 (before compute capability 8.0)."""
    quantization: Quantization | None = None
    """How weights are quantized. Omitted: what the model's configuration says, else none. bitsandbytes ended with
    0.24; awq and gptq pick the Marlin kernels themselves."""
    quantization_config: Json | None = None
    """Details of quantizing while loading: `linear`, `moe`, `ignore`. Omitted: those of the method."""
    allow_deprecated_quantization: Flag = False
    """Load weights in a format that vLLM is about to drop. Omitted: refused."""
    max_model_len: Annotated[Integer, Field(ge=-1)] | None = None
    """Longest prompt plus answer in tokens; -1 takes what fits the GPU. Omitted: the model's context, and vLLM
    stops at start when one such request does not fit."""
    tokenizer: HubId | None = None
    """Another repository for the tokenizer. Omitted: the model's."""
    tokenizer_mode: (
        Literal[
            "auto",
            "hf",
            "mistral",
            "deepseek_v32",
            "deepseek_v4",
            "cohere",
            "kimi_k3",
            "inkling",
            "alpamayo2_super",
        ]
        | None
    ) = None
    """Which tokenizer code reads it. Omitted: mistral_common's for Mistral models that have it, else Hugging Face's."""
    tokenizer_revision: Revision | None = None
    """Revision of the tokenizer. Omitted: the model's revision."""
    skip_tokenizer_init: Flag = False
    """Serve token ids only, without a tokenizer. Omitted: text."""
    trust_remote_code: Flag = False
    """Run code from the model's repository. Omitted: refused, because that code is not ours."""
    code_revision: Revision | None = None
    """Revision of that code where it is in another repository. Omitted: whatever its main is at start."""
    hf_config_path: HubId | None = None
    """Another repository for the configuration. Omitted: the model's."""
    hf_overrides: Json | None = None
    """Values that replace those of the model's configuration, such as rope scaling. Omitted: none."""
    config_format: Literal["auto", "hf", "mistral"] | None = None
    """Format of the model's configuration. Omitted: Mistral's where it is there, else Hugging Face's."""
    model_impl: Literal["auto", "vllm", "transformers", "terratorch"] | None = None
    """Whose code runs the model. Omitted: vLLM's, and Transformers' for architectures it lacks."""
    generation_config: Annotated[str, Field(min_length=1)] | None = None
    """`auto`, `vllm`, or a folder: where sampling defaults come from. Omitted: the model's generation_config.json,
    whose max_new_tokens then limits every answer."""
    override_generation_config: Json | None = None
    """Sampling defaults that replace those, such as a temperature. Omitted: none."""
    seed: Integer | None = None
    """Seed of the random numbers. Omitted: 0."""
    max_logprobs: Annotated[Integer, Field(ge=-1)] | None = None
    """Most log probabilities a request may ask for; -1 sets no limit. Omitted: 20."""
    logprobs_mode: Literal["raw_logprobs", "processed_logprobs", "raw_logits", "processed_logits"] | None = None
    """Whether log probabilities are taken before or after the samplers. Omitted: before, raw_logprobs."""
    disable_sliding_window: Flag = False
    """Cut the context to the sliding window instead of using one. Omitted: the window is used."""
    enable_prompt_embeds: Flag = False
    """Accept embeddings as prompts; one of a wrong shape can crash the engine. Omitted: refused."""
    logits_processors: tuple[Annotated[str, patterned(r"^[\w.:]+$", "a class such as package.module:Class")], ...] = ()
    """Classes in the image that change logits. Omitted: none."""
    load_format: (
        Literal[
            "auto",
            "hf",
            "dummy",
            "fastsafetensors",
            "instanttensor",
            "mistral",
            "modelexpress",
            "npcache",
            "pt",
            "runai_streamer",
            "runai_streamer_sharded",
            "safetensors",
            "sharded_state",
            "tensorizer",
        ]
        | None
    ) = None
    """Format and reader of the weights. Omitted: safetensors, else PyTorch's .bin files."""
    model_loader_extra_config: Json | None = None
    """Settings of that reader, such as the run:ai streamer's concurrency. Omitted: the reader's."""
    safetensors_load_strategy: Literal["lazy", "eager", "prefetch", "torchao"] | None = None
    """How files are read: mapped, whole, or read ahead. Omitted: mapped, from NFS read ahead where memory allows."""
    ignore_patterns: tuple[str, ...] = ()
    """Files of the repository that are not downloaded. Omitted: original/**/*."""
