"""TGI: it loads, allocates the cache of its warm-up batch, prefills that batch, and sizes the cache by what is free.

Source: huggingface/text-generation-inference@v3.3.5 server/text_generation_server/models/flash_causal_lm.py warmup,
backends/client/src/v3/client.rs warmup, launcher/src/main.rs.
"""

from __future__ import annotations

from math import ceil

from ...catalog.engine_memory import Version, fact, version_of
from ...catalog.gpu_memory import GpuMemory
from ...catalog.models import Model
from ...catalog.table import rows
from ...core.demand import Demand
from ...memory.activations import forward_bytes, prefill_logits_bytes, workspace_bytes
from ...memory.budget import Budget
from ...memory.kv_cache import token_bytes
from ...memory.overhead import context_bytes, non_torch_bytes
from ...memory.weights import extra_bytes, parts_of, weight_bytes

SIZES_ITSELF: Version = (3,)
"""From here on it works out the longest request and prefill from the GPU."""
OLD_CONTEXT = 4096
"""What TGI 2 takes of a longer context unless it is told otherwise (launcher/src/main.rs@v2.4.0)."""


def budget(model: Model, demand: Demand, gpu: GpuMemory, request_tokens: int) -> Budget:
    """What TGI makes of one GPU."""
    version = version_of(demand.version)
    prefill = prefill_tokens(model, demand, gpu, request_tokens)
    kept = fact("tgi", "kept_free", version)
    share = gpu.bytes * (demand.memory_fraction or fact("tgi", "memory_fraction", version))
    weights = weight_bytes(model, demand) + extra_bytes(model, demand)
    peak = max(
        forward_bytes(model, demand, prefill),
        prefill_logits_bytes(model, demand, prefill) + 3 * prefill * model.hidden * 2,
    )
    activations = peak + workspace_bytes(gpu) + fact("tgi", "flashinfer_workspace")
    overhead = context_bytes() + non_torch_bytes(demand, gpu)
    graphs = 0.0 if demand.cuda_graphs is False else fact("tgi", "graphs") * fact("vllm", "graph_mib") * 2**20
    free = share - weights - activations - overhead - graphs
    first = batch_tokens(demand, prefill, request_tokens) * token_bytes(model, demand)
    # 3.x keeps a share of the GPU free, 2.x one of what is free; what the warm-up batch has it keeps in any case.
    after = free - first
    left = max(0.0, after - kept * share) if version >= SIZES_ITSELF else max(0.0, after) * (1 - kept)
    return Budget(
        total=gpu.bytes,
        share=share,
        weights=weights,
        activations=activations,
        overhead=overhead,
        graphs=graphs,
        cache=first + left if after >= 0 else free,
        kept_free=fact("tgi", "kept_free") * share,
        step_tokens=prefill,
        rows=demand.requests or 0,
    )


def batch_tokens(demand: Demand, prefill: int, request_tokens: int) -> int:
    """Tokens that the requests of the warm-up batch may grow to: as many as the prefill takes, each with its answer."""
    longest = min(input_tokens(demand, request_tokens), prefill) or 1
    return ceil(prefill / longest) * request_tokens


def input_tokens(demand: Demand, request_tokens: int) -> int:
    """The longest prompt: as set, otherwise one less than the request; before 3.0 4095 at most."""
    most = request_tokens if version_of(demand.version) >= SIZES_ITSELF else min(request_tokens, OLD_CONTEXT)
    return demand.input_tokens or most - 1


def prefill_tokens(model: Model, demand: Demand, gpu: GpuMemory, request_tokens: int) -> int:
    """Tokens of one prefill: as set, otherwise as the launcher works them out.

    Before 3.0 they are the longest prompt and 50 (launcher/src/main.rs@v2.4.0); from then on as many as keep the GPU
    busy, at most what the model's context and its own estimate of memory allow.
    """
    if demand.step_tokens:
        return demand.step_tokens
    if version_of(demand.version) < SIZES_ITSELF:
        return input_tokens(demand, request_tokens) + 50
    busy = int(fact("tgi", "prefill_tokens"))
    flops = teraflops(gpu)
    if flops and not model.vision_parameters and model.head_dim:
        optimal = int(flops * 1e12 * demand.tensor_parallel / _token_flops(model))
        busy = optimal if optimal > 100 else busy  # noqa: PLR2004 - the launcher's own limit
    allowed = [busy, model.context or busy]
    if not (demand.quantization or model.stored or model.experts) and not model.vision_parameters:
        allowed.append(_vram_tokens(model, demand, gpu))
    return max(1, min(allowed))


def teraflops(gpu: GpuMemory) -> float | None:
    """By which the launcher sizes a prefill; it knows no partitions of a GPU."""
    known = {row["gpu"]: float(row["teraflops"]) for row in rows("tgi_compute")}
    return next((known[name] for name in sorted(known, key=len, reverse=True) if gpu.name.startswith(name)), None)


def _token_flops(model: Model) -> float:
    """The launcher's Config::flop."""
    attention = (2 * 2 * model.heads + 2 * 2 * model.kv_heads + 2 * model.heads) * model.head_dim * model.hidden
    experts = model.experts_per_token or 1
    return float((attention + 6 * model.hidden * model.intermediate * experts) * model.layers)


def _vram_tokens(model: Model, demand: Demand, gpu: GpuMemory) -> int:
    """The launcher's vram_maximum: nvidia-smi's memory less its own count of the weights, by bytes a token."""
    share = (demand.memory_fraction or 1.0) * fact("tgi", "estimate_share")
    free = gpu.nominal_gb * 1e9 * demand.tensor_parallel * share - (
        parts_of(model).layers * 2 + 4 * model.vocab * model.hidden
    )
    each = 4 * model.kv_heads * model.head_dim * model.layers + 9 * model.intermediate
    return int(free / each) if free > 0 else model.context
