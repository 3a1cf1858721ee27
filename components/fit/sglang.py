"""SGLang: `mem_fraction_static` of what is free before loading, less the weights, is cache; nothing is measured.

Source: sglang 0.4.6.post1 srt/model_executor/model_runner.py profile_max_num_token, init_memory_pool,
srt/server_args.py; sglang 0.5.10.post1 srt/server_args.py _handle_gpu_memory_settings.
"""

from __future__ import annotations

from dataclasses import replace

from ..catalog.engine_memory import Version, fact, version_of
from ..catalog.gpu_memory import GpuMemory
from ..catalog.models import Model
from ..demand import Demand
from ..quantity import GIB
from .activations import forward_bytes, workspace_bytes
from .budget import Budget
from .overhead import context_bytes, non_torch_bytes
from .weights import extra_bytes, weight_bytes

_BY_RULE: Version = (0, 5)
"""From here on the fraction follows from what the steps take."""
_MIB = 2**20


def budget(model: Model, demand: Demand, gpu: GpuMemory, request_tokens: int) -> Budget:
    """What SGLang makes of one GPU."""
    # Its copies are servers of their own, each with all experts (srt/server_args.py@0.5.20, world size).
    demand = replace(demand, data_parallel=1)
    overhead = context_bytes() + non_torch_bytes(demand, gpu)
    chunk, graphs_to = _chunk(gpu, demand), _graph_rows(gpu, demand)
    free = gpu.bytes - overhead
    fraction = demand.memory_fraction or _fraction(model, demand, gpu, chunk, graphs_to)
    weights = weight_bytes(model, demand) + extra_bytes(model, demand)
    tables = fact("sglang", "context_rows") * request_tokens * 4
    # The last row's logits of each request, in float32 and as probabilities (srt/layers/sampler.py).
    rows = demand.requests or graphs_to
    peak = max(forward_bytes(model, demand, chunk), rows * model.vocab * 14)
    graphs = 0.0 if demand.cuda_graphs is False else 2.0 * graphs_to * _MIB
    return Budget(
        total=gpu.bytes,
        share=free * fraction,
        weights=weights,
        activations=peak + workspace_bytes(gpu),
        overhead=overhead,
        graphs=graphs,
        cache=free * fraction - weights,
        uncounted=peak + workspace_bytes(gpu) + graphs + tables + overhead,
        step_tokens=chunk,
        rows=rows,
    )


def _chunk(gpu: GpuMemory, demand: Demand) -> int:
    if demand.step_tokens:
        return demand.step_tokens
    nvidia_smi_gib = gpu.nominal_gb
    if version_of(demand.version) < _BY_RULE:
        return 2048 if nvidia_smi_gib < 25 else 8192  # noqa: PLR2004 - the engine's table
    sizes = ((35, 2048), (60, 4096), (160, 8192))
    return next((size for limit, size in sizes if nvidia_smi_gib < limit), 16384)


def _graph_rows(gpu: GpuMemory, demand: Demand) -> int:
    wide = demand.tensor_parallel >= 4  # noqa: PLR2004 - the engine's table
    if version_of(demand.version) < _BY_RULE:
        return 160 if gpu.nominal_gb >= 25 else 80 if wide else 8  # noqa: PLR2004 - the engine's table
    table = ((20, 8, 8), (35, 24, 80), (60, 32, 160), (160, 256, 512))
    return next((many if wide else few for limit, few, many in table if gpu.nominal_gb < limit), 512)


def _fraction(model: Model, demand: Demand, gpu: GpuMemory, chunk: int, graphs_to: int) -> float:
    """The default: a table before 0.5, then what remains of the GPU without activations, graphs and metadata."""
    shards = demand.tensor_parallel
    if version_of(demand.version) < _BY_RULE:
        if gpu.bytes > 80 * GIB:
            return 1 - 13 * GIB / gpu.bytes
        return next(
            share for least, share in ((16, 0.79), (8, 0.81), (4, 0.85), (2, 0.87), (1, 0.88)) if shards >= least
        )
    reserved = 512 + 1.5 * max(chunk, 2048) + 2 * graphs_to + demand.gpus / 8 * 1024
    if gpu.nominal_gb > 60:  # noqa: PLR2004 - the engine's limit
        reserved = max(reserved, 10 * 1024)
    fraction = 1 - reserved * _MIB / gpu.bytes
    return round(fraction * 0.95 if model.vision_parameters else fraction, 3)
