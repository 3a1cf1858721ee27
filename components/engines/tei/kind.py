"""Text Embeddings Inference, as the registry has it."""

from __future__ import annotations

from ..kind import EngineKind, MemoryModel
from .config import TeiEngine
from .memory import PHYSICS, budget

_GENERATES = "it embeds text, and generates none"

TEI = EngineKind(
    kind="tei",
    title="TEI",
    config=TeiEngine,
    lists_every_flag=True,
    memory=MemoryModel(budget, PHYSICS),
    absent={
        "words": "it has one GPU, no quantization and no cache: no setting is a remedy",
        "gpu_flags": "it has one GPU",
        "drain_flags": "it finishes all requests, without a limit",
        "fp8_cache": "it caches no keys and values",
        "settings.tsv": _GENERATES,
        "words.tsv": _GENERATES,
        "routes.tsv": _GENERATES,
        "quantization.tsv": "it has none",
        "memory.tsv": "its arithmetic has one number, in memory.py",
        "step_defaults.tsv": "its arithmetic has one number, in memory.py",
        "releases.tsv": "no report of it gives a date instead of a version",
        "start_steps.tsv": "nobody published how long its warm-up takes",
        "hardening.tsv": "its image needs nothing that a hardened pod lacks",
        "image_sizes.tsv": "nobody published how large its images are",
    },
)
