"""The Pod Security Standards, as the admission controller applies them to a pod's spec.

Source: kubernetes.io/docs/concepts/security/pod-security-standards; k8s.io/pod-security-admission policy/check_*.go.
Windows, AppArmor, SELinux and sysctls are left out: nothing here sets them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from ..core.manifest import pod_templates
from ..core.plan import Part

Level = Literal["privileged", "baseline", "restricted"]
"""The levels of the Pod Security Standards, weakest first."""
LEVELS: tuple[Level, ...] = ("privileged", "baseline", "restricted")
LABEL_PREFIX = "pod-security.kubernetes.io/"
"""Begins the labels by which a namespace enforces, audits and warns about a level."""
ENFORCE = f"{LABEL_PREFIX}enforce"
"""Label of a namespace: the level below which its pods are refused."""
_WORKLOADS = ("Deployment", "DaemonSet", "StatefulSet", "Job", "LeaderWorkerSet")
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
        level_reached(template["spec"])
        for part in parts
        for item in part.items
        if item.is_object and item.kind in _WORKLOADS and item.namespace == namespace
        for _, template in pod_templates(item.kind, item.properties["spec"])
    ]
    return min(reached, key=LEVELS.index, default="baseline")


def level_reached(spec: Mapping[str, Any]) -> Level:
    """The strictest level a pod is admitted at."""
    if next(_below_baseline(spec), None):
        return "privileged"
    return "baseline" if next(_below_restricted(spec), None) else "restricted"


def violations(spec: Mapping[str, Any], level: Level) -> list[str]:
    """Why a namespace that enforces `level` refuses a pod; empty when it admits it."""
    if level == "privileged":
        return []
    found = list(_below_baseline(spec))
    return found + list(_below_restricted(spec)) if level == "restricted" else found


def containers(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Init containers and containers."""
    yield from spec.get("initContainers", ())
    yield from spec.get("containers", ())


def _below_baseline(spec: Mapping[str, Any]) -> Iterator[str]:
    yield from (field for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field))
    paths = [volume["hostPath"]["path"] for volume in spec.get("volumes", ()) if "hostPath" in volume]
    if paths:
        yield f"hostPath volumes ({', '.join(paths)})"
    if spec.get("securityContext", {}).get("seccompProfile", {}).get("type") == "Unconfined":
        yield "seccomp Unconfined"
    for container in containers(spec):
        name, security = container["name"], container.get("securityContext", {})
        if security.get("privileged"):
            yield f"container {name} is privileged"
        if added := set(security.get("capabilities", {}).get("add", ())) - _BASELINE_CAPABILITIES:
            yield f"container {name} adds {', '.join(sorted(added))}"
        if security.get("seccompProfile", {}).get("type") == "Unconfined":
            yield f"container {name} has seccomp Unconfined"
        if security.get("procMount", "Default") != "Default":
            yield f"container {name} sets procMount"
        if ports := [str(port["hostPort"]) for port in container.get("ports", ()) if port.get("hostPort")]:
            yield f"container {name} uses host port {', '.join(ports)}"


def _below_restricted(spec: Mapping[str, Any]) -> Iterator[str]:
    for volume in spec.get("volumes", ()):
        if kinds := volume.keys() - {"name"} - _RESTRICTED_VOLUMES - {"hostPath"}:
            yield f"volume {volume['name']} is {', '.join(sorted(kinds))}"
    pod = spec.get("securityContext", {})
    for container in containers(spec):
        name, security = container["name"], container.get("securityContext", {})
        if security.get("allowPrivilegeEscalation") is not False:
            yield f"container {name} may escalate privileges"
        capabilities = security.get("capabilities", {})
        if "ALL" not in capabilities.get("drop", ()) or set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"}:
            yield f"container {name} does not drop ALL capabilities"
        if security.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
            yield f"container {name} is not runAsNonRoot"
        if security.get("runAsUser", pod.get("runAsUser")) == 0:
            yield f"container {name} runs as user 0"
        if security.get("seccompProfile", pod.get("seccompProfile", {})).get("type") not in _SECCOMP:
            yield f"container {name} sets no seccomp profile"
