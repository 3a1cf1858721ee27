"""Which of vLLM's flags do not fit together: what the engine would stop at, or silently do without.

Each rule is one of vLLM's own (wheel vllm 0.33.0: vllm/config/scheduler.py, lora.py, offload.py, speculative.py,
parallel.py, vllm/entrypoints/common/cli_args.py), known here before a GPU is paid for.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...core.errors import Problem
from .flags import VllmFlags

_LORA = ("lora_modules", "max_loras", "max_lora_rank", "max_cpu_loras", "fully_sharded_loras", "lora_dtype")
_GENERATES = ("speculative_config", "tool_call_parser", "reasoning_parser", "enable_auto_tool_choice", "chat_template")
_GRAPHS = ("cudagraph_capture_sizes", "max_cudagraph_capture_size")


def misfits(engine: VllmFlags) -> Iterator[Problem]:
    """Every pair of an engine's fields that does not fit together."""
    yield from _batches(engine)
    yield from _memory(engine)
    yield from _adapters(engine)
    yield from _requests(engine)
    yield from _speculation(engine)
    yield from _telling(engine)


def _batches(engine: VllmFlags) -> Iterator[Problem]:
    tokens, requests = engine.max_num_batched_tokens, engine.max_num_seqs
    length = engine.max_model_len or 0
    if engine.max_model_len == 0:
        yield Problem(("max_model_len",), "got 0; write the tokens of one request, or -1 for what fits the GPU")
    if tokens and requests and tokens < requests:
        text = f"got {tokens}; must be at least max_num_seqs, which is {requests}: every request takes a token a step"
        yield Problem(("max_num_batched_tokens",), text)
    if tokens and engine.enable_chunked_prefill is False and tokens < length:
        text = f"got {tokens}; without chunked prefill it must hold a whole prompt, max_model_len, which is {length}"
        yield Problem(("max_num_batched_tokens",), text)
    if requests and engine.max_num_active_seqs and engine.max_num_active_seqs > requests:
        text = f"got {engine.max_num_active_seqs}; must be at most max_num_seqs, which is {requests}"
        yield Problem(("max_num_active_seqs",), text)
    if length > 0 and (engine.long_prefill_token_threshold or 0) > length:
        text = f"got {engine.long_prefill_token_threshold}; must be at most max_model_len, which is {length}"
        yield Problem(("long_prefill_token_threshold",), text)
    if engine.enforce_eager:
        for name in (name for name in _GRAPHS if getattr(engine, name)):
            yield Problem((name,), "enforce_eager captures no CUDA graphs; drop one of them")
    largest, sizes = engine.max_cudagraph_capture_size, engine.cudagraph_capture_sizes
    if largest and sizes and largest != max(sizes):
        text = f"got {largest}, but the largest of cudagraph_capture_sizes is {max(sizes)}; drop one of them"
        yield Problem(("max_cudagraph_capture_size",), text)


def _memory(engine: VllmFlags) -> Iterator[Problem]:
    if engine.kv_cache_memory_bytes and engine.gpu_memory_utilization:
        text = "takes the place of gpu_memory_utilization, which vLLM then ignores; drop one of them"
        yield Problem(("kv_cache_memory_bytes",), text)
    if engine.kv_offloading_backend and engine.kv_offloading_size is None:
        yield Problem(("kv_offloading_backend",), "does nothing without kv_offloading_size, in GiB; add it")
    group, kept = engine.offload_group_size or 0, engine.offload_num_in_group
    if kept and kept > group:
        text = f"got {kept}; must be at most offload_group_size, which is {group}"
        yield Problem(("offload_num_in_group",), text)
    if engine.offload_backend == "prefetch" and not group:
        yield Problem(("offload_backend",), 'got "prefetch", which needs offload_group_size; add it')
    if engine.offload_backend == "uva" and not engine.cpu_offload_gb:
        yield Problem(("offload_backend",), 'got "uva", which needs cpu_offload_gb; add it')
    if engine.cpu_offload_gb and group:
        text = "cpu_offload_gb and offload_group_size are two ways to keep weights in main memory; drop one of them"
        yield Problem(("cpu_offload_gb",), text)
    if engine.enable_eplb and not engine.enable_expert_parallel:
        yield Problem(("enable_eplb",), "moves whole experts; add enable_expert_parallel: true")


def _adapters(engine: VllmFlags) -> Iterator[Problem]:
    if not engine.enable_lora:
        for name in (name for name in _LORA if getattr(engine, name)):
            yield Problem((name,), "is about LoRA adapters, which are off; add enable_lora: true")
    if engine.max_cpu_loras and engine.max_cpu_loras < (engine.max_loras or 1):
        text = f"got {engine.max_cpu_loras}; must be at least max_loras, which is {engine.max_loras or 1}"
        yield Problem(("max_cpu_loras",), text)


def _requests(engine: VllmFlags) -> Iterator[Problem]:
    if engine.enable_auto_tool_choice and not engine.tool_call_parser:
        yield Problem(("enable_auto_tool_choice",), "needs tool_call_parser: how this model writes tool calls")
    if engine.runner == "pooling":
        for name in (name for name in _GENERATES if getattr(engine, name)):
            yield Problem((name,), "is about generating text, and runner is pooling; drop one of them")
    if engine.runner == "generate" and (engine.pooler_config or engine.convert in ("embed", "classify")):
        name = "pooler_config" if engine.pooler_config else "convert"
        yield Problem((name,), "is for pooling models, and runner is generate; write runner: pooling")
    if engine.structured_outputs_config and (text := engine.structured_outputs_config.misfit()):
        yield Problem(("structured_outputs_config",), text)
    for name in ("allowed_origins", "allowed_methods", "allowed_headers"):
        values = getattr(engine, name)
        if "*" in values and len(values) > 1:
            yield Problem((name,), "`*` allows every one already; write it alone")
    if engine.allow_credentials and "*" in engine.allowed_origins:
        text = "browsers send no cookies to a server that allows every origin; name the origins"
        yield Problem(("allow_credentials",), text)
    if engine.language_model_only and engine.limit_mm_per_prompt:
        yield Problem(("limit_mm_per_prompt",), "language_model_only takes no media at all; drop one of them")
    if engine.mm_shm_cache_max_object_size_mb is not None and engine.mm_processor_cache_type != "shm":
        text = "is about the cache in shared memory; add mm_processor_cache_type: shm"
        yield Problem(("mm_shm_cache_max_object_size_mb",), text)


def _speculation(engine: VllmFlags) -> Iterator[Problem]:
    guess = engine.speculative_config
    if guess is None:
        return
    looked_up = guess.prompt_lookup_min is not None or guess.prompt_lookup_max is not None
    if looked_up and not guess.method.startswith("ngram"):
        yield Problem(("speculative_config",), f"prompt_lookup_* are ngram's, and method is {guess.method}; drop them")
    if (guess.prompt_lookup_min or 0) > (guess.prompt_lookup_max or guess.prompt_lookup_min or 0):
        text = f"got {guess.prompt_lookup_min}; must be at most prompt_lookup_max, which is {guess.prompt_lookup_max}"
        yield Problem(("speculative_config", "prompt_lookup_min"), text)
    if guess.model and (guess.method.startswith("ngram") or guess.method == "suffix"):
        yield Problem(("speculative_config", "model"), f"{guess.method} guesses without a model; drop it")
    if not guess.model and guess.method in ("draft_model", "eagle", "eagle3", "dflash"):
        yield Problem(("speculative_config", "method"), f"{guess.method} needs model: who guesses")
    split, whole = guess.draft_tensor_parallel_size, engine.tensor_parallel_size
    if split and split > 1 and whole and split != whole:
        text = f"got {split}; must be 1 or tensor_parallel_size, which is {whole}"
        yield Problem(("speculative_config", "draft_tensor_parallel_size"), text)
    tokens, requests = engine.max_num_batched_tokens, engine.max_num_seqs
    least = (requests or 0) * (guess.num_speculative_tokens + 1)
    if engine.enable_lora and tokens and tokens < least:
        text = f"got {tokens}; with LoRA it must hold max_num_seqs times the guesses and one, {least}"
        yield Problem(("max_num_batched_tokens",), text)


def _telling(engine: VllmFlags) -> Iterator[Problem]:
    if engine.enable_log_outputs and not engine.enable_log_requests:
        yield Problem(("enable_log_outputs",), "needs enable_log_requests: true")
    if engine.disable_log_stats:
        for name in ("enable_per_request_metrics", "kv_cache_metrics", "enable_mfu_metrics"):
            if getattr(engine, name):
                yield Problem((name,), "disable_log_stats measures nothing; drop one of them")
    if engine.collect_detailed_traces and not engine.otlp_traces_endpoint:
        yield Problem(("collect_detailed_traces",), "goes to otlp_traces_endpoint, which is not set; add it")
