"""How an engine holds a model on its GPUs, in what engines differ in."""

from __future__ import annotations

from dataclasses import dataclass

from ..catalog.engine_memory import Version


@dataclass(frozen=True, slots=True)
class Physics:
    """What an engine does with weights and with keys and values. The defaults are what most engines do.

    Attributes:
        page_tokens: tokens of cache that are given out together.
        windows_since: from which version on a layer with a sliding window keeps only that; `None` where it keeps all.
        latent_head: width to which it pads the heads of multi-head latent attention, all of which it then caches; 0
            where it caches the one latent.
        pads_mxfp4: whether MXFP4 experts grow to the round sizes that its kernels want.
        one_gpu: whether a replica has one GPU at most.
        splits_layers: whether groups of layers can be on GPUs of their own (pipeline parallelism).
        repeats_kv_heads: whether shards hold the same head of keys and values where there are more shards than heads.
    """

    page_tokens: int = 1
    windows_since: Version | None = None
    latent_head: int = 0
    pads_mxfp4: bool = False
    one_gpu: bool = False
    splits_layers: bool = True
    repeats_kv_heads: bool = True
