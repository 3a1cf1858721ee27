"""Whether a model fits GPUs, without a stack: the answer of `infra fit`, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components.catalog.accelerators import accelerators
from components.catalog.engine_memory import release
from components.catalog.formats import dtype as known_dtype
from components.catalog.formats import weight_format, weight_formats
from components.catalog.gpu_memory import GpuMemory, find_gpu, gpu_memories, meant_gpu
from components.catalog.models import Model, find_model, meant_model
from components.catalog.quantization import methods
from components.core.demand import Demand
from components.core.errors import did_you_mean
from components.core.quantity import GIB
from components.engines.registry import BY_KIND
from components.fit.fit import MEMORY, Fit, fit, shards_that_work, too_old
from components.fit.remedies import Remedy, remedies

from ..plan.environments import UsageError

_PLAIN = ("bf16", "fp16", "fp32", "bf16/fp16", "bfloat16", "float16", "float32", "none")
"""Words that say that weights are not quantized."""


def answer(
    model: str,
    *,
    gpu: str,
    gpus: int = 1,
    engine: str = "vllm",
    engine_version: str = "",
    quantize: str | None = None,
    dtype: str | None = None,
    kv_cache_dtype: str | None = None,
    max_total_tokens: int | None = None,
    concurrency: int | None = None,
    pipeline: int = 1,
    data_parallel: int = 1,
    memory_fraction: float | None = None,
) -> Fit:
    """Judge one replica.

    Raises:
        UsageError: for a model, GPU, engine or setting that nobody knows, and numbers that do not go together.
    """
    known, hardware = _model(model), _gpu(gpu)
    if engine not in MEMORY:
        raise UsageError(f'--engine: got "{engine}"; {did_you_mean(engine, MEMORY, "one")}')
    for flag, number in (
        ("--gpus", gpus),
        ("--pipeline", pipeline),
        ("--data-parallel", data_parallel),
        ("--max-total-tokens", max_total_tokens),
        ("--concurrency", concurrency),
    ):
        if number is not None and number < 1:
            raise UsageError(f"{flag}: got {number}; must be at least 1")
    if gpus % (pipeline * data_parallel):
        raise UsageError(f"--gpus: got {gpus}, which {pipeline * data_parallel} groups cannot share evenly")
    if memory_fraction is not None and not 0 < memory_fraction <= 1:
        raise UsageError(f"--gpu-memory-utilization: got {memory_fraction}; must be above 0 and at most 1")
    if quantize and quantize.lower() in _PLAIN:
        dtype, quantize = dtype or known_dtype(quantize.split("/")[0].lower()), None
    if quantize and weight_format(quantize, engine) is None:
        words = {method.name for method in methods(engine) if method.format} | set(weight_formats())
        raise UsageError(f'--quantize: got "{quantize}"; {did_you_mean(quantize, words)}')
    for flag, word in (("--dtype", dtype), ("--kv-cache-dtype", kv_cache_dtype)):
        if word and word != "auto" and known_dtype(word) is None:
            raise UsageError(f'{flag}: got "{word}"; use float16, bfloat16, float32 or, for the cache, fp8')
    if MEMORY[engine].dtype_or_quantization and dtype and quantize:
        title = BY_KIND[engine].title
        raise UsageError(f"--dtype: {dtype} cannot be combined with --quantize {quantize} in {title}; drop one")
    length = max_total_tokens or known.context
    if known.context and max_total_tokens and max_total_tokens > known.context * 4:
        raise UsageError(f"--max-total-tokens: got {max_total_tokens}; the context of {known.name} is {known.context}")
    demand = Demand(
        engine=engine,
        version=release(engine, engine_version),
        model=known.name,
        tensor_parallel=gpus // (pipeline * data_parallel),
        pipeline_parallel=pipeline,
        data_parallel=data_parallel,
        quantization=quantize.lower() if quantize else None,
        dtype=None if dtype == "auto" else dtype,
        kv_cache_dtype=None if kv_cache_dtype == "auto" else kv_cache_dtype,
        memory_fraction=memory_fraction,
        request_tokens=max_total_tokens,
        cache_tokens=concurrency * length if concurrency and length else None,
    )
    return fit(known, demand, hardware)


def lines(made: Fit) -> Iterator[str]:
    """The answer for a person: a table of one GPU, what fits at most, and what would fit instead."""
    demand, budget, gpu = made.demand, made.budget, made.gpu
    count = f"{demand.gpus} x " if demand.gpus > 1 else ""
    name = f"{demand.engine} {demand.version}".rstrip()
    yield f"{made.model.name} on {count}{gpu.accelerator or gpu.name}, {name}: {made.verdict}"
    yield from (f"  {reason}" for reason in made.reasons)
    if note := too_old(demand, gpu):
        yield f"  {note}: it would stop at start, whatever its memory"
    if made.misfit:
        possible = ", ".join(str(number) for number in shards_that_work(made.model, demand))
        yield f"  it can be split over {possible} GPUs"
    else:
        yield ""
        yield f"  {_gib(made.taken)} of each GPU's {_gib(gpu.bytes)} GiB"
        if budget.share < budget.total:
            yield f"    of which the engine takes {_gib(budget.share)}"
        rows = (
            ("weights", budget.weights, _weights_note(made)),
            ("KV cache", made.needed, f"{made.cache_tokens:,} tokens"),
            ("activations", budget.activations, f"a step of {budget.step_tokens:,} tokens"),
            ("overhead", budget.overhead, "CUDA, kernels" + (", NCCL" if demand.gpus > 1 else "")),
            ("CUDA graphs", budget.graphs, ""),
        )
        yield from (f"    {label:<12}{_gib(amount):>7}  {note}".rstrip() for label, amount, note in rows)
        yield f"    {'headroom':<12}{_gib(made.headroom):>7}"
        if made.model.kind == "decoder" and made.held_tokens:
            yield f"  holds {made.held_tokens:,} tokens at most: {made.concurrency} requests of {made.request_tokens:,}"
    found = remedies(made) if made.verdict == "does not fit" else ()
    if found:
        yield "  what fits, cheapest first:"
        yield from (f"    {remedy}" for remedy in found)


def as_json(made: Fit) -> dict[str, Any]:
    """The answer for machines; every amount of memory is in bytes and of one GPU.

    `kv_cache` is what the engine makes of the memory it has left, in bytes and tokens, beside what was asked for;
    `total` is what weights, activations, overhead and the cache that was asked for take together, `in_use` what a GPU
    shows once the engine has taken all it may.
    """
    demand, budget = made.demand, made.budget
    each = {
        "weights": round(budget.weights),
        "kv_cache": {
            "bytes": round(max(0.0, budget.cache)),
            "tokens": made.held_tokens,
            "needed_bytes": round(made.needed),
            "needed_tokens": made.cache_tokens,
        },
        "activations": round(budget.activations),
        "overhead": round(budget.overhead + budget.graphs),
        "cuda_graphs": round(budget.graphs),
        "total": round(made.taken),
        "in_use": round(made.taken - made.needed + max(0.0, budget.cache)),
        "capacity": round(budget.total),
        "engine_share": round(budget.share),
        "headroom": round(made.headroom),
    }
    return {
        "model": made.model.name,
        "gpu": made.gpu.accelerator or made.gpu.name,
        "gpus": demand.gpus,
        "engine": demand.engine,
        "engine_version": demand.version,
        "tensor_parallel": demand.tensor_parallel,
        "pipeline_parallel": demand.pipeline_parallel,
        "data_parallel": demand.data_parallel,
        "quantization": demand.quantization or made.model.stored or None,
        "fits": made.verdict != "does not fit",
        "verdict": made.verdict,
        "reasons": list(made.reasons),
        "image_too_new": too_old(demand, made.gpu) or None,
        "max_total_tokens": made.request_tokens,
        "max_batch_total_tokens": made.held_tokens,
        "max_concurrency": made.concurrency,
        "per_gpu": [{"gpu": number, **each} for number in range(demand.gpus)],
        "possible_shards": list(shards_that_work(made.model, demand)) if made.misfit else [],
        "remedies": [_remedy(found) for found in remedies(made)] if made.verdict == "does not fit" else [],
        "sources": {"model": made.model.source, "gpu": made.gpu.source},
    }


def _remedy(found: Remedy) -> dict[str, Any]:
    price = found.price
    return {
        "change": found.change,
        "note": found.note,
        "verdict": found.result.verdict,
        "bytes_per_gpu": round(found.result.taken),
        "usd_per_hour": price.usd_per_hour if price else None,
        "extra_usd_per_hour": None if found.extra_per_hour is None else round(found.extra_per_hour, 4),
        "price_as_of": price.as_of if price else None,
    }


def _weights_note(made: Fit) -> str:
    stored = made.demand.quantization or made.model.stored or made.demand.dtype or made.model.dtype or "16 bits"
    return f"{made.model.parameters / 1e9:.2f} B parameters, {stored}"


def _model(name: str) -> Model:
    known = find_model(name)
    if known is None:
        meant = meant_model(name)
        hint = f"did you mean {meant}?" if meant else "`infra models` lists those that are"
        raise UsageError(f'MODEL: "{name}" is not in the catalog; {hint}; in a stack, give its architecture')
    return known


def _gpu(word: str) -> GpuMemory:
    known = find_gpu(word)
    if known is None:
        meant = meant_gpu(word)
        names = ", ".join(accelerators())
        hint = (
            f"did you mean {meant}?"
            if meant
            else f"use one of: {names}, or one of {len(gpu_memories())} in `infra gpus`"
        )
        raise UsageError(f'--gpu: got "{word}"; {hint}')
    return known


def _gib(amount: float) -> str:
    return f"{amount / GIB:.1f}"
