"""The engines a model server can run. A new one is added here and nowhere else."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .custom import CustomEngine
from .sglang import SglangEngine
from .tei import TeiEngine
from .tgi import TgiEngine
from .vllm import VllmEngine

EngineConfig = Annotated[TgiEngine | VllmEngine | SglangEngine | TeiEngine | CustomEngine, Field(discriminator="kind")]
"""One engine, told apart by its `kind`."""
