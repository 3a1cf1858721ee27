"""How much a model is used, which only its team knows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..core.config import Config
from ..core.errors import MisfitError
from ..core.plan import Usage

HoursPerDay = Annotated[float, Field(strict=True, ge=0, le=24, allow_inf_nan=False)]
"""Hours of a day, 0 to 24."""
Replicas = Annotated[float, Field(strict=True, ge=0, le=1_000_000, allow_inf_nan=False)]
"""A mean number of replicas, whole or not."""
TokensPerSecond = Annotated[float, Field(strict=True, gt=0, le=10_000_000, allow_inf_nan=False)]
"""Tokens in a second, above 0."""


class UsageConfig(Config):
    """How much a model is used, for `infra cost`. Nothing of it is deployed."""

    hours_per_day: HoursPerDay = 24.0
    """Hours of a day on which it is used; on the others it has its fewest replicas. Omitted: 24."""
    average_replicas: Replicas | None = None
    """Mean number of replicas while it is used, all versions of a rollout together, from the fewest to the most that
    they can have. Omitted: the most."""
    tokens_per_second: TokensPerSecond | None = None
    """Tokens one replica handles in a second of use, prompts and answers together, as measured. Omitted: the cost of a
    million tokens is not told."""

    def refuse_beyond(self, least: int, most: int) -> None:
        """Refuse an average that a model with so many replicas cannot have.

        Args:
            least: the fewest replicas of all its versions.
            most: the most of them.

        Raises:
            MisfitError: when the average is below or above that.
        """
        average = self.average_replicas
        if average is None or least <= average <= most:
            return
        if least == most:
            has = f"always has {most:,} replica{'' if most == 1 else 's'}"
            fix = "drop it, or add autoscaling"
        else:
            nearest = least if average < least else most
            has, fix = f"has {least:,} to {most:,} replicas", f"use {nearest:,}, or change autoscaling"
        raise MisfitError(f"got {average:g}; the model {has}: {fix}", at=("usage", "average_replicas"))

    def stated(self) -> Usage:
        """The same as the plan has it."""
        return Usage(self.hours_per_day, self.average_replicas, self.tokens_per_second)
