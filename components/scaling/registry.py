"""Every scaler; a new one is named here and nowhere else."""

from __future__ import annotations

from typing import Annotated

from ..core.config import ByKind
from .hpa import HpaConfig

AutoscalingConfig = Annotated[HpaConfig, ByKind("hpa")]
"""When to add and remove replicas, by the `kind` of what does. Omitted: hpa."""
