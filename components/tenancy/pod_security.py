"""The strictest Pod Security level that a plan's pods reach, so that a namespace can enforce it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..plan import Part
from .namespace import PodSecurity

_WORKLOADS = ("Deployment", "DaemonSet", "StatefulSet", "Job")


def strictest_level(parts: Iterable[Part], namespace: str) -> PodSecurity:
    """The strictest level that lets every pod of the namespace start; `restricted` when it has none."""
    order: tuple[PodSecurity, ...] = ("privileged", "baseline", "restricted")
    reached = [
        _level(item.properties["spec"]["template"]["spec"])
        for part in parts
        for item in part.items
        if item.is_object and item.kind in _WORKLOADS and item.namespace == namespace
    ]
    return min(reached, key=order.index, default="restricted")


def _level(pod: Mapping[str, Any]) -> PodSecurity:
    """What one pod reaches (kubernetes.io/docs/concepts/security/pod-security-standards).

    Only what our builders vary is looked at: host access, privilege, and whether it runs as root.
    """
    containers = [*pod.get("initContainers", ()), *pod["containers"]]
    contexts = [container.get("securityContext", {}) for container in containers]
    shared = pod.get("securityContext", {})
    on_host = any(pod.get(field) for field in ("hostNetwork", "hostPID", "hostIPC"))
    mounts_host = any("hostPath" in volume for volume in pod.get("volumes", ()))
    if on_host or mounts_host or any(context.get("privileged") for context in contexts):
        return "privileged"
    if any(context.get("capabilities", {}).get("add") for context in contexts):
        return "privileged"
    root = [context.get("runAsUser", shared.get("runAsUser")) == 0 for context in contexts]
    non_root = [context.get("runAsNonRoot", shared.get("runAsNonRoot", False)) for context in contexts]
    return "restricted" if all(non_root) and not any(root) else "baseline"
