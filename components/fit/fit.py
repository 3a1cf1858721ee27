"""Whether a model fits: what takes how much of each GPU, how much is left, and what would fit at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import floor
from typing import Literal

from ..catalog.engine_memory import ANY, fact, known_fact, version_of
from ..catalog.formats import dtype as known_dtype
from ..catalog.formats import dtype_capability
from ..catalog.gpu_memory import GpuMemory
from ..catalog.models import Model
from ..catalog.quantization import Capability, Method, methods
from ..catalog.table import engine_rows
from ..core.demand import Demand
from ..core.errors import InferenceError
from ..engines.kind import MemoryModel
from ..engines.registry import ENGINES
from ..memory.budget import Budget
from ..memory.kv_cache import held_tokens, request_bytes
from ..memory.sharding import possible_shards, shard_misfit
from ..memory.weights import format_of

Verdict = Literal["fits", "marginal", "does not fit"]
MEMORY: Mapping[str, MemoryModel] = {engine.kind: engine.memory for engine in ENGINES if engine.memory}
"""How each engine whose memory is known uses it, by the engine's kind."""


class NoFitError(InferenceError):
    """A question that has no answer: an unknown engine, or a request length nobody gave."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What became of one model on one kind of GPU. Bytes are of the fullest GPU.

    Attributes:
        model: what is served.
        demand: how.
        gpu: on what.
        budget: how the engine divides the GPU.
        needed: bytes of cache that are asked for.
        request_tokens: the longest request that was assumed.
        cache_tokens: tokens asked for, of all requests together.
        held_tokens: tokens the cache holds; the largest `max_batch_total_tokens`.
        concurrency: longest requests the cache holds at the same time.
        verdict: whether it fits.
        reasons: why it does not, or only just; empty when it fits.
        unsupported: why the GPU cannot run the quantization or data type; empty when it can.
        misfit: why the model cannot be split so; empty when it can.
    """

    model: Model
    demand: Demand
    gpu: GpuMemory
    budget: Budget
    needed: float
    request_tokens: int
    cache_tokens: int
    held_tokens: int
    concurrency: int
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    unsupported: str = ""
    misfit: str = ""

    @property
    def taken(self) -> float:
        """Bytes in use with the cache that is asked for."""
        budget = self.budget
        return budget.weights + budget.activations + budget.overhead + budget.graphs + self.needed

    @property
    def headroom(self) -> float:
        """Bytes of cache beyond what is asked for; negative when it does not fit."""
        return self.budget.cache - self.needed


@lru_cache(maxsize=4096)
def fit(model: Model, demand: Demand, gpu: GpuMemory) -> Fit:
    """Judge one replica of a model on GPUs of one kind.

    Raises:
        NoFitError: for an engine nobody modelled, and where nothing says how long a request is.
    """
    memory = MEMORY.get(demand.engine)
    if memory is None:
        raise NoFitError(f"how {demand.engine} divides a GPU's memory is not known; known are {', '.join(MEMORY)}")
    longest = demand.request_tokens or memory.default_request(model, demand, gpu)
    if not longest:
        raise NoFitError(f"the context of {model.name} is not in the catalog; say how long a request is at most")
    tokens = demand.cache_tokens or longest
    early = _first_release(model)
    if early and version_of(demand.version) < memory.early_until:
        return _judge(early, demand, gpu, longest, tokens)
    judged = _judge(model, demand, gpu, longest, tokens)
    if early and judged.verdict == "fits" and _judge(early, demand, gpu, longest, tokens).verdict != "fits":
        reason = (
            f"its first release had {model.early_kv_heads} heads of keys and values, twice the cache, "
            "and does not fit: pin a later revision"
        )
        return replace(judged, verdict="marginal", reasons=(reason,))
    return judged


def _first_release(model: Model) -> Model | None:
    """The model as it first came out, where it had more heads of keys and values, each stored several times."""
    if not model.early_kv_heads:
        return None
    more = (model.early_kv_heads - model.kv_heads) * 2 * model.head_dim * model.hidden * model.layers
    return replace(model, kv_heads=model.early_kv_heads, early_kv_heads=0, parameters=model.parameters + more)


def _judge(model: Model, demand: Demand, gpu: GpuMemory, longest: int, tokens: int) -> Fit:
    memory = MEMORY[demand.engine]
    budget, physics = memory.budget(model, demand, gpu, longest), memory.physics
    one = request_bytes(model, demand, physics, longest, budget.step_tokens)
    whole, rest = divmod(tokens, longest)
    needed = whole * one + (request_bytes(model, demand, physics, rest, budget.step_tokens) if rest else 0.0)
    made = Fit(
        model=model,
        demand=demand,
        gpu=gpu,
        budget=budget,
        needed=needed,
        request_tokens=longest,
        cache_tokens=tokens,
        held_tokens=held_tokens(model, demand, physics, budget.cache),
        concurrency=max(0, floor(budget.cache / one)) if one else 0,
        verdict="fits",
        unsupported=_unsupported(model, demand, gpu) or "",
        misfit=shard_misfit(model, demand, physics) or "",
    )
    verdict, reasons = _verdict(made, memory)
    return replace(made, verdict=verdict, reasons=reasons)


def _verdict(made: Fit, memory: MemoryModel) -> tuple[Verdict, tuple[str, ...]]:
    budget, demand = made.budget, made.demand
    if made.misfit or made.unsupported:
        return "does not fit", tuple(filter(None, (made.misfit, made.unsupported)))
    beside = 0.0 if memory.share_of_free else budget.overhead
    if budget.weights + beside > budget.share:
        return "does not fit", ("the weights alone are more than the engine may take",)
    if budget.cache < 0:
        return "does not fit", ("nothing is left for the cache of keys and values",)
    if made.headroom < 0 and memory.shrinks_cache and not (demand.request_tokens or demand.cache_tokens):
        return "marginal", (f"of a context of {made.request_tokens:,} tokens the cache holds {made.held_tokens:,}",)
    if made.headroom < 0:
        return "does not fit", (f"the cache holds {made.held_tokens:,} tokens, {made.cache_tokens:,} are asked for",)
    return ("marginal", reasons) if (reasons := tuple(_doubts(made, memory))) else ("fits", ())


def _doubts(made: Fit, memory: MemoryModel) -> list[str]:
    budget, model, demand = made.budget, made.model, made.demand
    found = []
    version = version_of(demand.version)
    if version < memory.since:
        found.append(f"{demand.engine} {demand.version} is older than the versions that were read")
    free = budget.total - budget.share
    if budget.uncounted > free:
        found.append(
            f"what {demand.engine} does not count, {_gib(budget.uncounted)}, is more than the {_gib(free)} it leaves"
        )
    if budget.kept_free > 0:
        left = budget.share - made.taken
        if left < budget.kept_free:
            keeps = f"{budget.keeper} keeps {_gib(budget.kept_free)} free for what comes up under load"
            found.append(f"{_gib(left)} stay free; {keeps}")
    # An engine that finds out the longest request itself takes a shorter one.
    sizes_itself = memory.sizes_requests and not demand.request_tokens
    if made.headroom < budget.weights * (fact(ANY, "weights_factor") - 1) and not sizes_itself:
        found.append(f"{_gib(made.headroom)} to spare are less than the 2 % by which weights differ from their file")
    found += [
        f"{row['what']} ({row['source']})"
        for row in engine_rows(demand.engine, "memory_defects")
        if row["model"] in model.name.lower()
        and version < version_of(row["before"])
        and made.request_tokens >= int(row["min_tokens"])
    ]
    return found


def _unsupported(model: Model, demand: Demand, gpu: GpuMemory) -> str | None:
    has = f"{gpu.compute_capability[0]}.{gpu.compute_capability[1]}"
    if demand.dtype and (name := known_dtype(demand.dtype)) and gpu.compute_capability < dtype_capability(name):
        return f"{name} needs compute capability {_text(dtype_capability(name))}; {gpu.name} has {has}: use float16"
    known = _methods(model, demand)
    if not known:
        # What is stored in the checkpoint is loaded by methods that the catalog may not list.
        form = format_of(model, demand)
        missing = form is not None and demand.quantization and methods(demand.engine)
        return f"{demand.engine} has no {form.name}" if form and missing else None
    there = [method for method in known if method.is_in(demand.version)]
    if not there:
        last = known[-1]
        gone = last.until and version_of(demand.version) >= version_of(last.until)
        when = f"no more from {last.until} on" if gone else f"only from {known[0].since} on"
        return f"{demand.engine} has {last.name} {when}"
    least = min(method.min_compute_capability for method in there)
    if gpu.compute_capability < least:
        return f"{demand.engine} runs {there[0].name} from compute capability {_text(least)} on; {gpu.name} has {has}"
    return None


def too_old(demand: Demand, gpu: GpuMemory) -> str:
    """Why the engine's own image does not run on a GPU, whatever its memory; empty where it does or nobody knows."""
    least = known_fact(demand.engine, "min_compute_capability", version_of(demand.version))
    major, minor = gpu.compute_capability
    if least is None or major + minor / 10 >= least:
        return ""
    has = f"{gpu.name} has {major}.{minor}"
    return f"the image of {demand.engine} is built for compute capability {least} and later; {has}"


def _methods(model: Model, demand: Demand) -> list[Method]:
    """What the engine has or had to run the weights: by the word that was given, otherwise by their format."""
    form = format_of(model, demand)
    known = [method for method in methods(demand.engine) if form and method.format == form.name]
    named = [method for method in methods(demand.engine) if method.name == demand.quantization]
    return [method for method in named if method in known] or known or named


def runnable_formats(engine: str, version: str, gpu: GpuMemory) -> Mapping[str, Method]:
    """What an engine can quantize to on a GPU, by the weights' format."""
    found: dict[str, Method] = {}
    for method in methods(engine):
        if method.format and method.is_in(version) and gpu.compute_capability >= method.min_compute_capability:
            found.setdefault(method.format, method)
    return found


def shards_that_work(model: Model, demand: Demand) -> tuple[int, ...]:
    """The shard counts an engine takes for a model."""
    return possible_shards(model, demand, MEMORY[demand.engine].physics)


def _gib(amount: float) -> str:
    return f"{amount / 2**30:.1f} GiB"


def _text(capability: Capability) -> str:
    return f"{capability[0]}.{capability[1]}"
