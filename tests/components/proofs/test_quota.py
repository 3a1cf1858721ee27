"""Quotas that are less than what the plan always has in their namespace."""

from __future__ import annotations

from typing import Any

import pytest

from components.core.plan import Plan
from components.proofs.finding import Finding
from components.tenancy.namespace import NamespaceConfig, QuotaConfig, namespace

from .plans import added, findings, serving, sound

_SCALED = {"min": 2, "max": 9, "cpu_percent": 80}


def _found(quota: dict[str, Any], *more: Any) -> list[Finding]:
    config = NamespaceConfig(pod_security="baseline", quota=QuotaConfig(**quota))
    space = namespace("team", config, path=("namespaces", "team"))
    plan: Plan = added(sound(), space, *more)
    return findings(plan, "quota-too-small")


@pytest.mark.parametrize(("quota", "count"), [({"gpus": 3}, 0), ({"gpus": 2}, 1), ({"pods": 3}, 0), ({"pods": 2}, 1)])
def test_all_pods_that_there_always_are_count_together(quota: dict[str, int], count: int) -> None:
    models = (serving("one", namespace="team"), serving("two", namespace="team", autoscaling=_SCALED))
    assert len(_found(quota, *models)) == count


def test_pods_of_other_namespaces_do_not_count() -> None:
    assert _found({"gpus": 0}, serving("one", namespace="inference")) == []


def test_claims_that_are_made_for_each_pod_count_as_often_as_there_are_pods() -> None:
    disks = serving("one", namespace="team", replicas=3, cache={"kind": "replica-disk", "size": "10Gi"})
    assert _found({"storage": "30Gi"}, disks) == []
    (finding,) = _found({"storage": "29Gi"}, disks)
    assert finding.path == ("namespaces", "team", "quota", "storage")
    assert "they ask for 30 GiB storage in all (one 30 GiB storage)" in finding.message


def test_a_quota_is_held_to_the_last_thousandth() -> None:
    model = serving("one", namespace="team", resources={"cpu": "1500m", "memory": "4Gi"})
    assert _found({"cpu": "1.5", "memory": "4Gi"}, model) == []
    assert [finding.path[-1] for finding in _found({"cpu": "1.499", "memory": "4095Mi"}, model)] == ["cpu", "memory"]
