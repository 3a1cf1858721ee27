"""What a process takes from a GPU outside of PyTorch: the CUDA context, kernels, NCCL's buffers."""

from __future__ import annotations

from ..catalog.engine_memory import ANY, fact
from ..core.demand import Demand


def context_bytes() -> float:
    """The CUDA context and what stands beside it."""
    return fact(ANY, "cuda_context")


def non_torch_bytes(demand: Demand) -> float:
    """Kernels' modules and, with several GPUs, NCCL's buffers."""
    if demand.gpus == 1:
        return fact(ANY, "non_torch")
    return max(fact(ANY, "non_torch_sharded"), demand.gpus * fact(ANY, "nccl_per_gpu"))
