"""Bytes of activations at the peak of one step, from the tensors that are alive at the same time."""

from __future__ import annotations

from ..catalog.engine_memory import ANY, fact
from ..catalog.gpu_memory import GpuMemory
from ..catalog.models import Model
from ..core.demand import Demand

_HIDDEN_STATES = 4
"""Hidden states alive in the feed-forward layer: its input, its output, the residual, and the layer's own input, which
the loop over the layers still holds (vllm 0.6.3 model_executor/models/llama.py LlamaModel.forward)."""
_CHUNK = 64 * 1024
"""Tokens that vLLM's fused experts take at a time (vllm 0.10.1 envs.py VLLM_FUSED_MOE_CHUNK_SIZE)."""


def forward_bytes(model: Model, demand: Demand, tokens: int) -> float:
    """Peak of the layers for a step of `tokens`.

    A dense feed-forward layer holds gate and up (2 I), their product (I) and the hidden states
    (vllm model_executor/models/llama.py LlamaMLP.forward). Experts hold the same for every expert a token goes to, in
    two buffers, the larger of gate-and-up and output, and the product (vllm 0.10.1 fused_moe.py, cache13 and cache2).
    """
    element = 2
    states = _HIDDEN_STATES * model.hidden
    if not model.experts:
        return tokens * element * (3 * model.intermediate / demand.tensor_parallel + states)
    # With data parallelism each GPU works on the tokens of all copies for the experts it has.
    routed = min(tokens * demand.data_parallel, _CHUNK) * model.experts_per_token
    wide = model.expert_intermediate / (1 if demand.data_parallel > 1 else demand.tensor_parallel)
    return element * (routed * (max(2 * wide, model.hidden) + wide) + tokens * states)


def workspace_bytes(gpu: GpuMemory) -> float:
    """The workspace of cuBLAS, which PyTorch allocates as a tensor."""
    return fact(ANY, "blas_workspace_hopper" if gpu.compute_capability >= (9, 0) else "blas_workspace")
