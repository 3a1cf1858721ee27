"""The Pod Security Standards, as the admission controller applies them to a pod's spec.

Source: kubernetes.io/docs/concepts/security/pod-security-standards; k8s.io/pod-security-admission policy/check_*.go.
Windows, AppArmor, SELinux and sysctls are left out: nothing here sets them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from ..core.plan import Part
from ..kinds.names import CONTROLLERS
from ..kinds.pod import PodTemplate
from ..kinds.workload import controller

Level = Literal["privileged", "baseline", "restricted"]
"""The levels of the Pod Security Standards, weakest first."""
LEVELS: tuple[Level, ...] = ("privileged", "baseline", "restricted")
LABEL_PREFIX = "pod-security.kubernetes.io/"
"""Begins the labels by which a namespace enforces, audits and warns about a level."""
ENFORCE = f"{LABEL_PREFIX}enforce"
"""Label of a namespace: the level below which its pods are refused."""
_BASELINE_CAPABILITIES = frozenset({
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
})  # fmt: skip
_RESTRICTED_VOLUMES = frozenset({
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
})  # fmt: skip
_SECCOMP = ("RuntimeDefault", "Localhost")


def strictest_level(parts: Iterable[Part], namespace: str) -> Level:
    """The strictest level that lets every pod of the namespace start.

    `baseline` when the plan has no pod there: whoever brings pods later would not expect `restricted`.
    """
    reached = [
        level_reached(template)
        for part in parts
        for item in part.items
        if item.is_object and item.kind in CONTROLLERS and item.namespace == namespace
        if (says := controller(item.kind, item.properties)) is not None
        for _, template in says.templates
    ]
    return min(reached, key=LEVELS.index, default="baseline")


def level_reached(pod: PodTemplate) -> Level:
    """The strictest level a pod is admitted at."""
    if next(_below_baseline(pod), None):
        return "privileged"
    return "baseline" if next(_below_restricted(pod), None) else "restricted"


def violations(pod: PodTemplate, level: Level) -> list[str]:
    """Why a namespace that enforces `level` refuses a pod; empty when it admits it."""
    if level == "privileged":
        return []
    found = list(_below_baseline(pod))
    return found + list(_below_restricted(pod)) if level == "restricted" else found


def _below_baseline(pod: PodTemplate) -> Iterator[str]:
    yield from pod.host
    paths = [volume.host_path for volume in pod.volumes if volume.host_path is not None]
    if paths:
        yield f"hostPath volumes ({', '.join(paths)})"
    if pod.security.seccomp == "Unconfined":
        yield "seccomp Unconfined"
    for container in pod.every_container:
        name, security = container.name, container.security
        if security.privileged:
            yield f"container {name} is privileged"
        if added := set(security.added) - _BASELINE_CAPABILITIES:
            yield f"container {name} adds {', '.join(sorted(added))}"
        if security.seccomp == "Unconfined":
            yield f"container {name} has seccomp Unconfined"
        if security.proc_mount != "Default":
            yield f"container {name} sets procMount"
        if ports := [str(port.host) for port in container.ports if port.host]:
            yield f"container {name} uses host port {', '.join(ports)}"


def _below_restricted(pod: PodTemplate) -> Iterator[str]:
    for volume in pod.volumes:
        if kinds := set(volume.sources) - _RESTRICTED_VOLUMES - {"hostPath"}:
            yield f"volume {volume.name} is {', '.join(sorted(kinds))}"
    for container in pod.every_container:
        name, security = container.name, container.security.within(pod.security)
        if security.escalates:
            yield f"container {name} may escalate privileges"
        if "ALL" not in security.dropped or set(security.added) - {"NET_BIND_SERVICE"}:
            yield f"container {name} does not drop ALL capabilities"
        if security.non_root is not True:
            yield f"container {name} is not runAsNonRoot"
        if security.user == 0:
            yield f"container {name} runs as user 0"
        if security.seccomp not in _SECCOMP:
            yield f"container {name} sets no seccomp profile"
