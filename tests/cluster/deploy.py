"""Objects into the cluster in a plan's order, as `pulumi up` does, and out of it again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from components.core.plan import Plan
from components.kinds.workload import templates_in
from components.reading.index import Index
from components.reading.workload import Workload

from .api import Answer, Api, ApiError, Manifest, until
from .environments import Loaded, manifest, manifests
from .nodes import add_nodes, all_nodes, node_manifests

_SKIP_AWAIT = "pulumi.com/skipAwait"
_KEPT = ("default", "kube-system", "kube-public", "kube-node-lease")
_CLUSTER_KINDS = (
    ("v1", "Node"),
    ("v1", "PersistentVolume"),
    ("storage.k8s.io/v1", "StorageClass"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("scheduling.k8s.io/v1", "PriorityClass"),
    ("cloud.google.com/v1", "ComputeClass"),
)
KEEP = "tests.inference/keep"
"""Label of namespaces that plans share; a namespace takes seconds to go, so these stay and are emptied."""
_OURS = {"labelSelector": "app.kubernetes.io/managed-by=inference"}


def surroundings(api: Api, plan: Plan) -> None:
    """What a plan finds in the cluster and does not make as an object: the namespaces of charts and of gateways."""
    made = {(item.kind, item.namespace, item.object_name) for _, item in plan.objects()}
    spaces = {str(item.properties["namespace"]) for _, item in plan.items() if item.is_chart}
    spaces |= {item.namespace for _, item in plan.objects() if item.namespace}
    for space in sorted(spaces - set(_KEPT)):
        if ("Namespace", "", space) not in made:
            labels = {KEEP: "true"}
            api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space, "labels": labels}})


def nodes_of(api: Api, loaded: Loaded) -> None:
    """Every node the plan's pools can grow to, and those of the system pool."""
    add_nodes(api, [node for shape in all_nodes(loaded) for node in node_manifests(shape)])


def apply_object(api: Api, plan: Plan, wanted: Manifest) -> Answer:
    """Apply one object of a plan.

    With a namespace come the claims in it that the plan only uses, and with a LeaderWorkerSet, whose controller is not
    here, what makes its pods instead.
    """
    answer = api.apply(wanted)
    for controller in stand_ins(wanted):
        api.apply(controller)
    if wanted["kind"] == "Namespace":
        for claim in _existing_claims(plan, wanted["metadata"]["name"]):
            api.apply(claim)
    return answer


def stand_ins(wanted: Manifest) -> list[dict[str, Any]]:
    """A Deployment for each template of a LeaderWorkerSet, with as many pods as its groups have; none for others."""
    if wanted["kind"] != "LeaderWorkerSet":
        return []
    metadata, spec = wanted["metadata"], wanted["spec"]
    found: list[dict[str, Any]] = []
    for role, template in templates_in(wanted["kind"], spec):
        pods = 1 if role == "leader" else spec["leaderWorkerTemplate"]["size"] - 1
        labels = {name: template["metadata"]["labels"][name] for name in (*metadata["labels"], "inference/role")}
        found.append(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": f"{metadata['name']}-{role}", "namespace": metadata["namespace"]},
                "spec": {
                    "replicas": spec.get("replicas", 1) * pods,
                    "selector": {"matchLabels": labels},
                    "template": template,
                },
            }
        )
    return found


def maker(pod: Workload) -> dict[str, Any]:
    """The object that makes a workload's pods in this cluster."""
    made = stand_ins(manifest(pod.item))
    return next((each for each in made if each["metadata"]["name"].endswith(f"-{pod.role}")), manifest(pod.item))


def _existing_claims(plan: Plan, namespace: str) -> Iterator[dict[str, Any]]:
    made = {item.object_name for _, item in plan.objects("PersistentVolumeClaim") if item.namespace == namespace}
    for pod in Index(plan).in_namespace(namespace):
        for volume in pod.template.volumes:
            name = volume.claim
            if name and name not in made:
                yield {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "metadata": {"name": name, "namespace": namespace},
                    "spec": {
                        "accessModes": ["ReadWriteMany", "ReadOnlyMany"],
                        "storageClassName": "standard-rwx",
                        "resources": {"requests": {"storage": "1Ti"}},
                    },
                }


def apply_plan(api: Api, plan: Plan, *, wait: bool = False, writes: int | None = None) -> list[str]:
    """Apply every object that the server knows, in the plan's order, and say which of them that changed.

    Args:
        api: the server.
        plan: what to apply.
        wait: whether to wait for each object as Pulumi does before the next is written.
        writes: stop after so many changes, as a deployment that was interrupted; `None` for all of them.

    Raises:
        ApiError: when the server refuses one.
    """
    surroundings(api, plan)
    changed: list[str] = []
    for item, wanted in manifests(plan):
        if len(changed) == writes:
            break
        if not api.serves(wanted["apiVersion"], wanted["kind"]):
            continue
        before = api.find(wanted)
        written = apply_object(api, plan, wanted).object
        changed += [f"{item.kind}/{item.object_name}"] if is_changed(before, written) else []
        if wait:
            await_ready(api, written)
    return changed


def is_changed(before: dict[str, Any] | None, after: dict[str, Any]) -> bool:
    """Whether a write changed what its writer decides; what controllers report meanwhile does not count."""
    return before is None or _decided(before) != _decided(after)


def _decided(written: dict[str, Any]) -> dict[str, Any]:
    noise = ("resourceVersion", "managedFields")
    metadata = {key: value for key, value in written["metadata"].items() if key not in noise}
    notes = metadata.get("annotations", {})
    metadata["annotations"] = {k: v for k, v in notes.items() if k != "deployment.kubernetes.io/revision"}
    return {**{key: value for key, value in written.items() if key != "status"}, "metadata": metadata}


def await_ready(api: Api, written: dict[str, Any], seconds: float = 120) -> None:
    """Wait as Pulumi does: for a Deployment's pods, a Job's completion, and a Service's endpoints."""
    if written["metadata"].get("annotations", {}).get(_SKIP_AWAIT) == "true":
        return
    for controller in stand_ins(written):
        await_rollout(api, controller, seconds)
    if written["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
        await_rollout(api, written, seconds)
    elif written["kind"] == "Job":
        until(f"completion of {written['metadata']['name']}", lambda: is_complete(api.find(written)), seconds)
    elif written["kind"] == "Service" and written["spec"].get("selector"):
        until(f"ready endpoint of {written['metadata']['name']}", lambda: ready_endpoints(api, written), seconds)


def await_rollout(api: Api, controller: Manifest, seconds: float = 120) -> None:
    """Wait until a controller's pods are all there, of its newest version, and ready."""
    what = f"rollout of {controller['kind']} {controller['metadata']['name']}"
    until(what, lambda: is_rolled_out(api.find(controller)), seconds)


def is_rolled_out(controller: dict[str, Any] | None) -> bool:
    """What `kubectl rollout status` waits for (k8s.io/kubectl pkg/polymorphichelpers/rollout_status.go)."""
    if controller is None:
        return False
    status, spec = controller.get("status", {}), controller["spec"]
    if status.get("observedGeneration", 0) < controller["metadata"]["generation"]:
        return False
    if controller["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        return bool(status.get("updatedNumberScheduled", 0) == wanted == status.get("numberAvailable", 0))
    wanted = spec.get("replicas", 1)
    counts = {status.get(field, 0) for field in ("updatedReplicas", "replicas", "availableReplicas")}
    return counts == {wanted}


def is_complete(job: dict[str, Any] | None) -> bool:
    """What `kubectl wait --for=condition=complete` waits for."""
    conditions = (job or {}).get("status", {}).get("conditions", ())
    return any(entry["type"] == "Complete" and entry["status"] == "True" for entry in conditions)


def ready_endpoints(api: Api, service: dict[str, Any]) -> set[str]:
    """The names of the pods that a Service leads to."""
    metadata = service["metadata"]
    slices = api.list(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        metadata["namespace"],
        labelSelector=f"kubernetes.io/service-name={metadata['name']}",
    )
    return {
        endpoint["targetRef"]["name"]
        for found in slices
        for endpoint in found.get("endpoints") or ()
        if endpoint["conditions"].get("ready")
    }


def wipe(api: Api) -> None:
    """Take everything out of the cluster that a plan or `nodes_of` put into it."""
    passing = _passing(api)
    names = [space["metadata"]["name"] for space in passing]
    for name in names:
        # Controllers first, or they would make new pods; no grace, which a namespace's end would wait for.
        for kind in ("Deployment", "DaemonSet", "StatefulSet", "ReplicaSet"):
            api.delete_all("apps/v1", kind, name)
        api.delete_all("v1", "Pod", name, gracePeriodSeconds=0)
        api.delete_all("v1", "PersistentVolumeClaim", name)
    # A namespace that finds a claim still protected looks again eight seconds later.
    claims = ("v1", "PersistentVolumeClaim")
    until("end of all claims", lambda: not any(api.list(*claims, name) for name in names))
    for space in passing:
        api.delete(space)
    for api_version, kind in _CLUSTER_KINDS:
        if api.serves(api_version, kind):
            everything = kind in ("Node", "PersistentVolume")
            _delete_each(api, api.list(api_version, kind, **({} if everything else _OURS)))
    for name in names:
        until(f"end of namespace {name}", partial(_is_ended, api, name))
    until("empty cluster", lambda: not _passing(api) and not api.list("v1", "Node"), 120)
    # What is left is in the namespaces that stay.
    for api_version, kind in api.namespaced():
        _delete_each(api, api.list(api_version, kind, **_OURS))


def _is_ended(api: Api, namespace: str) -> bool:
    """Empty a namespace that is being deleted, and let it go once nothing is left.

    Its controller would do the same, after five seconds (k8s.io/kubernetes pkg/controller/namespace
    namespace_controller.go, namespaceDeletionGracePeriod): a third of all the tests' time.
    """
    kinds = api.namespaced()
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda kind: api.list(kind[0], kind[1], namespace), kinds)
        left = [kind for kind, objects in zip(kinds, found, strict=True) if objects]
    for api_version, kind in left:
        api.delete_all(api_version, kind, namespace, gracePeriodSeconds=0)
    if not left:
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}, "spec": {"finalizers": []}}
        with suppress(ApiError):  # its controller was faster
            api.request("PUT", f"/api/v1/namespaces/{namespace}/finalize", space)
    return not left


def _passing(api: Api) -> list[dict[str, Any]]:
    """The namespaces that go with a plan."""
    return [
        space
        for space in api.list("v1", "Namespace")
        if space["metadata"]["name"] not in _KEPT and KEEP not in space["metadata"].get("labels", {})
    ]


def _delete_each(api: Api, found: Iterable[dict[str, Any]]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(api.delete, found))
