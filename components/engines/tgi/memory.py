"""TGI: it loads, allocates the cache of its warm-up batch, prefills that batch, and sizes the cache by what is free.

Source: huggingface/text-generation-inference@v3.3.5 server/text_generation_server/models/flash_causal_lm.py warmup,
backends/client/src/v3/client.rs warmup, launcher/src/main.rs.
"""

from __future__ import annotations

from math import ceil

from ...catalog.engine_memory import ANY, Version, fact, version_of
from ...catalog.gpu_memory import GpuMemory
from ...catalog.models import Model
from ...catalog.table import engine_rows
from ...core.demand import Demand
from ...memory.activations import forward_bytes, workspace_bytes
from ...memory.budget import Budget
from ...memory.kv_cache import token_bytes
from ...memory.overhead import context_bytes, non_torch_bytes
from ...memory.physics import Physics
from ...memory.weights import extra_bytes, parts_of, weight_bytes

SIZES_ITSELF: Version = (3,)
"""From here on it works out the longest request and prefill from the GPU."""
OLD_CONTEXT = 4096
"""What TGI 2 takes of a longer context unless it is told otherwise (launcher/src/main.rs@v2.4.0)."""

PHYSICS = Physics(
    # It pads the heads of DeepSeek to this width and caches all of them (server/text_generation_server/models/
    # custom_modeling/flash_deepseek_v3_modeling.py@v3.3.5, head_pad_size).
    latent_head=256,
    splits_layers=False,
    repeats_kv_heads=False,
)


def budget(model: Model, demand: Demand, gpu: GpuMemory, request_tokens: int) -> Budget:
    """What TGI makes of one GPU."""
    version = version_of(demand.version)
    prefill = prefill_tokens(model, demand, gpu, request_tokens)
    kept = fact("tgi", "kept_free", version)
    share = gpu.bytes * (demand.memory_fraction or fact("tgi", "memory_fraction", version))
    weights = weight_bytes(model, demand, PHYSICS) + extra_bytes(model, demand, PHYSICS)
    peak = max(
        forward_bytes(model, demand, prefill),
        prefill_logits_bytes(model, demand, prefill) + 3 * prefill * model.hidden * 2,
    )
    activations = peak + workspace_bytes(gpu) + fact("tgi", "flashinfer_workspace")
    overhead = context_bytes() + non_torch_bytes(demand)
    graphs = 0.0 if demand.cuda_graphs is False else fact("tgi", "graphs") * fact(ANY, "graph_mib") * 2**20
    free = share - weights - activations - overhead - graphs
    first = batch_tokens(demand, prefill, request_tokens) * token_bytes(model, demand, PHYSICS)
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
        keeper="tgi 3.3",
        step_tokens=prefill,
        rows=demand.requests or 0,
    )


def prefill_logits_bytes(model: Model, demand: Demand, tokens: int) -> float:
    """Logits of all tokens of the warm-up prefill, which before 3.0 asks for the log probability of each.

    From 3.0 on it does not unless REQUEST_LOGPROBS is set (huggingface/text-generation-inference@v3.0.0
    server/text_generation_server/models/flash_causal_lm.py: "This consumes so much memory on long requests"). On one
    GPU they are turned in place; sharded, the gathered matrix is transposed, so that the softmax makes one contiguous
    copy of its input and one of its output (huggingface/text-generation-inference@v2.4.0
    server/text_generation_server/layers/tensor_parallel.py TensorParallelHead, models/flash_causal_lm.py
    `torch.log_softmax(out, -1, out=out)`; before 2.4 the output was a second matrix on one GPU, too).
    """
    if version_of(demand.version) >= (3,):
        return 0.0
    copies = 3 if demand.tensor_parallel > 1 else 2 if version_of(demand.version) < (2, 4) else 1
    return tokens * model.vocab * 2 * copies


def default_request(model: Model, demand: Demand, gpu: GpuMemory) -> int:
    """The longest request where nobody says; 0 for a model whose context is not known.

    TGI 2 takes 4096 at most (launcher/src/main.rs@v2.4.0), TGI 3 as many as it finds room for, and at least a prefill.
    """
    if not model.context:
        return 0
    if version_of(demand.version) < SIZES_ITSELF:
        return min(model.context, OLD_CONTEXT)
    return min(model.context, prefill_tokens(model, demand, gpu, model.context) + 1)


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
    known = {row["gpu"]: float(row["teraflops"]) for row in engine_rows("tgi", "compute")}
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
