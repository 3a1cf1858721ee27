"""What a process takes from a GPU outside of PyTorch: the CUDA context, kernels, NCCL's buffers, CUDA graphs."""

from __future__ import annotations

from ..catalog.engine_memory import fact, version_of
from ..catalog.gpu_memory import GpuMemory
from ..catalog.models import Model
from ..core.demand import Demand
from .activations import forward_bytes

_HOPPER = (9, 0)
_NVLS_FROM = 3
"""NCCL uses NVLink SHARP for more than two GPUs (vllm-project/vllm#9699)."""


def context_bytes() -> float:
    """The CUDA context and what stands beside it."""
    return fact("any", "cuda_context")


def non_torch_bytes(demand: Demand, gpu: GpuMemory) -> float:
    """Kernels' modules and, with several GPUs, NCCL's buffers."""
    if demand.gpus == 1:
        return fact("any", "non_torch")
    buffers = max(fact("any", "non_torch_sharded"), demand.gpus * fact("any", "nccl_per_gpu"))
    if demand.engine == "vllm" and gpu.compute_capability[0] == _HOPPER[0] and demand.tensor_parallel >= _NVLS_FROM:
        buffers += demand.tensor_parallel * fact("vllm", "nvls_bytes", version_of(demand.version))
    return buffers


def graph_count(rows: int) -> int:
    """CUDA graphs that vLLM captures: batches of 1, 2, 4 and every eighth up to twice the rows, at most 512.

    Whole decode steps besides pieces of mixed ones make it twice as many (vllm 0.11.0 config/compilation.py).
    """
    return 2 * (3 + min(2 * rows, 512) // 8)


def graph_bytes(model: Model, demand: Demand, rows: int) -> float:
    """CUDA graphs: the driver's part of each, and the tensors of the largest, whose memory pool the others share."""
    if demand.cuda_graphs is False or model.kind == "encoder":
        return 0.0
    largest = min(2 * rows, 512)
    return graph_count(rows) * fact("vllm", "graph_mib") * 2**20 + forward_bytes(model, demand, largest)
