"""Autoscalers of every kind say the same to everybody who reads them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.manifest import object_item
from components.core.plan import Part, Plan
from components.kinds.names import CONTROLLERS, SCALERS, SERVERS
from components.kinds.scaler import Scale, scale_of
from components.reading.index import Index
from components.scaling.hpa import HpaConfig
from components.scaling.scaler import ScaleTarget
from infra.diff.snapshots.from_plan import resources_of
from infra.diff.snapshots.snapshot import Snapshot
from infra.diff.telling.pods import IntRange, Pods

TARGET = {"kind": "StatefulSet", "name": "a"}
HPA, KEDA = SCALERS


@pytest.mark.parametrize(
    ("kind", "spec", "scale"),
    [
        (HPA, {"minReplicas": 2, "maxReplicas": 5, "scaleTargetRef": TARGET}, Scale(2, 5, "StatefulSet", "a")),
        (HPA, {"maxReplicas": 5, "scaleTargetRef": TARGET}, Scale(1, 5, "StatefulSet", "a")),
        (HPA, {"minReplicas": 0, "maxReplicas": 5, "scaleTargetRef": TARGET}, Scale(0, 5, "StatefulSet", "a")),
        (HPA, {"minReplicas": 3, "scaleTargetRef": TARGET}, Scale(3, 3, "StatefulSet", "a")),
        (KEDA, {"minReplicaCount": 2, "maxReplicaCount": 5, "scaleTargetRef": TARGET}, Scale(2, 5, "StatefulSet", "a")),
        (KEDA, {"scaleTargetRef": {"name": "a"}}, Scale(0, 100, "Deployment", "a")),
        (KEDA, {"minReplicaCount": 2, "idleReplicaCount": 0}, Scale(0, 100, "Deployment", "")),
        (KEDA, {"minReplicaCount": "2", "maxReplicaCount": None}, Scale(0, 100, "Deployment", "")),
        (HPA, {"minReplicas": True, "maxReplicas": [], "scaleTargetRef": "a"}, Scale(1, 1, "Deployment", "")),
        (HPA, None, Scale(1, 1, "Deployment", "")),
    ],
)  # fmt: skip
def test_what_an_autoscaler_says_is_its_bounds_and_its_target(kind: str, spec: Any, scale: Scale) -> None:
    assert scale_of(kind, {"spec": spec}) == scale


@pytest.mark.parametrize("kind", ["Service", "", *CONTROLLERS])
def test_nothing_else_is_an_autoscaler(kind: str) -> None:
    assert scale_of(kind, {"spec": {"minReplicas": 1}}) is None


@given(st.integers(1, 50), st.integers(0, 50), st.sampled_from(SERVERS))
def test_an_autoscaler_of_ours_is_read_as_it_was_told(fewest: int, more: int, kind: str) -> None:
    config = HpaConfig(min=fewest, max=fewest + more, cpu_percent=50)
    (item,) = config.items(ScaleTarget("a", "b", "c", kind=kind))
    assert scale_of(item.kind, item.properties) == Scale(fewest, fewest + more, kind, "a")


def scaler_item(kind: str, fewest: int, most: int) -> dict[str, Any]:
    if kind == HPA:
        api, bounds = "autoscaling/v2", {"minReplicas": fewest, "maxReplicas": most}
    else:
        api, bounds = "keda.sh/v1alpha1", {"minReplicaCount": fewest, "maxReplicaCount": most}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}
    metadata = {"name": "a", "namespace": "b"}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": {"scaleTargetRef": target, **bounds}}


@pytest.mark.parametrize("kind", SCALERS)
def test_every_reader_sees_the_same_bounds(kind: str) -> None:
    container = {"name": "server", "image": "server:1", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [container]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "b"},
        "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": template},
    }
    items = (object_item("deployment", "a", deployment), object_item("scaler", "a", scaler_item(kind, 0, 8)))
    plan = Plan("test", (Part("ModelServer", "a", items, path=("models", "a")),))

    (pod,) = Index(plan).workloads
    snapshot = Snapshot("test", tuple(resources_of(plan)))
    resource = next(one for one in snapshot.resources if one.kind == "Deployment")

    assert (pod.least, pod.most) == (0, 8)
    assert Pods(snapshot).replicas(resource) == IntRange(0, 8)
