"""Pulumi's entry to the policy pack: `pulumi up --policy-pack policy`. It serves until Pulumi ends it."""

from __future__ import annotations

from pulumi_policy import EnforcementLevel, PolicyPack

from infra.policy.resources import NAME, policies

if __name__ == "__main__":
    PolicyPack(name=NAME, policies=policies(), enforcement_level=EnforcementLevel.MANDATORY)
