"""Live clusters and other people's trees contain anything: no reader stops at it, and none makes sense of nonsense."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.manifest import object_token
from components.core.plan import GPU, Item, NodeShape, Part, Plan, Taint
from components.kinds import names
from components.kinds.compute_class import node_choices
from components.kinds.contents import bound_accounts, files_of, secret_values
from components.kinds.metadata import annotations_of, group_of, labels_of
from components.kinds.pod import pod_template
from components.kinds.policy import disruption_budget, network_rules, quota
from components.kinds.route import outside_hosts, route_of, subsets_of
from components.kinds.scaler import scale_of
from components.kinds.service import service
from components.kinds.volume import claim_of, persistent_volume, storage_class
from components.kinds.workload import controller
from components.proofs.rules import prove
from components.reading.index import Index
from infra.diff.environment_diff import diff
from infra.diff.snapshots.from_plan import resources_of
from infra.diff.snapshots.snapshot import Snapshot

FIELDS = (
    "metadata", "spec", "template", "labels", "annotations", "containers", "initContainers", "name", "image", "command",
    "args", "env", "value", "ports", "containerPort", "hostPort", "resources", "limits", "requests", "cpu", "memory",
    "storage", "securityContext", "capabilities", "add", "drop", "seccompProfile", "type", "runAsUser", "startupProbe",
    "periodSeconds", "lifecycle", "preStop", "sleep", "exec", "volumes", "persistentVolumeClaim", "claimName",
    "ephemeral", "volumeClaimTemplate", "hostPath", "path", "csi", "driver", "configMap", "secret", "secretName",
    "nodeSelector", "affinity", "nodeAffinity", "podAffinity", "requiredDuringSchedulingIgnoredDuringExecution",
    "nodeSelectorTerms", "matchExpressions", "matchLabels", "key", "operator", "values", "tolerations", "effect",
    "topologyKey", "overhead", "replicas", "parallelism", "jobTemplate", "leaderWorkerTemplate", "leaderTemplate",
    "workerTemplate", "size", "strategy", "rollingUpdate", "maxSurge", "maxUnavailable", "minAvailable", "selector",
    "volumeClaimTemplates", "scaleTargetRef", "kind", "minReplicas", "maxReplicas", "minReplicaCount", "hosts",
    "gateways", "http", "tcp", "route", "mirror", "mirrors", "destination", "host", "subset", "subsets", "port",
    "number", "weight", "match", "timeout", "timeouts", "request", "rules", "backendRefs", "parentRefs", "hostnames",
    "matches", "filters", "requestMirror", "backendRef", "data", "stringData", "subjects", "priorities", "parameters",
    "allowedTopologies", "matchLabelExpressions", "accessModes", "storageClassName", "volumeName", "podSelector",
    "policyTypes", "hard", "targetPort", "apiVersion", "terminationGracePeriodSeconds", "progressDeadlineSeconds", GPU,
)  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 10**6)
    | st.floats(allow_nan=True)
    | st.sampled_from(
        ["", "a", "1Gi", "25%", "sleep 5", "In", "Exists", "Gt", "Unconfined", "1e400", "\u0661", "-p", "9s"]
    )
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=40,
)
manifests = st.dictionaries(st.sampled_from(FIELDS), trees, max_size=6)
KINDS = (
    *names.CONTROLLERS, *names.SCALERS, *names.ROUTES, "Service", "DestinationRule", "ServiceEntry", "ConfigMap",
    "Secret", "PersistentVolumeClaim", "PersistentVolume", "StorageClass", "PodDisruptionBudget", "NetworkPolicy",
    "ResourceQuota", "RoleBinding", "ComputeClass", "Namespace",
)  # fmt: skip
NODE = NodeShape(
    pool="a",
    labels={"a": "1"},
    taints=(Taint("a", "b", "NoSchedule"),),
    allocatable={"cpu": 8.0, "memory": 2.0**34, GPU: 1.0},
    zones=("us-central1-a",),
    min_nodes=0,
    max_nodes=2,
    provisioning="spot",
    notice_seconds=15,
)


@given(manifests)
def test_every_family_reads_anything(manifest: dict[str, Any]) -> None:
    for kind in KINDS:
        says = controller(kind, manifest)
        for _, template in says.templates if says else ():
            for container in template.every_container:
                assert isinstance(container.sleep_seconds + container.gpus, int)
                assert container.env is not None
                assert container.probes is not None
                assert container.startup is None or isinstance(container.startup.budget_seconds, int)
        scale_of(kind, manifest)
        route_of(kind, manifest, "default")
    for read in (
        annotations_of, claim_of, disruption_budget, files_of, group_of, labels_of, network_rules, node_choices,
        outside_hosts, persistent_volume, pod_template, quota, service, storage_class,
    ):  # fmt: skip
        read(manifest)
    subsets_of(manifest, "default")
    assert list(secret_values(manifest)) is not None
    assert list(bound_accounts(manifest, "default")) is not None


def nested(kind: str, spec: Any) -> dict[str, Any]:
    """A manifest whose oddities are where readers look."""
    template = {"spec": spec, "metadata": spec}
    places = {
        "CronJob": {"jobTemplate": {"spec": {"template": template}}},
        "LeaderWorkerSet": {"leaderWorkerTemplate": {"size": 2, "workerTemplate": template}},
    }
    inner = places.get(kind, {"template": template} if kind in names.CONTROLLERS else spec)
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "a", "namespace": "b"}, "spec": inner}


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(KINDS), trees), min_size=1, max_size=4), trees)
def test_proofs_and_diffs_of_anything_end(objects: list[tuple[str, Any]], changed: Any) -> None:
    def plan(trees: list[tuple[str, Any]]) -> Plan:
        items = tuple(
            Item(f"{number}", object_token("v1", kind), f"a-{number}", nested(kind, spec))
            for number, (kind, spec) in enumerate(trees)
        )
        return Plan("test", (Part("Other", "a", items),), nodes=(NODE,))

    before, after = plan(objects), plan([(kind, changed) for kind, _ in objects])
    for one in (before, after):
        assert prove(one, Index(one)) is not None
    base, head = (Snapshot("test", tuple(resources_of(one)), nodes=one.nodes) for one in (before, after))
    assert diff(base, head).environment == "test"
