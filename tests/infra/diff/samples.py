"""For each rule of components/catalog/replacements.tsv a resource, and the same with the rule's field changed."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from components.catalog.replacements import ReplacementRule
from infra.diff.snapshots.identity import resource_key
from infra.diff.snapshots.snapshot import Resource

API_VERSIONS = {
    "ConfigMap": "v1", "Namespace": "v1", "PersistentVolume": "v1", "PersistentVolumeClaim": "v1", "Secret": "v1",
    "ResourceQuota": "v1", "Service": "v1", "ServiceAccount": "v1",
    "DaemonSet": "apps/v1", "Deployment": "apps/v1", "StatefulSet": "apps/v1",
    "Job": "batch/v1", "CronJob": "batch/v1", "HorizontalPodAutoscaler": "autoscaling/v2",
    "LeaderWorkerSet": "leaderworkerset.x-k8s.io/v1", "ScaledObject": "keda.sh/v1alpha1",
    "StorageClass": "storage.k8s.io/v1", "PriorityClass": "scheduling.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1", "NetworkPolicy": "networking.k8s.io/v1", "Ingress": "networking.k8s.io/v1",
    "Role": "rbac.authorization.k8s.io/v1", "RoleBinding": "rbac.authorization.k8s.io/v1",
    "ClusterRole": "rbac.authorization.k8s.io/v1", "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
    "VirtualService": "networking.istio.io/v1", "DestinationRule": "networking.istio.io/v1",
    "Gateway": "networking.istio.io/v1", "HTTPRoute": "gateway.networking.k8s.io/v1",
    "ComputeClass": "cloud.google.com/v1", "ExternalSecret": "external-secrets.io/v1",
    "SecretProviderClass": "secrets-store.csi.x-k8s.io/v1", "PodMonitor": "monitoring.coreos.com/v1",
    "PodMonitoring": "monitoring.googleapis.com/v1",
}  # fmt: skip
"""Kubernetes kinds of the table, with their API versions."""
_CLOUD = {
    "NodePool": "gcp:container/nodePool:NodePool",
    "Cluster": "gcp:container/cluster:Cluster",
    "Release": "kubernetes:helm.sh/v3:Release",
}
_SELECTORS = ({"matchLabels": {"app": "a"}}, {"matchLabels": {"app": "b"}})
_ROLES = (
    {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "a"},
    {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "b"},
)
_PODS = tuple({"spec": {"containers": [{"name": "a", "image": image}]}} for image in ("a:1", "a:2"))
_VALUES: dict[str, tuple[Any, ...]] = {
    "spec.selector": _SELECTORS,
    "roleRef": _ROLES,
    "spec.template": _PODS,
    "spec.volumeClaimTemplates": ([{"metadata": {"name": "a"}}], [{"metadata": {"name": "b"}}]),
    "spec.accessModes": (["ReadWriteOnce"], ["ReadWriteMany"]),
    "spec.scopes": (["NotTerminating"], ["Terminating"]),
    "spec.resources": ({"requests": {"storage": "1Gi"}}, {"requests": {"storage": "2Gi"}}),
    "immutable": (True, False),
    "parameters": ({"type": "pd-ssd"}, {"type": "pd-balanced"}),
    "data": ({"a": "MQ=="}, {"a": "Mg=="}),
    "binaryData": ({"a": "MQ=="}, {"a": "Mg=="}),
    "stringData": ({"a": "1"}, {"a": "2"}),
    "metadata.labels": ({"a": "1"}, {"a": "2"}),
    "metadata.annotations": ({"a": "1"}, {"a": "2"}),
    **{
        f"spec.{source}": tuple(
            dict.fromkeys(("path", "driver", "pdName", "targetPortal", "fsType"), end) for end in "ab"
        )
        for source in ("csi", "nfs", "hostPath", "gcePersistentDisk", "local", "iscsi", "fc")
    },
}
_WHOLE = frozenset({"", "+", "-"})
_FIELDS: dict[str, tuple[str, Any, Any]] = {
    "CronJob": ("spec.schedule", "0 1 * * *", "0 2 * * *"),
    "HorizontalPodAutoscaler": ("spec.maxReplicas", 2, 3),
    "Ingress": ("spec.ingressClassName", "a", "b"),
    "NetworkPolicy": ("spec.policyTypes", ["Ingress"], ["Egress"]),
    "PodDisruptionBudget": ("spec.maxUnavailable", 1, 2),
    "Service": ("spec.sessionAffinity", "ClientIP", "None"),
    "ServiceAccount": ("automountServiceAccountToken", True, False),
    "Deployment": ("spec.minReadySeconds", 1, 2),
}
"""A real field for rules about all others of a kind: the provider leaves out what a kind does not have."""
_CLUSTER_SCOPED = frozenset({
    "PersistentVolume", "StorageClass", "PriorityClass", "Namespace", "ClusterRole", "ClusterRoleBinding",
    "ComputeClass",
})  # fmt: skip


def changed(rule: ReplacementRule) -> tuple[Resource, Resource]:
    """A resource of the rule's kind, before and after its field changed."""
    kind = "Deployment" if rule.kind == "*" else rule.kind
    field = "spec.something" if rule.field in _WHOLE else rule.field
    before, after = _VALUES.get(field, ({"a": "1"}, {"a": "2"}) if field == "spec" else ("1", "2"))
    if kind in _FIELDS and rule.field in (*_WHOLE, "spec"):
        field, before, after = _FIELDS[kind]
    if kind == "Service" and field == "spec.selector":
        before, after = {"app": "a"}, {"app": "b"}
    return tuple(_resource(kind, field, value) for value in (before, after))  # type: ignore[return-value]


def _resource(kind: str, field: str, value: Any) -> Resource:
    token = _CLOUD.get(kind)
    properties: dict[str, Any] = {"name": "any"}
    if token is None:
        version = API_VERSIONS[kind]
        token = f"kubernetes:{version if '/' in version else f'core/{version}'}:{kind}"
        named = {"name": "any"} if kind in _CLUSTER_SCOPED else {"name": "any", "namespace": "n"}
        properties = {"apiVersion": version, "kind": kind, "metadata": named}
    inside = properties
    *above, last = field.split(".")
    for name in above:
        inside = inside.setdefault(name, {})
    inside[last] = deepcopy(value)
    return Resource(
        resource_key(token, "n", "any"), token, kind, "n", "any", "ModelServer/any", ("models", "any"), "", properties
    )
