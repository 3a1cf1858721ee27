"""vLLM: `gpu_memory_utilization` of the total, less what a profiled step takes; the rest is cache.

Source: vllm 0.6.3 worker/worker.py determine_num_available_blocks; vllm 0.11.0 and 0.33.0 v1/worker/gpu_worker.py
determine_available_memory.
"""

from __future__ import annotations

from ...catalog.engine_memory import ANY, Version, fact, version_of
from ...catalog.gpu_memory import GpuMemory
from ...catalog.models import Model
from ...catalog.step_defaults import default_step
from ...core.demand import Demand
from ...core.quantity import GIB
from ...memory.activations import forward_bytes, workspace_bytes
from ...memory.budget import Budget
from ...memory.overhead import context_bytes, non_torch_bytes
from ...memory.physics import Physics
from ...memory.weights import extra_bytes, weight_bytes

_V1: Version = (0, 8)
"""From here on the V1 engine is the default (vllm 0.8.5 engine/arg_utils.py)."""
_LONG = 32768
"""Contexts above this are prefilled in chunks by default before V1 (vllm 0.6.3 engine/arg_utils.py)."""
_CHUNKS_SINCE: Version = (0, 5, 3)
_HOPPER = 9
_NVLS_FROM = 3
"""NCCL uses NVLink SHARP for more than two GPUs (vllm-project/vllm#9699)."""
PHYSICS = Physics(
    page_tokens=16,  # block_size
    # Its hybrid KV cache manager was read on by default in 0.10.0 (config.py disable_hybrid_kv_cache_manager).
    windows_since=(0, 10),
    pads_mxfp4=True,
)
EARLY_UNTIL: Version = (0, 5, 4)
"""vLLM of the weeks after Llama 3.1 came out is judged by the first release of Llama-3.1-405B, whose 16 heads of keys
and values were corrected to 8 in August 2024 (57.75 GiB on each of 8 GPUs in vllm-project/vllm#6746 are of 16)."""


def budget(model: Model, demand: Demand, gpu: GpuMemory, request_tokens: int) -> Budget:
    """What vLLM makes of one GPU."""
    version = version_of(demand.version)
    tokens, rows = step(model, demand, gpu, request_tokens)
    share = gpu.bytes * (demand.memory_fraction or fact("vllm", "memory_fraction", version))
    weights = weight_bytes(model, demand, PHYSICS) + extra_bytes(model, demand, PHYSICS)
    peak = max(forward_bytes(model, demand, tokens), sampler_bytes(model, demand, tokens, rows))
    activations = peak + workspace_bytes(gpu)
    overhead = non_torch_bytes(demand) + nvls_bytes(demand, gpu)
    graphs = graph_bytes(model, demand, rows)
    counted = fact("vllm", "graphs_counted", version) > 0
    cache = share - weights - activations - overhead - (graphs if counted else 0)
    return Budget(
        total=gpu.bytes,
        share=share,
        weights=weights,
        activations=activations,
        overhead=overhead,
        graphs=graphs,
        cache=cache,
        uncounted=context_bytes() + (0 if counted else graphs),
        step_tokens=tokens,
        rows=rows,
    )


def step(model: Model, demand: Demand, gpu: GpuMemory, request_tokens: int) -> tuple[int, int]:
    """Tokens and sequences of the largest step, by the defaults of the version and the GPU."""
    version = version_of(demand.version)
    if version < _V1:
        chunked = request_tokens > _LONG and version >= _CHUNKS_SINCE and not (model.window or model.vision_parameters)
        chunk = int(fact("vllm", "chunk_tokens", version)) if chunked else max(request_tokens, 2048)
        return demand.step_tokens or chunk, demand.requests or 256
    usual = default_step("vllm", version, gpu=gpu.name, gib=gpu.bytes / GIB)
    tokens, rows = demand.step_tokens or usual.tokens, demand.requests or usual.rows
    return tokens, min(rows, tokens)


def sampler_bytes(model: Model, demand: Demand, tokens: int, rows: int) -> float:
    """Peak of the sampler at start: logits of every sequence there can be, and the last hidden states."""
    each = fact("vllm", "sampler_bytes", version_of(demand.version))
    return rows * model.vocab * each + (tokens + rows) * model.hidden * 2


def nvls_bytes(demand: Demand, gpu: GpuMemory) -> float:
    """NCCL's buffers for NVLink SHARP, on Hopper GPUs."""
    if demand.gpus == 1 or gpu.compute_capability[0] != _HOPPER or demand.tensor_parallel < _NVLS_FROM:
        return 0.0
    return demand.tensor_parallel * fact("vllm", "nvls_bytes", version_of(demand.version))


def graph_count(rows: int) -> int:
    """CUDA graphs that are captured: batches of 1, 2, 4 and every eighth up to twice the rows, at most 512.

    Whole decode steps besides pieces of mixed ones make it twice as many (vllm 0.11.0 config/compilation.py).
    """
    return 2 * (3 + min(2 * rows, 512) // 8)


def graph_bytes(model: Model, demand: Demand, rows: int) -> float:
    """CUDA graphs: the driver's part of each, and the tensors of the largest, whose memory pool the others share."""
    if demand.cuda_graphs is False or model.kind == "encoder":
        return 0.0
    largest = min(2 * rows, 512)
    return graph_count(rows) * fact(ANY, "graph_mib") * 2**20 + forward_bytes(model, demand, largest)
