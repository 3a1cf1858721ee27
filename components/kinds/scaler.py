"""What an autoscaler says: how few and how many replicas of what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from . import names
from .lenient import inside, text, whole

_KEDA_FEWEST, _KEDA_MOST = 0, 100
"""KEDA's defaults (kedacore/keda@v2.21.0 apis/keda/v1alpha1/scaledobject_types.go)."""
_HPA_FEWEST = 1
"""Kubernetes' default (autoscaling/v2, HorizontalPodAutoscalerSpec.minReplicas)."""


class Scale(NamedTuple):
    """How many replicas an autoscaler may set, and of what.

    Attributes:
        fewest: fewest replicas, those of an idle ScaledObject among them.
        most: most replicas.
        kind: kind of what is scaled.
        name: its name, in the autoscaler's own namespace; empty where the manifest names nothing.
    """

    fewest: int
    most: int
    kind: str
    name: str


def scale_of(kind: str, manifest: Mapping[str, Any]) -> Scale | None:
    """What an autoscaler says; `None` for any other kind."""
    spec = inside(manifest, "spec")
    target = inside(spec, "scaleTargetRef")
    scaled = text(target.get("kind"), names.DEPLOYMENT), text(target.get("name"))
    match kind:
        case names.HORIZONTAL_POD_AUTOSCALER:
            fewest = whole(spec.get("minReplicas"), _HPA_FEWEST)
            return Scale(fewest, whole(spec.get("maxReplicas"), max(fewest, 1)), *scaled)
        case names.SCALED_OBJECT:
            fewest = whole(spec.get("minReplicaCount"), _KEDA_FEWEST)
            # With no trigger active it goes below the fewest of those it scales between (keda.sh/docs, ScaledObject).
            idle = whole(spec.get("idleReplicaCount"), fewest)
            return Scale(min(fewest, idle), whole(spec.get("maxReplicaCount"), _KEDA_MOST), *scaled)
    return None
