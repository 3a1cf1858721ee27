"""How pods reach node pools: selectors, affinity and tolerations, as a fragment of a pod's spec."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..core.plan import Taint
from .node_pool import ACCELERATOR_LABEL, COMPUTE_CLASS_LABEL, NODE_POOL_LABEL, GpuNodePoolConfig, pool_name
from .node_shape import node_taints, provisioning_labels, sharing_labels

TOP_WEIGHT = 100
"""The highest weight of a preference (Kubernetes API, PreferredSchedulingTerm); the lowest is 1."""


def placement(
    pools: Mapping[str, GpuNodePoolConfig],
    *,
    compute_class: str | None = None,
    autopilot: bool = False,
    on_gke: bool = True,
    gpus: int,
) -> dict[str, Any]:
    """What a pod's spec needs to run on these pools.

    The scheduler prefers earlier pools among the nodes that are there. The cluster autoscaler does not look at
    preferences when it adds a node: where the order must also hold for new nodes, use a compute class.

    Args:
        pools: the pools a pod may run on by name, most wanted first.
        compute_class: name of the ComputeClass that chooses among them instead.
        autopilot: whether the cluster is Autopilot, where no pools exist: their settings say what nodes to create.
        on_gke: whether GKE runs the nodes; elsewhere a pool is found by the labels it declares.
        gpus: GPUs the pod asks for.

    Returns:
        `nodeSelector`, `affinity` and `tolerations`, those that are needed.
    """
    configs = tuple(pools.values())
    if autopilot and compute_class is None:
        # GKE adds the tolerations itself there, and reads others as a wish for separate nodes.
        return _one_of([_autopilot_labels(config, gpus) for config in configs])
    taints = [taint for config in configs for taint in node_taints(config)]
    if not on_gke:
        return {**_one_of([config.labels for config in configs]), **_tolerations(taints)}
    if compute_class is not None:
        bound = Taint(COMPUTE_CLASS_LABEL, compute_class, "NoSchedule")
        return {"nodeSelector": {COMPUTE_CLASS_LABEL: compute_class}, **_tolerations([bound, *taints])}
    names = [pool_name(name) for name in pools]
    accelerators = {config.accelerator for config in configs}
    shared = accelerators.pop() if len(accelerators) == 1 else None
    selector = {ACCELERATOR_LABEL: shared} if shared else {}
    if len(names) == 1:
        return {"nodeSelector": {**selector, NODE_POOL_LABEL: names[0]}, **_tolerations(taints)}
    terms = [{NODE_POOL_LABEL: name} for name in names]
    required = [_term({NODE_POOL_LABEL: names})] if names else []
    return {**({"nodeSelector": selector} if selector else {}), **_affinity(required, terms), **_tolerations(taints)}


def _one_of(alternatives: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Select what all alternatives share, require one of them, and prefer them in order."""
    shared = dict(sorted(set.intersection(*(set(labels.items()) for labels in alternatives))))
    rest = [{key: value for key, value in labels.items() if key not in shared} for labels in alternatives]
    # Autopilot's plain on-demand nodes have no label of their own: with them among the choices, nothing is required.
    required = [_term({key: [value] for key, value in labels.items()}) for labels in rest] if all(rest) else []
    selector = {"nodeSelector": shared} if shared else {}
    return {**selector, **(_affinity(required, rest) if any(rest) else {})}


def _autopilot_labels(config: GpuNodePoolConfig, gpus: int) -> dict[str, str]:
    labels = provisioning_labels(config) | sharing_labels(config)
    if config.accelerator and gpus:
        labels |= {ACCELERATOR_LABEL: config.accelerator, "cloud.google.com/gke-accelerator-count": str(gpus)}
    return labels


def _affinity(required: Sequence[dict[str, Any]], wanted: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    step = (TOP_WEIGHT - 1) // max(len(wanted), 1)
    preferred = [
        {"weight": TOP_WEIGHT - place * step, "preference": _term({key: [value] for key, value in labels.items()})}
        for place, labels in enumerate(wanted)
        if labels
    ]
    affinity: dict[str, Any] = {}
    if required:
        affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": list(required)}
    if preferred:
        affinity["preferredDuringSchedulingIgnoredDuringExecution"] = preferred
    return {"affinity": {"nodeAffinity": affinity}} if affinity else {}


def _term(labels: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    expressions = [{"key": key, "operator": "In", "values": list(values)} for key, values in labels.items()]
    return {"matchExpressions": expressions}


def _tolerations(taints: Iterable[Taint]) -> dict[str, Any]:
    tolerations = [
        {"key": taint.key, "operator": "Equal", "value": taint.value, "effect": taint.effect}
        for taint in dict.fromkeys(taints)
    ]
    return {"tolerations": tolerations} if tolerations else {}
