"""The engines whose settings are typed, in the order they are told.

A new one is a folder beside this file, and a line here.
"""

from __future__ import annotations

from .kind import EngineKind
from .sglang.kind import SGLANG
from .tei.kind import TEI
from .tgi.kind import TGI
from .vllm.kind import VLLM

TYPED: tuple[EngineKind, ...] = (TGI, VLLM, SGLANG, TEI)
