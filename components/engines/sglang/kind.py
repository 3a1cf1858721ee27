"""SGLang, as the registry has it."""

from __future__ import annotations

from ..kind import EngineKind, MemoryModel
from .config import SglangEngine
from .memory import PHYSICS, budget

SGLANG = EngineKind(
    kind="sglang",
    title="SGLang",
    config=SglangEngine,
    memory=MemoryModel(budget, PHYSICS, since=(0, 4), shrinks_cache=True, share_of_free=True),
    words={
        "quantization": "quantization",
        "tensor_parallel": "tp_size",
        "request_tokens": "context_length",
        "kv_cache_dtype": "kv_cache_dtype",
        "step_tokens": "chunked_prefill_size",
        "cache_tokens": "max_total_tokens",
    },
    fp8_cache="fp8_e4m3",
    gpu_flags=(
        "--tensor-parallel-size",
        "--tp-size",
        "--tp",
        "--pipeline-parallel-size",
        "--pp-size",
        "--data-parallel-size",
        "--dp-size",
    ),
    absent={
        "drain_flags": "it finishes all requests, without a limit",
        "releases.tsv": "no report of it gives a date instead of a version",
        "start_steps.tsv": "nobody published how long its warm-up takes",
        "image_sizes.tsv": "nobody published how large its image is",
    },
)
