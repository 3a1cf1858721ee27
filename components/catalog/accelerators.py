"""GPUs as GKE names them: memory, compute capability, MIG partitions, and what people call them for short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from ..core.errors import nearest
from .table import rows


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One GPU model.

    Attributes:
        name: GKE's name, the value of the node label `cloud.google.com/gke-accelerator`.
        short: what people call it, `l4`.
        model: as NVIDIA sells it, `A100 80GB`.
        memory_gb: nominal memory in GB; CUDA sees less.
        compute_capability: major and minor, so that `(8, 9) >= (8, 0)`.
        aliases: other names people write.
        partitions: MIG partition sizes and how many of each one GPU gives; empty without MIG.
    """

    name: str
    short: str
    model: str
    memory_gb: int
    compute_capability: tuple[int, int]
    aliases: tuple[str, ...]
    partitions: Mapping[str, int]


@cache
def accelerators() -> Mapping[str, Accelerator]:
    """Every GPU in the catalog by GKE's name, smallest first."""
    partitions: dict[str, dict[str, int]] = {}
    for row in rows("mig_partitions"):
        partitions.setdefault(row["accelerator"], {})[row["size"]] = int(row["instances"])
    return {
        row["accelerator"]: Accelerator(
            name=row["accelerator"],
            short=row["short"],
            model=row["model"],
            memory_gb=int(row["memory_gb"]),
            compute_capability=_capability(row["compute_capability"]),
            aliases=tuple(alias for alias in row["aliases"].split(",") if alias),
            partitions=partitions.get(row["accelerator"], {}),
        )
        for row in rows("accelerators")
    }


def meant(word: str) -> str | None:
    """GKE's name for what somebody wrote: `L4`, `a100`, a typing error; `None` when nothing is close."""
    spellings = {
        spelling: gpu.name for gpu in accelerators().values() for spelling in (gpu.name, gpu.short, *gpu.aliases)
    }
    given = word.lower().replace("_", "-").replace(" ", "-")
    for spelling in (given, given.removeprefix("nvidia-").removeprefix("tesla-")):
        if spelling in spellings:
            return spellings[spelling]
    match = nearest(given, spellings)
    return spellings[match] if match else None


def _capability(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)
