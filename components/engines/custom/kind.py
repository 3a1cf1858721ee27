"""Any other server, as the registry has it."""

from __future__ import annotations

from ..kind import EngineKind
from .config import CustomEngine

_NOT_THERE = (
    "memory",
    "words",
    "fp8_cache",
    "gpu_flags",
    "drain_flags",
    "flags.tsv",
    "hardening.tsv",
    "image_sizes.tsv",
    "image_tools.tsv",
    "images.tsv",
    "memory.tsv",
    "metrics.tsv",
    "mistakes.tsv",
    "quantization.tsv",
    "releases.tsv",
    "routes.tsv",
    "settings.tsv",
    "start_steps.tsv",
    "step_defaults.tsv",
    "words.tsv",
)

CUSTOM = EngineKind(
    kind="custom", title="custom", config=CustomEngine, absent=dict.fromkeys(_NOT_THERE, "nobody knows what is in it")
)
