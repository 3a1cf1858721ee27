"""GPU memory as CUDA reports it, which is less than the data sheet says, for GKE's GPUs, their slices, and others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from ..core.errors import nearest
from ..core.quantity import GIB
from .accelerators import meant
from .table import rows


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """What an engine finds on one GPU, or on one slice of it.

    Attributes:
        name: what people call it, `L4` or `1g.5gb of A100-40GB`.
        accelerator: GKE's name; empty for a GPU that GKE does not have.
        partition: MIG partition size; empty for the whole GPU.
        bytes: total memory as CUDA reports it; the lowest of several reports, to plan with.
        compute_capability: major and minor, so that `(8, 9) >= (8, 0)`.
        nominal_gb: what the data sheet says, in GB.
        confidence: V reported by CUDA, S reported without naming the variant, D derived as `source` says.
        as_of: the day this was true.
        source: where it can be looked up.
    """

    name: str
    accelerator: str
    partition: str
    bytes: float
    compute_capability: tuple[int, int]
    nominal_gb: int
    confidence: str
    as_of: str
    source: str


@cache
def gpu_memories() -> tuple[GpuMemory, ...]:
    """Every GPU and slice, whole ones first."""
    found = []
    for row in rows("gpu_memory"):
        major, minor = row["compute_capability"].split(".")
        found.append(
            GpuMemory(
                name=row["gpu"],
                accelerator=row["accelerator"],
                partition=row["partition"],
                bytes=float(row["cuda_total_gib"]) * GIB,
                compute_capability=(int(major), int(minor)),
                nominal_gb=int(row["nominal_gb"]),
                confidence=row["confidence"],
                as_of=row["as_of"],
                source=row["source"],
            )
        )
    return tuple(found)


@cache
def gpu_memory(accelerator: str, partition: str = "") -> GpuMemory | None:
    """The memory of one of GKE's GPUs, or of one of its slices."""
    for gpu in gpu_memories():
        if (gpu.accelerator, gpu.partition) == (accelerator, partition):
            return gpu
    return None


def find_gpu(word: str) -> GpuMemory | None:
    """The GPU somebody wrote: GKE's name, a short one, or that of a GPU outside GKE such as `RTX 4090`."""
    given = _plain(word)
    for gpu in gpu_memories():
        if given in {_plain(gpu.name), _plain(f"nvidia-{gpu.name}")} or (word == gpu.accelerator and not gpu.partition):
            return gpu
    name, _, partition = word.partition(":")
    accelerator = meant(name) if name == word or partition else None
    known = gpu_memory(accelerator, partition) if accelerator else None
    # A word for a GPU that GKE lacks must not become the nearest of those it has.
    return known if known and (_plain(name) in _words(known) or partition) else None


def meant_gpu(word: str) -> str | None:
    """The GPU that somebody probably meant, or `None`."""
    names: Mapping[str, str] = {
        _plain(spelling): gpu.accelerator or gpu.name
        for gpu in gpu_memories()
        if not gpu.partition
        for spelling in (gpu.accelerator or gpu.name, gpu.name)
    }
    match = nearest(_plain(word), names)
    return names[match] if match else None


def _words(gpu: GpuMemory) -> set[str]:
    for row in rows("accelerators"):
        if row["accelerator"] == gpu.accelerator:
            return {
                _plain(word) for word in (row["accelerator"], row["short"], row["model"], *row["aliases"].split(","))
            }
    return set()


def _plain(word: str) -> str:
    return word.lower().replace("_", "-").replace(" ", "-")
