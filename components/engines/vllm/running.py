"""How vLLM runs a model on its GPUs: parallelism, KV cache, batches, graphs, offloading, adapters, speculation.

Names and defaults are those of `vllm serve` 0.33.0 (wheel vllm 0.33.0: vllm/engine/arg_utils.py, vllm/config/cache.py,
scheduler.py, parallel.py, offload.py, lora.py, speculative.py).
"""

# Annotations are no text here: pydantic would evaluate each again for every class that inherits it.
from typing import Annotated, Literal

from pydantic import Field

from ...core.config import Config, Count, Flag, HubId, Integer, Number, Revision, Size, patterned
from .model import Json, Quantization

Fraction = Annotated[Number, Field(gt=0, le=1)]
LoraName = Annotated[str, patterned(r"^[\w.:/-]+$", "a name such as sql-adapter")]
LoraSource = Annotated[str, patterned(r"^[^\s=,]+$", "a Hub repository or an absolute path")]


class SpeculativeConfig(Config):
    """Speculative decoding: a cheap guess of the next tokens that the model checks in one step."""

    method: Literal["ngram", "ngram_gpu", "suffix", "draft_model", "eagle", "eagle3", "mtp", "dflash", "dspark"]
    """Who guesses: the prompt itself (ngram, suffix), a smaller model, or heads trained for the model."""
    model: HubId | None = None
    """The smaller model or the trained heads. Omitted: none, which ngram, suffix and mtp do without."""
    revision: Revision | None = None
    """Its revision. Omitted: whatever its main is at start."""
    num_speculative_tokens: Count
    """Tokens guessed at a time."""
    prompt_lookup_max: Count | None = None
    """Longest run of tokens that ngram looks up. Omitted: 5, or prompt_lookup_min."""
    prompt_lookup_min: Count | None = None
    """Shortest run of tokens that ngram looks up. Omitted: 5, or prompt_lookup_max."""
    draft_tensor_parallel_size: Count | None = None
    """GPUs the smaller model is split over: 1, or as many as the model. Omitted: as many as the model."""
    max_model_len: Count | None = None
    """Longest context of the smaller model in tokens. Omitted: its own."""
    quantization: Quantization | None = None
    """How the smaller model's weights are quantized. Omitted: what its configuration says."""


class VllmRunningFlags(Config):
    """Flags about GPUs, memory and batches."""

    tensor_parallel_size: Count | None = None
    """GPUs every layer is split over. Omitted: all of a node's, divided by data_parallel_size."""
    pipeline_parallel_size: Count | None = None
    """Groups of layers, each on GPUs of its own. Omitted: the model server's nodes."""
    data_parallel_size: Count | None = None
    """Copies of the model in one pod, each on GPUs of its own. Omitted: 1; more pods (replicas) scale better."""
    decode_context_parallel_size: Count | None = None
    """Parts the KV cache of one request is split into. Omitted: 1."""
    enable_expert_parallel: Flag = False
    """Whole experts on each GPU instead of a slice of every expert. Omitted: slices."""
    enable_eplb: Flag = False
    """Move experts to balance their load. Omitted: they stay."""
    all2all_backend: (
        Literal["allgather_reducescatter", "deepep_high_throughput", "deepep_low_latency", "deepep_v2", "nixl_ep"]
        | None
    ) = None
    """How tokens reach experts on other GPUs. Omitted: allgather_reducescatter."""
    distributed_timeout_seconds: Count | None = None
    """Seconds until a collective operation between GPUs fails. Omitted: PyTorch's."""
    disable_custom_all_reduce: Flag = False
    """Use NCCL instead of vLLM's own all-reduce. Omitted: its own where GPUs reach each other's memory."""
    max_parallel_loading_workers: Count | None = None
    """Workers that load weights at a time. Omitted: all of them."""

    gpu_memory_utilization: Fraction | None = None
    """Share of a GPU's memory that vLLM takes, weights and graphs included. Omitted: 0.92."""
    kv_cache_memory_bytes: Count | None = None
    """Bytes of KV cache on each GPU, instead of a share of its memory. Omitted: what gpu_memory_utilization leaves."""
    kv_cache_dtype: (
        Literal["auto", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2", "fp8_ds_mla", "nvfp4"] | None
    ) = None
    """Data type of the KV cache. Omitted: the model's."""
    block_size: Count | None = None
    """Tokens of one block of the KV cache. Omitted: by the attention kernel, mostly 16."""
    num_gpu_blocks_override: Count | None = None
    """Blocks of KV cache, whatever fits. Omitted: what fits."""
    enable_prefix_caching: Flag | None = None
    """Keep the KV cache of prompts for others that begin alike. Omitted: kept where the model can."""
    prefix_caching_hash_algo: Literal["sha256", "sha256_cbor", "xxhash", "xxhash_cbor"] | None = None
    """Hash that finds such prompts. Omitted: sha256."""
    kv_offloading_size: Annotated[Number, Field(gt=0)] | None = None
    """GiB of main memory, of all GPUs together, for KV cache that left the GPU. Omitted: it is dropped."""
    kv_offloading_backend: Literal["native", "lmcache"] | None = None
    """Who keeps it. Omitted: native."""
    kv_transfer_config: Json | None = None
    """A connector that takes KV cache to other servers. Omitted: none."""
    kv_events_config: Json | None = None
    """Where events of the KV cache are published, for routers. Omitted: nowhere."""

    offload_backend: Literal["auto", "uva", "prefetch"] | None = None
    """How weights are kept in main memory. Omitted: by which of its settings are there."""
    cpu_offload_gb: Annotated[Number, Field(ge=0)] | None = None
    """GiB of weights of each GPU that stay in main memory; every step fetches them. Omitted: 0."""
    offload_group_size: Size | None = None
    """Layers of one group, of which the last offload_num_in_group are prefetched. Omitted: 0, none are."""
    offload_num_in_group: Count | None = None
    """Layers of a group that are kept in main memory. Omitted: 1."""
    offload_prefetch_step: Count | None = None
    """Layers fetched ahead. Omitted: 1."""

    max_num_seqs: Count | None = None
    """Requests in a batch. Omitted: 1,024 on GPUs of 70 GiB and more, the A100 excepted, else 256."""
    max_num_active_seqs: Count | None = None
    """Requests let into a batch, without smaller buffers. Omitted: max_num_seqs."""
    max_num_batched_tokens: Count | None = None
    """Tokens of one step. Omitted: 2,048; 8,192 on GPUs of 70 GiB and more, the A100 excepted; 16,384 from 160 GiB;
    at least max_model_len where enable_chunked_prefill is false."""
    max_num_queued_reqs: Size | None = None
    """Requests that may wait or run; one more is answered 503. Omitted: no limit."""
    max_num_queued_tokens: Size | None = None
    """Prompt tokens that may wait; more are answered 503. Omitted: no limit."""
    enable_chunked_prefill: Flag | None = None
    """Cut long prompts so that others decode meanwhile. Omitted: cut where the model can."""
    long_prefill_token_threshold: Size | None = None
    """Tokens from which a prompt counts as long. Omitted: 0, none does."""
    disable_chunked_mm_input: Flag = False
    """Never cut an image or sound. Omitted: they may be cut."""
    scheduling_policy: Literal["fcfs", "priority"] | None = None
    """Who comes first: the oldest, or the lowest `priority` of a request. Omitted: the oldest, fcfs."""
    async_scheduling: Flag | None = None
    """Schedule the next step while one runs. Omitted: done where it can be."""
    stream_interval: Count | None = None
    """Tokens sent to a client at a time. Omitted: 1."""
    watermark: Annotated[Number, Field(ge=0, lt=1)] | None = None
    """Share of the KV cache kept free when requests are let in. Omitted: 0."""
    scheduler_reserve_full_isl: Flag | None = None
    """Let a request in only when its whole prompt fits. Omitted: only then."""
    disable_hybrid_kv_cache_manager: Flag | None = None
    """Give every layer as much KV cache as a layer with full attention. Omitted: by the model."""

    enforce_eager: Flag = False
    """No CUDA graphs and no compilation: a faster start, slower answers. Omitted: both."""
    cudagraph_capture_sizes: tuple[Count, ...] = ()
    """Batch sizes that get a CUDA graph. Omitted: 1, 2, 4, 8 and so on, up to max_cudagraph_capture_size."""
    max_cudagraph_capture_size: Count | None = None
    """Largest batch size that gets one. Omitted: by max_num_seqs and the GPU."""
    compilation_config: Json | None = None
    """Settings of compilation, such as its mode. Omitted: by optimization_level."""
    optimization_level: Annotated[Integer, Field(ge=0, le=3)] | None = None
    """0 starts fastest, 3 answers fastest. Omitted: 2."""
    performance_mode: Literal["balanced", "interactivity", "throughput"] | None = None
    """What the other defaults favour; `throughput` doubles the batch. Omitted: balanced."""
    attention_backend: (
        Literal["FLASH_ATTN", "FLASHINFER", "TRITON_ATTN", "FLEX_ATTENTION", "FLASHMLA", "CUTLASS_MLA", "TRITON_MLA"]
        | None
    ) = None
    """Attention kernels. Omitted: the fastest that the GPU and the model allow."""
    moe_backend: Literal["auto", "triton", "deep_gemm", "cutlass", "flashinfer_cutlass", "marlin"] | None = None
    """Kernels of expert layers. Omitted: by GPU and model."""

    enable_lora: Flag = False
    """Serve LoRA adapters. Omitted: none."""
    lora_modules: dict[LoraName, LoraSource] = Field(default_factory=dict)
    """Adapters loaded at start: the name clients call, and its Hub repository or path. Omitted: none."""
    max_loras: Count | None = None
    """Adapters in one batch; each takes GPU memory. Omitted: 1."""
    max_lora_rank: Literal[1, 8, 16, 32, 64, 128, 256, 320, 512] | None = None
    """Highest rank of an adapter. Omitted: 16."""
    max_cpu_loras: Count | None = None
    """Adapters kept in main memory. Omitted: max_loras."""
    fully_sharded_loras: Flag = False
    """Split all of an adapter over the GPUs. Omitted: half of it."""
    lora_dtype: Literal["auto", "float16", "bfloat16"] | None = None
    """Data type of adapters. Omitted: the model's."""
    speculative_config: SpeculativeConfig | None = None
    """Speculative decoding. Omitted: none."""
