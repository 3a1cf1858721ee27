"""The catalog's models and GPUs, listed and searched: `infra models` and `infra gpus`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from components.catalog.accelerators import accelerators
from components.catalog.gpu_memory import GpuMemory, gpu_memories
from components.catalog.machines import accelerators_of_machines
from components.catalog.models import Model, search_models
from components.core.quantity import GIB

from ..terminal.columns import aligned

_NUMBERS = frozenset({"parameters", "context", "kv/token", "CUDA GiB", "nominal GB", "capability"})


def find_models(words: str) -> tuple[Model, ...]:
    """The models that have every word in their name."""
    return search_models(words)


def find_gpus(words: str) -> tuple[GpuMemory, ...]:
    """The GPUs and slices that have every word in one of their names."""
    wanted = words.lower().split()
    return tuple(gpu for gpu in gpu_memories() if all(word in _names(gpu) for word in wanted))


def model_lines(found: Sequence[Model]) -> Iterator[str]:
    """Models as a table."""
    head = ("model", "parameters", "context", "kv/token", "stored", "gated", "license")
    rows = [
        (
            model.name,
            f"{model.parameters / 1e9:.2f} B",
            f"{model.context:,}" if model.context else "unknown",
            f"{_token_bytes(model) / 1024:.0f} KiB",
            model.stored or model.dtype or "16 bits",
            model.gated or "unknown",
            model.license or "unknown",
        )
        for model in found
    ]
    yield from aligned(head, rows, _NUMBERS)


def gpu_lines(found: Sequence[GpuMemory]) -> Iterator[str]:
    """GPUs as a table."""
    head = ("gpu", "GKE", "partition", "CUDA GiB", "nominal GB", "capability", "known by")
    how = {"V": "measured", "S": "reported", "D": "derived"}
    rows = [
        (
            gpu.name,
            gpu.accelerator or "-",
            gpu.partition or "-",
            f"{gpu.bytes / GIB:.2f}",
            str(gpu.nominal_gb),
            f"{gpu.compute_capability[0]}.{gpu.compute_capability[1]}",
            how[gpu.confidence],
        )
        for gpu in found
    ]
    yield from aligned(head, rows, _NUMBERS)


def models_json(found: Sequence[Model]) -> list[dict[str, Any]]:
    """Models with everything the catalog says of them."""
    return [asdict(model) | {"kv_bytes_per_token": round(_token_bytes(model))} for model in found]


def gpus_json(found: Sequence[GpuMemory]) -> list[dict[str, Any]]:
    """GPUs with the machine types that have them."""
    machines = accelerators_of_machines()
    return [
        asdict(gpu)
        | {
            "bytes": round(gpu.bytes),
            "compute_capability": f"{gpu.compute_capability[0]}.{gpu.compute_capability[1]}",
            "machine_types": list(machines.get(gpu.accelerator, ())),
        }
        for gpu in found
    ]


def _token_bytes(model: Model) -> float:
    if model.kind == "encoder":
        return 0.0
    if model.kv_lora_rank:
        return model.layers * (model.kv_lora_rank + model.rope_head_dim) * 2.0
    return model.layers * 2.0 * model.kv_heads * model.head_dim * 2


def _names(gpu: GpuMemory) -> str:
    known = accelerators().get(gpu.accelerator)
    more = (known.short, known.model, *known.aliases) if known else ()
    return " ".join((gpu.name, gpu.accelerator, gpu.partition, *more)).lower()
