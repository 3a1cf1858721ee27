"""SGLang: `mem_fraction_static` of what is free before loading, less the weights, is cache; nothing is measured.

Source: sglang 0.4.6.post1 srt/model_executor/model_runner.py profile_max_num_token, init_memory_pool,
srt/server_args.py; sglang 0.5.10.post1 srt/server_args.py _handle_gpu_memory_settings.
"""

from __future__ import annotations

from dataclasses import replace

from ...catalog.engine_memory import ANY, Version, fact, version_of
from ...catalog.gpu_memory import GpuMemory
from ...catalog.models import Model
from ...catalog.step_defaults import default_step
from ...catalog.table import engine_rows
from ...core.demand import Demand
from ...core.quantity import GIB, MIB
from ...memory.activations import forward_bytes, workspace_bytes
from ...memory.budget import Budget
from ...memory.overhead import context_bytes, non_torch_bytes
from ...memory.physics import Physics
from ...memory.weights import extra_bytes, weight_bytes

_BY_RULE: Version = (0, 5)
"""From here on the fraction follows from what the steps take."""
PHYSICS = Physics()


def budget(model: Model, demand: Demand, gpu: GpuMemory, request_tokens: int) -> Budget:
    """What SGLang makes of one GPU."""
    # Its copies are servers of their own, each with all experts (srt/server_args.py@0.5.20, world size).
    demand = replace(demand, data_parallel=1)
    overhead = context_bytes() + non_torch_bytes(demand)
    version, shards = version_of(demand.version), demand.tensor_parallel
    usual = default_step("sglang", version, gpu=gpu.name, gib=gpu.nominal_gb, shards=shards)
    chunk, graphs_to = demand.step_tokens or usual.tokens, usual.rows
    free = gpu.bytes - overhead
    fraction = demand.memory_fraction or _fraction(model, demand, gpu, chunk, graphs_to)
    weights = weight_bytes(model, demand, PHYSICS) + extra_bytes(model, demand, PHYSICS)
    tables = fact("sglang", "context_rows") * request_tokens * 4
    # The last row's logits of each request, in float32 and as probabilities (srt/layers/sampler.py).
    running = demand.requests or graphs_to
    peak = max(forward_bytes(model, demand, chunk), running * model.vocab * 14)
    graphs = 0.0 if demand.cuda_graphs is False else fact("sglang", "reserved_graph_mib") * graphs_to * MIB
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
        rows=running,
    )


def _fraction(model: Model, demand: Demand, gpu: GpuMemory, chunk: int, graphs_to: int) -> float:
    """The default: a table before 0.5, then what remains of the GPU without activations, graphs and metadata."""
    if version_of(demand.version) < _BY_RULE:
        if gpu.bytes > 80 * GIB:
            return 1 - fact("sglang", "large_gpu_kept") / gpu.bytes
        shares = ((int(row["shards"]), float(row["share"])) for row in engine_rows("sglang", "shares"))
        return next(share for least, share in shares if demand.tensor_parallel >= least)
    reserved = fact("sglang", "reserved_mib") + fact("sglang", "reserved_token_mib") * max(chunk, 2048)
    reserved += fact("sglang", "reserved_graph_mib") * graphs_to + demand.gpus * fact(ANY, "nccl_per_gpu") / MIB
    if gpu.nominal_gb > 60:  # noqa: PLR2004 - the engine's limit
        reserved = max(reserved, fact("sglang", "reserved_large_mib"))
    fraction = 1 - reserved * MIB / gpu.bytes
    return round(fraction * fact("sglang", "vision_share") if model.vision_parameters else fraction, 3)
