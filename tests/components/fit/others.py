"""What other tools' formulas say of the same rows: KAITO, llm-d-planner, and accelerate's rule of thumb."""

from __future__ import annotations

from components.core.quantity import GIB

from .held import token_bytes, weight_bytes
from .reports import Report

_SHARE = 0.9
"""Utilization that both documents reckon with where a row tells none."""


def kaito(report: Report) -> tuple[bool, float]:
    """Whether it fits, and the bytes of cache on a GPU.

    n * VRAM * util >= size * 1.02 + 1.7 n + 0.6 n + bytes_per_token * max_len, nominal VRAM
    (kaito-project/kaito:presets/workspace/generator/model-sku-calculation.md@056b8280b).
    """
    model, gpu, demand = report.model, report.gpu, report.demand
    assert model is not None
    assert gpu is not None
    budget = gpu.nominal_gb * GIB * (demand.memory_fraction or _SHARE)
    cache = budget - 1.02 * weight_bytes(model, demand) - 2.3 * GIB
    return cache >= report.length * token_bytes(model, demand), cache


def planner(report: Report) -> tuple[bool, float]:
    """Whether it fits, and the bytes of cache on a GPU.

    Weights, a constant of activations by architecture, 0.15 or 0.6 GiB beside PyTorch, nominal GB at 0.9
    (llm-d-incubation/llm-d-planner:src/planner/capacity_planner.py@e50305a).
    """
    model, gpu, demand = report.model, report.gpu, report.demand
    assert model is not None
    assert gpu is not None
    name = model.name.lower()
    by_name = (("llama", 4.8), ("qwen2", 5.6), ("qwen3", 5.6), ("pixtral", 2.5), ("mistral-small-3", 2.5))
    dense = 8.0 if model.experts else 2.5 if model.vision_parameters else 5.5
    activations = next((gib for word, gib in by_name if word in name), dense)
    beside = 0.15 if demand.tensor_parallel == 1 else 0.6
    budget = gpu.nominal_gb * GIB * (demand.memory_fraction or _SHARE)
    cache = budget - weight_bytes(model, demand) - (activations + beside) * GIB
    return cache >= report.length * token_bytes(model, demand), cache


def accelerate(report: Report) -> tuple[bool, float]:
    """Whether weights and a fifth fit the nominal memory; no cache is reckoned.

    huggingface/accelerate:src/accelerate/commands/estimate.py@16cb6eb8, and its documentation's "up to 20 %".
    """
    model, gpu = report.model, report.gpu
    assert model is not None
    assert gpu is not None
    return 1.2 * weight_bytes(model, report.demand) <= gpu.nominal_gb * GIB, 0.0
