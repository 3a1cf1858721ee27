"""The engines a model server can run. A new one is added here and nowhere else."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .custom.config import CustomEngine
from .sglang.config import SglangEngine
from .tei.config import TeiEngine
from .tgi.config import TgiEngine
from .vllm.config import VllmEngine

EngineConfig = Annotated[TgiEngine | VllmEngine | SglangEngine | TeiEngine | CustomEngine, Field(discriminator="kind")]
"""One engine, told apart by its `kind`."""
