"""What an engine leaves of one GPU for the cache of keys and values: each engine's own arithmetic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """One GPU's memory in bytes, as its engine divides it.

    Attributes:
        total: what CUDA reports.
        share: what the engine lets itself take.
        weights: weights and adapters.
        activations: the peak of one step.
        overhead: what is taken outside of PyTorch.
        graphs: CUDA graphs.
        cache: what remains for keys and values, and what the engine would make of it; negative when nothing does.
        uncounted: what comes on top of the engine's share: context and graphs it does not count.
        kept_free: what its authors leave free for what comes up under load.
        keeper: whose rule that is, in a reader's words; empty where nothing is kept.
        step_tokens: tokens of one step.
        rows: requests it samples for at once.
    """

    total: float
    share: float
    weights: float
    activations: float
    overhead: float
    graphs: float
    cache: float
    uncounted: float = 0.0
    kept_free: float = 0.0
    keeper: str = ""
    step_tokens: int = 0
    rows: int = 0
