"""vLLM, as the registry has it."""

from __future__ import annotations

from ..kind import EngineKind, MemoryModel
from .config import VllmEngine
from .memory import EARLY_UNTIL, PHYSICS, budget

VLLM = EngineKind(
    kind="vllm",
    title="vLLM",
    config=VllmEngine,
    memory=MemoryModel(budget, PHYSICS, since=(0, 2), early_until=EARLY_UNTIL),
    words={
        "quantization": "quantization",
        "tensor_parallel": "tensor_parallel_size",
        "request_tokens": "max_model_len",
        "kv_cache_dtype": "kv_cache_dtype",
        "step_tokens": "max_num_batched_tokens",
        # It has no setting for tokens of all requests.
        "requests": "max_num_seqs",
    },
    fp8_cache="fp8",
    gpu_flags=(
        "--tensor-parallel-size",
        "-tp",
        "--pipeline-parallel-size",
        "-pp",
        "--data-parallel-size",
        "-dp",
    ),
    drain_flags=("--shutdown-timeout",),
    absent={"hardening.tsv": "its image needs nothing that a hardened pod lacks"},
)
