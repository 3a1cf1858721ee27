"""What a team demands of an environment, and what it accepts for a while."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from components.core.config import Config, DnsLabel
from components.core.errors import MisfitError, Problem
from components.cost.ceilings import BudgetConfig, GpuQuota, quota_problems


class Waiver(Config):
    """A finding the team accepts for a while."""

    rule: DnsLabel
    """The rule's id, as `infra check` prints it in brackets."""
    at: str | None = None
    """Where, such as models.llama; findings below it count. Omitted: everywhere."""
    reason: Annotated[str, Field(min_length=10, max_length=500)]
    """Why it is acceptable, for the reviewer."""
    until: str
    """Last day it holds, YYYY-MM-DD, in quotes: Pulumi turns a bare date into a time stamp."""

    @field_validator("until")
    @classmethod
    def _is_a_day(cls, value: str) -> str:
        try:
            date.fromisoformat(value)
        except ValueError:
            raise MisfitError(f'got "{value}"; must be a day of the calendar, such as "2027-01-31"') from None
        return value


class PolicyConfig(Config):
    """What the team demands and accepts."""

    waive: tuple[Waiver, ...] = ()
    """Findings accepted for a while. Omitted: none."""
    budget: BudgetConfig | None = None
    """What the environment may cost. Omitted: nothing is held against what it costs."""
    gpu_quota: dict[str, GpuQuota] = Field(default_factory=dict)
    """GPUs the project may have in the cluster's region, by GKE's name of the GPU: nvidia-l4. Omitted: not checked; so
    are GPUs that are not named."""

    @model_validator(mode="after")
    def _known_gpus(self) -> Self:
        problems = quota_problems(self.gpu_quota)
        MisfitError.raise_all([Problem(("gpu_quota", *problem.path), problem.message) for problem in problems])
        return self
