"""TEI: weights and one batch of tokens; encoders cache nothing.

Source: huggingface/text-embeddings-inference@v1.8.2 router/src/main.rs: max_batch_tokens 16384, float16 on GPUs.
"""

from __future__ import annotations

from ...catalog.gpu_memory import GpuMemory
from ...catalog.models import Model
from ...core.demand import Demand
from ...memory.activations import forward_bytes, workspace_bytes
from ...memory.budget import Budget
from ...memory.overhead import context_bytes, non_torch_bytes
from ...memory.physics import Physics
from ...memory.weights import weight_bytes

BATCH_TOKENS = 16384
"""Tokens of one batch by default (router/src/main.rs max_batch_tokens)."""
PHYSICS = Physics(one_gpu=True, splits_layers=False)


def budget(model: Model, demand: Demand, gpu: GpuMemory, request_tokens: int) -> Budget:
    """What TEI takes of one GPU."""
    tokens = max(demand.step_tokens or BATCH_TOKENS, request_tokens)
    weights = weight_bytes(model, demand, PHYSICS)
    activations = forward_bytes(model, demand, tokens) + workspace_bytes(gpu)
    overhead = context_bytes() + non_torch_bytes(demand)
    return Budget(
        total=gpu.bytes,
        share=gpu.bytes,
        weights=weights,
        activations=activations,
        overhead=overhead,
        graphs=0.0,
        cache=gpu.bytes - weights - activations - overhead,
        step_tokens=tokens,
        rows=demand.requests or 0,
    )
