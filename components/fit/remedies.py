"""What would fit instead, each tried before it is named, with what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ..catalog.accelerators import accelerators
from ..catalog.engine_memory import ANY, fact
from ..catalog.gpu_memory import GpuMemory, gpu_memory
from ..catalog.prices import Price, hourly, smallest_machine
from ..core.quantity import GIB
from ..engines.registry import BY_KIND
from ..memory.kv_cache import held_tokens
from ..memory.sharding import shard_misfit
from .fit import MEMORY, Fit, fit, runnable_formats, shards_that_work, too_old

_PREFERENCE = ("fp8", "int8", "bnb-nf4", "awq", "gptq")
"""Formats worth naming, best quality first."""
_USEFUL_TOKENS = 1024
"""Requests shorter than this are no remedy."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One change after which the model fits.

    Attributes:
        change: what to change, as settings are written.
        result: the fit after it.
        note: what else it takes, such as weights that somebody has quantized; empty when nothing.
        price: of a machine after the change; `None` when the table has none.
        extra_per_hour: US dollars an hour more than before; `None` when either price is unknown.
    """

    change: str
    result: Fit
    note: str = ""
    price: Price | None = None
    extra_per_hour: float | None = None

    def __str__(self) -> str:
        cost = ""
        if self.extra_per_hour is not None:
            cost = f", {'+' if self.extra_per_hour >= 0 else '-'} ${abs(self.extra_per_hour):.2f}/h"
        elif self.price:
            cost = f", ${self.price.usd_per_hour:.2f}/h"
        note = f"; {self.note}" if self.note else ""
        taken, total = self.result.taken / GIB, self.result.gpu.bytes / GIB
        return f"{self.change} ({taken:.1f} of {total:.1f} GiB a GPU{cost}{note})"


def remedies(made: Fit, *, machine: str = "", provisioning: str = "on-demand", most: int = 5) -> tuple[Remedy, ...]:
    """The changes after which a model fits, cheapest first.

    Args:
        made: the fit that is not.
        machine: the machine type it runs on now; the smallest with such GPUs where it is not known.
        provisioning: how it is bought.
        most: how many to name.
    """
    gpus = made.demand.gpus
    small = smallest_machine(made.gpu.accelerator, gpus) if made.gpu.accelerator else None
    before = _price(machine or (small.name if small else ""), made.gpu.accelerator, gpus, provisioning)
    found = [*_same_gpus(made), *_more_gpus(made, provisioning), *_other_gpus(made, provisioning)]
    priced = [_priced(remedy, before) for remedy in found]
    sure = [remedy for remedy in priced if remedy.result.verdict == "fits"]
    chosen = sure if len(sure) > 1 else priced
    chosen.sort(key=lambda remedy: (remedy.extra_per_hour is None, remedy.extra_per_hour or 0.0))
    return tuple(_varied(chosen, most))


def _same_gpus(made: Fit) -> Iterator[Remedy]:
    """Changes of settings only."""
    demand, model = made.demand, made.model
    kind = BY_KIND[demand.engine]
    names = kind.words
    if made.misfit or not names or too_old(demand, made.gpu):
        return
    if not (demand.quantization or model.stored):
        known = runnable_formats(demand.engine, demand.version, made.gpu)
        for method in filter(None, map(known.get, _PREFERENCE)):
            result = fit(model, replace(demand, quantization=method.name, dtype=None), made.gpu)
            if result.verdict != "does not fit":
                note = "needs weights that are quantized beforehand" if method.needs_quantized_weights else ""
                yield Remedy(f"{names['quantization']}: {method.name}", result, note)
    if demand.quantization and made.unsupported:
        for method in runnable_formats(demand.engine, demand.version, made.gpu).values():
            result = fit(model, replace(demand, quantization=method.name, dtype=None), made.gpu)
            if result.verdict == "fits" and not method.needs_quantized_weights:
                yield Remedy(f"{names['quantization']}: {method.name}", result)
    if demand.dtype and made.unsupported:
        result = fit(model, replace(demand, dtype="float16"), made.gpu)
        if result.verdict != "does not fit":
            yield Remedy("dtype: float16", result)
    computes_fp8 = made.gpu.compute_capability >= (8, 9)
    if kind.fp8_cache and not demand.kv_cache_dtype and computes_fp8 and model.kind == "decoder":
        result = fit(model, replace(demand, kv_cache_dtype=kind.fp8_cache), made.gpu)
        if result.verdict != "does not fit":
            yield Remedy(f"{names['kv_cache_dtype']}: {kind.fp8_cache}", result)
    yield from _fewer_tokens(made, names)


def _fewer_tokens(made: Fit, names: Mapping[str, str]) -> Iterator[Remedy]:
    demand, model = made.demand, made.model
    # What weights may take beyond their file stays free, so that the remedy is no marginal one.
    sure = made.budget.cache - made.budget.weights * (fact(ANY, "weights_factor") - 1)
    room = held_tokens(model, demand, MEMORY[demand.engine].physics, sure) // 256 * 256
    if demand.cache_tokens and room >= made.request_tokens:
        # Without a setting for tokens of all requests, so many requests of the longest kind take them.
        counted = "cache_tokens" not in names
        requests = room // made.request_tokens
        tokens = requests * made.request_tokens if counted else room
        result = fit(model, replace(demand, cache_tokens=tokens), made.gpu)
        if result.verdict != "does not fit":
            yield Remedy(f"{names['requests']}: {requests}" if counted else f"{names['cache_tokens']}: {room}", result)
    # A shorter request also makes a smaller step in engines that prefill it at once: halve until it fits.
    tokens = made.request_tokens
    while tokens > _USEFUL_TOKENS:
        tokens = max(_USEFUL_TOKENS, min(tokens // 2, room) if _USEFUL_TOKENS <= room < tokens else tokens // 2)
        inputs = min(demand.input_tokens, tokens - 1) if demand.input_tokens else None
        shorter = replace(demand, request_tokens=tokens, cache_tokens=None, input_tokens=inputs)
        result = fit(model, shorter, made.gpu)
        if result.verdict == "fits" or (result.verdict == "marginal" and tokens == _USEFUL_TOKENS):
            yield Remedy(f"{names['request_tokens']}: {tokens}", result)
            return


def _more_gpus(made: Fit, provisioning: str) -> Iterator[Remedy]:
    """The same GPU, more of them on one machine."""
    demand, name = made.demand, made.gpu.accelerator
    if not name or made.gpu.partition or too_old(demand, made.gpu):
        return
    field = BY_KIND[demand.engine].words.get("tensor_parallel", "")
    for shards in shards_that_work(made.model, replace(demand, pipeline_parallel=1)) if field else ():
        machine = smallest_machine(name, shards)
        if machine is None or (shards <= demand.tensor_parallel and not made.misfit):
            continue
        result = fit(made.model, replace(demand, tensor_parallel=shards, pipeline_parallel=1), made.gpu)
        if result.verdict != "does not fit":
            yield Remedy(
                f"{field}: {shards} on {shards} x {name}",
                result,
                f"machine_type {machine.name}",
                _price(machine.name, name, shards, provisioning),
            )
            return


def _other_gpus(made: Fit, provisioning: str) -> Iterator[Remedy]:
    """Another GPU, as few of them as do."""
    for name in accelerators():
        gpu = gpu_memory(name)
        if gpu is None or name == made.gpu.accelerator or too_old(made.demand, gpu):
            continue
        if found := _fewest(made, gpu, provisioning):
            yield found


def _fewest(made: Fit, gpu: GpuMemory, provisioning: str) -> Remedy | None:
    for count in (1, 2, 4, 8):
        machine = smallest_machine(gpu.accelerator, count)
        demand = replace(made.demand, tensor_parallel=count, pipeline_parallel=1)
        if machine is None or shard_misfit(made.model, demand, MEMORY[demand.engine].physics):
            continue
        result = fit(made.model, demand, gpu)
        if result.verdict == "fits":
            price = _price(machine.name, gpu.accelerator, count, provisioning)
            return Remedy(f"{count} x {gpu.accelerator}", result, f"machine_type {machine.name}", price)
    return None


def _price(machine: str, accelerator: str, gpus: int, provisioning: str) -> Price | None:
    return hourly(machine, accelerator, gpus, provisioning) if machine else None


def _priced(remedy: Remedy, before: Price | None) -> Remedy:
    if remedy.price is None and not remedy.note.startswith("machine_type"):
        return replace(remedy, price=before, extra_per_hour=0.0)
    if remedy.price is None or before is None:
        return remedy
    return replace(remedy, extra_per_hour=remedy.price.usd_per_hour - before.usd_per_hour)


def _varied(found: Iterable[Remedy], most: int) -> Iterator[Remedy]:
    """At most two of a kind, so that another quantization does not crowd out another GPU."""
    kinds: dict[str, int] = {}
    given = 0
    for remedy in found:
        kind = remedy.change.partition(":")[0] if ":" in remedy.change else "gpu"
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] <= 2 and given < most:  # noqa: PLR2004 - see above
            given += 1
            yield remedy
