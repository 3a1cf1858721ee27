"""What an environment may grow to: dollars a month, and GPUs the cloud has granted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field

from ..catalog.accelerators import accelerators, meant
from ..core.config import Config, Size
from ..core.errors import Problem

UsdPerMonth = Annotated[float, Field(strict=True, gt=0, le=1_000_000_000, allow_inf_nan=False)]
"""US dollars a month, above 0."""


class BudgetConfig(Config):
    """What the environment may cost."""

    monthly_usd: UsdPerMonth
    """US dollars for a month of 730 hours: an environment that can cost more, with most replicas, is refused."""


class GpuQuota(Config):
    """GPUs of one kind that the project may have in the region, as the cloud has granted them."""

    gpus: Size
    """GPUs on demand and in reservations; Google Cloud calls it NVIDIA_L4_GPUS, for instance."""
    preemptible: Size | None = None
    """GPUs of Spot and flex-start nodes, PREEMPTIBLE_NVIDIA_L4_GPUS. Omitted: none were granted, and such nodes count
    against gpus."""


def quota_problems(quota: Mapping[str, GpuQuota]) -> Iterator[Problem]:
    """The names in a quota that are no GPU of GKE's."""
    for name in quota:
        if name not in accelerators():
            guess = meant(name)
            advice = f"did you mean {guess}?" if guess else f"use one of: {', '.join(accelerators())}"
            yield Problem((name,), f'"{name}" is not a GPU GKE has; {advice}')
