"""vLLM: `gpu_memory_utilization` of the total, less what a profiled step takes; the rest is cache.

Source: vllm 0.6.3 worker/worker.py determine_num_available_blocks; vllm 0.11.0 and 0.33.0 v1/worker/gpu_worker.py
determine_available_memory.
"""

from __future__ import annotations

from ...catalog.engine_memory import Version, fact, version_of
from ...catalog.gpu_memory import GpuMemory
from ...catalog.models import Model
from ...catalog.step_defaults import default_step
from ...core.demand import Demand
from ...core.quantity import GIB
from ...memory.activations import forward_bytes, sampler_bytes, workspace_bytes
from ...memory.budget import Budget
from ...memory.overhead import context_bytes, graph_bytes, non_torch_bytes
from ...memory.weights import extra_bytes, weight_bytes

_V1: Version = (0, 8)
"""From here on the V1 engine is the default (vllm 0.8.5 engine/arg_utils.py)."""
_LONG = 32768
"""Contexts above this are prefilled in chunks by default before V1 (vllm 0.6.3 engine/arg_utils.py)."""
_CHUNKS_SINCE: Version = (0, 5, 3)


def budget(model: Model, demand: Demand, gpu: GpuMemory, request_tokens: int) -> Budget:
    """What vLLM makes of one GPU."""
    version = version_of(demand.version)
    tokens, rows = step(model, demand, gpu, request_tokens)
    share = gpu.bytes * (demand.memory_fraction or fact("vllm", "memory_fraction", version))
    weights = weight_bytes(model, demand) + extra_bytes(model, demand)
    peak = max(forward_bytes(model, demand, tokens), sampler_bytes(model, demand, tokens, rows))
    activations = peak + workspace_bytes(gpu)
    overhead = non_torch_bytes(demand, gpu)
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
