"""What each version of a model takes, as `infra check` tells it: of its GPUs' memory, and of time to start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.core.errors import dotted
from components.core.quantity import GIB
from components.proofs.loading import estimate
from components.proofs.memory import Judged, judged
from components.reading.index import Index

from ..plan.overview import gpu_name
from .entries import FootprintEntry, MemoryEntry

if TYPE_CHECKING:
    from components.serving.cold_start import ColdStart

MOST = 20
"""Models of one environment told one by one; the tightest come first where there are more."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """One version of a model.

    Attributes:
        place: `models.llama`, or `models.llama/blue` where there are several versions.
        memory: what it takes of each kind of GPU it may land on; empty without GPUs or where nobody knows.
        start: how long it takes from no node to its first answer.
    """

    place: str
    memory: tuple[Judged, ...]
    start: ColdStart

    @property
    def tightness(self) -> float:
        """The smallest share of a GPU that is left; 1 where nothing is known."""
        made = (one.made for one in self.memory if one.made)
        return min((fit.headroom / fit.gpu.bytes for fit in made), default=1.0)


def footprints(index: Index) -> list[Footprint]:
    """The models of a plan, each version once, in its order."""
    memory: dict[int, list[Judged]] = {}
    for one in judged(index):
        memory.setdefault(id(one.pod.item), []).append(one)
    return [
        Footprint(
            f"{dotted(pod.part.path)}{f'/{pod.facts.name}' if pod.facts and pod.facts.name else ''}",
            tuple(memory.get(id(pod.item), ())),
            estimate(index, pod),
        )
        for pod in index.workloads
        if pod.serves and pod.part.path[:1] == ("models",) and pod.role != "worker"
    ]


def footprint_lines(environment: str, found: Sequence[Footprint]) -> Iterator[str]:
    """Two lines a model: memory of each kind of GPU, and the time it takes to start; the tightest of many models."""
    told = found if len(found) <= MOST else sorted(found, key=lambda one: one.tightness)[:MOST]
    names = [one.place.removeprefix("models.") for one in told]
    width = max(map(len, names), default=0)
    if told:
        yield f"  {environment}"
    for name, one in zip(names, told, strict=True):
        first, *others = [*(_memory(entry) for entry in one.memory), f"starts in {one.start}"]
        yield f"    {name.ljust(width)}  {first}"
        yield from (f"    {' ' * width}  {fact}" for fact in others)
    if rest := len(found) - len(told):
        yield f"    and {rest:,} more, with more to spare: --format json"


def footprints_json(found: Sequence[Footprint]) -> list[FootprintEntry]:
    """The same for machines: bytes of one GPU, and seconds."""
    return [
        {
            "at": one.place,
            "cold_start": {
                "min_seconds": round(one.start.low),
                "max_seconds": None if one.start.high is None else round(one.start.high),
                "unknown": list(one.start.unknown),
            },
            "memory": [_memory_json(entry) for entry in one.memory if entry.made],
        }
        for one in found
    ]


def _memory(one: Judged) -> str:
    made = one.made
    if made is None:
        return f"memory unknown: {one.unknown}"
    shards = f"{made.demand.gpus} x " if made.demand.gpus > 1 else ""
    gpu = gpu_name(made.gpu.accelerator or made.gpu.name)
    most = f", room for {made.held_tokens:,} tokens" if made.model.kind == "decoder" and made.held_tokens else ""
    return f"{made.verdict}: {made.taken / GIB:.1f} of {made.gpu.bytes / GIB:.1f} GiB of {shards}{gpu}{most}"


def _memory_json(one: Judged) -> MemoryEntry:
    made = one.made
    assert made is not None  # noqa: S101 - chosen by the caller
    return {
        "model": made.model.name,
        "gpu": made.gpu.accelerator,
        "pools": list(one.pools),
        "gpus": made.demand.gpus,
        "verdict": made.verdict,
        "bytes": round(made.taken),
        "capacity": round(made.gpu.bytes),
        "headroom": round(made.headroom),
        "max_batch_total_tokens": made.held_tokens,
        "max_concurrency": made.concurrency,
    }
