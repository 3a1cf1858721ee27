"""The section `policy`: what the team demands and accepts; none of it is deployed."""

from __future__ import annotations

from components.core.plan import Limits

from ..environment import Environment
from .section import Section


def limits(environment: Environment) -> Limits:
    """What the team says of the environment's size and use."""
    policy = environment.policy
    return Limits(
        monthly_usd=policy.budget.monthly_usd if policy.budget else None,
        gpu_quota={name: (quota.gpus, quota.preemptible) for name, quota in policy.gpu_quota.items()},
        usage={name: model.usage.stated() for name, model in environment.models.items() if model.usage},
    )


POLICY = Section("policy")
