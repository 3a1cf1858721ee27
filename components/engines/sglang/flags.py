"""SGLang's flags, named as `python -m sglang.launch_server` spells them, with underscores.

Types, choices and defaults are those of v0.5.20 to v0.5.23 (wheels sglang-0.5.20 and sglang-0.5.23,
srt/arg_groups/fields/ and srt/arg_groups/choices.py).
"""

# Annotations are no text here: pydantic would evaluate each again for every class that inherits it.
import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from ...core.config import (
    CollectorAddress,
    Count,
    DnsName,
    Flag,
    Image,
    Integer,
    Number,
    Revision,
    Size,
    patterned,
)
from ..engine import Engine

Word = Annotated[str, patterned(r"^[\w.+-]+$", "letters, digits, dots, dashes and underscores", max_length=100)]
"""One word of the command line."""
ModelPath = Annotated[
    str,
    patterned(r"^(/[\w.@-]+)+/?$|^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$", "a Hub repository or an absolute path"),
]
"""Where weights come from: a Hub repository, or a folder of the container."""
Share = Annotated[Number, Field(gt=0, lt=1)]
"""A share, above 0 and below 1."""

QuantizationMethod = Literal[
    "awq", "awq_marlin", "gptq_marlin", "fp8", "mxfp8", "w8a8_fp8", "w8a8_int8", "w4afp8", "bitsandbytes",
    "gguf", "compressed-tensors", "modelopt", "modelopt_fp8", "modelopt_fp4", "modelopt_mixed", "nvfp4_online",
    "mxfp4", "moe_wna16", "auto-round", "auto-round-int8", "humming", "unquant",
]  # fmt: skip
"""SGLang's methods that run on NVIDIA GPUs. Left out are those for AMD, Ascend and Apple, and `gptq`: its kernel is
gone, and the server stops at start (wheel sglang-0.5.20 srt/layers/quantization/__init__.py)."""
AttentionBackend = Literal[
    "triton", "torch_native", "flex_attention", "flashinfer", "fa3", "fa4", "flashmla", "trtllm_mla", "trtllm_mha",
    "cutedsl_mla", "dsa",
]  # fmt: skip
"""Kernels for attention on NVIDIA GPUs."""


class SglangFlags(Engine):
    """The flags of one SGLang server, after what says which server that is."""

    kind: Literal["sglang"] = "sglang"
    """The engine's name."""
    version: Annotated[str, patterned(r"^v\d+\.\d+\.\d+(\.post\d+)?(-[\w.-]+)?$", "an image tag such as v0.5.20")] = (
        "v0.5.20"
    )
    """Image tag, at least v0.5.20. Omitted: v0.5.20, the newest whose digest was found published."""
    image: Image | None = None
    """Another image with SGLang in it, such as a mirror in Artifact Registry. Omitted: the official one."""

    load_format: (
        Literal[
            "auto", "safetensors", "pt", "npcache", "sharded_state", "presharded", "gguf", "bitsandbytes", "mistral",
            "layered", "fastsafetensors", "runai_streamer", "dummy",
        ]
        | None
    ) = None  # fmt: skip
    """How weights are read. Omitted: safetensors, otherwise PyTorch's own format."""
    trust_remote_code: Flag = False
    """Run code from the model's repository. Omitted: refused, because that code is not ours."""
    is_embedding: Flag = False
    """Serve a generating model's embeddings instead of its text. Omitted: text."""
    served_model_name: Annotated[str, patterned(r"^[\w./-]+$", "letters, digits, dots, dashes and slashes")] | None = (
        None
    )
    """Name in the OpenAI API; never with a colon, which separates an adapter's name. Omitted: the model's."""
    chat_template: Annotated[str, patterned(r"^/?\w[\w./-]*$", "a template's name or an absolute path")] | None = None
    """Built-in chat template, or a file. Omitted: the model's own."""
    reasoning_parser: Word | None = None
    """Parser that tells reasoning from the answer, such as qwen3 or deepseek-r1; `auto` finds it. Omitted: none."""
    tool_call_parser: Word | None = None
    """Parser of tool calls, such as qwen25 or llama3; `auto` finds it. Omitted: none."""
    sampling_defaults: Literal["openai", "model"] | None = None
    """Where temperature and the like come from when a request has none. Omitted: the model's generation_config.json."""
    enable_cache_report: Flag = False
    """Tell in each answer how many prompt tokens were in the cache. Omitted: not told."""

    context_length: Count | None = None
    """Longest prompt plus answer in tokens. Omitted: the model's."""
    dtype: Literal["auto", "half", "float16", "bfloat16", "float", "float32"] | None = None
    """Data type of weights and activations. Omitted: the model's, with float16 for float32; below compute capability
    8.0 always float16."""
    quantization: QuantizationMethod | None = None
    """Quantization. Omitted: what the model's config.json says."""
    kv_cache_dtype: Literal["auto", "bf16", "bfloat16", "fp8_e5m2", "fp8_e4m3", "mxfp8", "nvfp4"] | None = None
    """Data type of the KV cache. Omitted: the model's."""
    mem_fraction_static: Share | None = None
    """Share of GPU memory for weights and KV cache together. Omitted: SGLang computes it from the GPU's memory."""
    max_total_tokens: Count | None = None
    """Tokens that the KV cache holds. Omitted: what mem_fraction_static leaves."""
    max_running_requests: Count | None = None
    """Requests in the batch. Omitted: what the KV cache holds."""
    max_queued_requests: Count | None = None
    """Requests that may wait; one more is refused. Omitted: any number."""
    max_prefill_tokens: Count | None = None
    """Prompt tokens of one prefill batch, at least the context length. Omitted: 16384."""
    chunked_prefill_size: Annotated[Integer, Field(ge=-1)] | None = None
    """Prompt tokens of one chunk; -1 does not cut prompts. Omitted: SGLang chooses it by the GPU's memory."""
    page_size: Count | None = None
    """Tokens of one page of the KV cache. Omitted: what the attention kernels need."""
    schedule_policy: Literal["lpm", "random", "fcfs", "dfs-weight", "lof", "priority", "hrrn"] | None = None
    """Which waiting request comes next. Omitted: fcfs, the first."""
    schedule_conservativeness: Annotated[Number, Field(ge=0)] | None = None
    """How much room is kept for answers; more retracts fewer requests. Omitted: 1.0."""
    enable_priority_scheduling: Flag = False
    """Requests may carry a priority. Omitted: none do."""
    enable_mixed_chunk: Flag = False
    """Mix prefill and decode in a batch. Omitted: apart."""
    disable_radix_cache: Flag = False
    """Keep no prefixes in the KV cache for later requests. Omitted: they are kept."""
    disable_overlap_schedule: Flag = False
    """Schedule a batch only when the last one is done. Omitted: while it runs."""
    enable_hierarchical_cache: Flag = False
    """Keep prefixes that leave the GPU in the pod's memory. Omitted: they are dropped."""
    hicache_ratio: Annotated[Number, Field(gt=0)] | None = None
    """Size of that memory as a multiple of the GPU's KV cache. Omitted: 2.0."""
    hicache_size: Count | None = None
    """Size of that memory in GB for each GPU, instead of hicache_ratio. Omitted: by ratio."""
    cpu_offload_gb: Size | None = None
    """GB of weights kept in the pod's memory. Omitted: 0."""

    tp_size: Count | None = None
    """GPUs that every layer is split over. Omitted: the model server's GPUs divided by pp_size and dp_size."""
    pp_size: Count | None = None
    """Groups of consecutive layers, each on GPUs of its own. Omitted: 1."""
    dp_size: Count | None = None
    """Copies of the model in one pod. Omitted: 1; replicas are easier to place."""
    ep_size: Count | None = None
    """Groups over which experts are spread, for models with experts; divides tp_size. Omitted: 1."""
    attn_dp_size: Count | None = None
    """Groups that each do attention for their own requests, for DeepSeek's kind; divides tp_size. Omitted: 1."""
    moe_runner_backend: Word | None = None
    """Kernels for experts. Omitted: SGLang chooses them by the GPU."""
    attention_backend: AttentionBackend | None = None
    """Kernels for attention. Omitted: SGLang chooses them by the GPU and the model."""
    sampling_backend: Literal["flashinfer", "pytorch"] | None = None
    """Kernels for sampling. Omitted: flashinfer where it is there."""
    grammar_backend: Literal["xgrammar", "outlines", "llguidance", "none"] | None = None
    """What holds answers to a JSON schema. Omitted: xgrammar."""
    cuda_graph_max_bs_decode: Count | None = None
    """Largest batch for which a CUDA graph is captured. Omitted: SGLang chooses it by the GPU's memory."""
    cuda_graph_bs_decode: tuple[Count, ...] = ()
    """Batch sizes for which CUDA graphs are captured. Omitted: SGLang chooses them up to cuda_graph_max_bs_decode."""
    disable_decode_cuda_graph: Flag = False
    """Capture no CUDA graphs for decoding. Omitted: they are captured."""
    disable_prefill_cuda_graph: Flag = False
    """Capture no CUDA graphs for prefill. Omitted: they are captured where the model allows."""
    enable_torch_compile: Flag = False
    """Compile the model with torch.compile, for small batches. Omitted: not compiled."""
    disable_custom_all_reduce: Flag = False
    """Use NCCL's all-reduce between GPUs. Omitted: SGLang's own where the GPUs are linked."""
    enable_deterministic_inference: Flag = False
    """Give the same answer whatever else is in the batch, more slowly. Omitted: not."""

    speculative_algorithm: Literal["EAGLE", "EAGLE3", "NEXTN", "STANDALONE", "NGRAM", "DFLASH", "DSPARK"] | None = None
    """Speculative decoding. Omitted: none."""
    speculative_draft_model_path: ModelPath | None = None
    """The draft model. Omitted: what the model itself brings."""
    speculative_draft_model_revision: Revision | None = None
    """Its revision; 40 digits of a commit pin it. Omitted: whatever main is at start."""
    speculative_num_steps: Count | None = None
    """Steps of the draft model. Omitted: SGLang chooses it by the model."""
    speculative_eagle_topk: Count | None = None
    """Tokens the draft model keeps at each step. Omitted: SGLang chooses it by the model."""
    speculative_num_draft_tokens: Count | None = None
    """Draft tokens that are checked at once. Omitted: SGLang chooses it by the model."""

    enable_lora: Flag = False
    """Serve LoRA adapters, loaded while it runs. Omitted: only those of lora_paths."""
    lora_paths: dict[Word, ModelPath] = Field(default_factory=dict)
    """Adapters loaded at start: name to Hub repository or folder. Omitted: none."""
    max_loras_per_batch: Count | None = None
    """Adapters in GPU memory at a time. Omitted: 8."""
    max_loaded_loras: Count | None = None
    """Adapters in the pod's memory at a time. Omitted: any number."""
    max_lora_rank: Count | None = None
    """Highest rank of an adapter. Omitted: that of lora_paths."""
    lora_target_modules: tuple[Word, ...] = ()
    """Layers that adapters change, such as q_proj, or `all` alone. Omitted: those of lora_paths."""
    lora_backend: Literal["triton", "csgmv", "torch_native"] | None = None
    """Kernels for adapters. Omitted: csgmv."""

    allowed_media_domains: tuple[DnsName, ...] = ()
    """Hosts from which pictures, videos and sound named in requests are fetched. Omitted: any public one."""
    limit_mm_data_per_request: dict[Literal["image", "video", "audio"], Size] = Field(default_factory=dict)
    """Most pictures, videos and sounds in a request. Omitted: any number."""
    json_model_override_args: dict[Word, JsonValue] = Field(default_factory=dict)
    """Settings that replace those of the model's config.json, such as rope_scaling. Omitted: the model's own."""
    tokenizer_worker_num: Count | None = None
    """Processes that turn text into tokens. Omitted: 1."""

    watchdog_timeout: Annotated[Number, Field(ge=10, le=3600)] | None = None
    """Seconds after which a forward pass that hangs ends the server, so that the pod restarts. Omitted: 300."""
    log_level: Literal["debug", "info", "warning", "error", "critical"] | None = None
    """What is logged. Omitted: info."""
    log_requests: Flag = False
    """Log requests, with their text from level 2. Omitted: not logged."""
    log_requests_level: Annotated[Integer, Field(ge=0, le=3)] | None = None
    """0 and 1 log no text, 2 a part, 3 all of it. Omitted: 2."""
    enable_trace: Flag = False
    """Send traces to otlp_traces_endpoint. Omitted: no traces."""
    otlp_traces_endpoint: CollectorAddress | None = None
    """Trace collector, OTLP over gRPC, without a scheme. Omitted: no traces."""
    otlp_service_name: Word | None = None
    """Name in traces. Omitted: sglang."""
    random_seed: Integer | None = None
    """Seed of sampling. Omitted: another one at each start."""

    @property
    def release(self) -> tuple[int, ...]:
        """The release as numbers that compare, `(0, 5, 20)`."""
        return tuple(map(int, re.findall(r"\d+", self.version)[:3]))


_NO_FLAGS = ("kind", "version", "image")


def arguments(flags: SglangFlags) -> Iterator[str]:
    """The command line of what is set, in the order of the fields."""
    for name in SglangFlags.model_fields:
        value = getattr(flags, name)
        if name in _NO_FLAGS or value is None or value is False or value in ((), {}):
            continue
        yield "--" + name.replace("_", "-")
        yield from _words(name, value)


def _words(name: str, value: Any) -> Iterator[str]:
    if value is True:
        return
    if name == "lora_paths":
        yield from (f"{adapter}={path}" for adapter, path in value.items())
    elif isinstance(value, dict):
        yield json.dumps(value, separators=(",", ":"), sort_keys=True)
    elif isinstance(value, tuple):
        yield from (str(word) for word in value)
    else:
        yield str(value)
