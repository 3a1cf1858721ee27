"""What is known of each model's memory and start, as the JSON that travels; older code may have written less of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class ColdStartEntry(TypedDict, total=False):
    """How long a replica takes to start; `None` as the most: nothing bounds it. `unknown` says what is not in it."""

    min_seconds: int
    max_seconds: int | None
    unknown: Sequence[str]


class MemoryEntry(TypedDict, total=False):
    """What a model takes of one kind of GPU: bytes of one GPU, tokens it has room for."""

    model: str
    gpu: str
    pools: Sequence[str]
    gpus: int
    verdict: str
    bytes: int
    capacity: int
    headroom: int
    max_batch_total_tokens: int | None
    max_concurrency: int | None


class FootprintEntry(TypedDict, total=False):
    """One model's, `at` its place in the stack file."""

    at: str
    cold_start: ColdStartEntry
    memory: Sequence[MemoryEntry]
