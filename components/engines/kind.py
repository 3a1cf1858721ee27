"""What the rest of the product asks about an engine as such, whatever its settings: one `EngineKind` an engine.

Nobody compares an engine's name: what differs between engines is a field here, or a method of the engine's config, and
each engine fills it in its own folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..catalog.engine_memory import Version
from ..catalog.gpu_memory import GpuMemory
from ..catalog.models import Model
from ..core.demand import Demand
from ..memory.budget import Budget
from ..memory.physics import Physics
from .engine import Engine


def _context(model: Model, demand: Demand, gpu: GpuMemory) -> int:  # noqa: ARG001 - others look at all three
    return model.context


@dataclass(frozen=True, slots=True)
class MemoryModel:
    """How an engine uses the memory of GPUs.

    Attributes:
        budget: how it divides one GPU, for requests of so many tokens.
        physics: how it holds weights, keys and values.
        since: the first version that was read; a fit of an older one is never more than marginal.
        default_request: tokens of the longest request where nobody says; 0 when that is not known. Omitted: the
            model's context.
        sizes_requests: whether it works out itself, from the room there is, how long a request may be.
        shrinks_cache: whether it starts with less cache than it was asked for, or than one context takes.
        share_of_free: whether its share of a GPU is of what is free beside the overhead, not of all of it.
        dtype_or_quantization: whether a data type and a quantization exclude each other.
        early_until: versions before this one were used with models as they first came out.
    """

    budget: Callable[[Model, Demand, GpuMemory, int], Budget]
    physics: Physics
    since: Version = ()
    default_request: Callable[[Model, Demand, GpuMemory], int] = _context
    sizes_requests: bool = False
    shrinks_cache: bool = False
    share_of_free: bool = False
    dtype_or_quantization: bool = False
    early_until: Version = ()


@dataclass(frozen=True, slots=True)
class EngineKind:
    """One engine.

    Attributes:
        kind: its name in a stack, and its folder's.
        title: what people call it.
        config: its settings.
        lists_every_flag: whether its `flags.tsv` has every flag of its releases; otherwise it has what most people set.
        memory: how it uses the memory of GPUs; `None` when nobody knows.
        words: what it calls a setting of `Demand`, by the setting's name: how a remedy is written. An engine that
            bounds its cache by requests, not by tokens, has `requests` instead of `cache_tokens`.
        fp8_cache: its word for keys and values in FP8; empty when it has none.
        gpu_flags: flags that say over how many GPUs a replica is split or copied; their product counts.
        drain_flags: flags that say for how many seconds it finishes open requests when it is told to stop.
        absent: why a field here is empty, or why a table is missing from its folder, by its name.
    """

    kind: str
    title: str
    config: type[Engine]
    lists_every_flag: bool = False
    memory: MemoryModel | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    fp8_cache: str = ""
    gpu_flags: tuple[str, ...] = ()
    drain_flags: tuple[str, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
