"""Text Generation Inference, as the registry has it."""

from __future__ import annotations

from ..kind import EngineKind, MemoryModel
from .config import TgiEngine
from .memory import PHYSICS, budget, default_request

TGI = EngineKind(
    kind="tgi",
    title="TGI",
    config=TgiEngine,
    lists_every_flag=True,
    memory=MemoryModel(
        budget,
        PHYSICS,
        since=(2,),
        default_request=default_request,
        sizes_requests=True,
        dtype_or_quantization=True,
    ),
    words={
        "quantization": "quantize",
        "tensor_parallel": "num_shard",
        "request_tokens": "max_total_tokens",
        "kv_cache_dtype": "kv_cache_dtype",
        "step_tokens": "max_batch_prefill_tokens",
        "cache_tokens": "max_batch_total_tokens",
    },
    fp8_cache="fp8_e4m3fn",
    gpu_flags=("--num-shard",),
    drain_flags=("--graceful-termination-timeout",),
    absent={
        "start_steps.tsv": "nobody published how long its warm-up takes",
        "image_sizes.tsv": "nobody published how large its image is",
        "step_defaults.tsv": "its launcher works them out by arithmetic, in memory.py",
    },
)
