"""Every object of every environment, as a real API server with strict validation and Pod Security sees it."""

from __future__ import annotations

from typing import Any

import pytest

from components.reading.index import Index
from components.reading.workload import Workload

from .api import Answer, Api, ApiError, until
from .conftest import JUDGED, Deployed
from .deploy import is_changed, stand_ins

LEVELS = ("privileged", "baseline", "restricted")
ENFORCE = "pod-security.kubernetes.io/enforce"
_TRIES = 20


def test_every_object_is_accepted_without_a_warning(deployed: Deployed) -> None:
    assert [str(error) for _, error in deployed.refused] == []
    warned = {item.name: answer.warnings for item, _, answer in deployed.accepted if answer.warnings}
    assert warned == {}


def test_every_kind_is_known(deployed: Deployed) -> None:
    absent = sorted({item.type for item in deployed.unserved})
    if absent:
        pytest.skip(f"not judged, their definition is not here (make crds, or CRDS_DIR): {', '.join(absent)}")


def test_applied_again_nothing_changes(deployed: Deployed, api: Api) -> None:
    for item, wanted, _ in deployed.accepted:
        before, after = _applied_undisturbed(api, wanted)
        assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"], item.name
        assert after["metadata"].get("generation") == before["metadata"].get("generation"), item.name


def _applied_undisturbed(api: Api, wanted: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """An object before and after it is applied, with no controller's write in between."""
    for _ in range(_TRIES):
        before = api.request("GET", api.path_of(wanted)).object
        after = api.apply(wanted).object
        if before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"] or is_changed(before, after):
            break
    return before, after


def test_pods_are_made_in_every_namespace(deployed: Deployed, api: Api) -> None:
    accepted = [wanted for _, wanted, _ in deployed.accepted]
    workloads = [wanted for wanted in accepted if wanted["kind"] in ("Deployment", "DaemonSet")]
    workloads += [controller for wanted in accepted for controller in stand_ins(wanted)]
    for wanted in workloads:
        space, name = wanted["metadata"]["namespace"], wanted["metadata"]["name"]
        selector = ",".join(f"{key}={value}" for key, value in wanted["spec"]["selector"]["matchLabels"].items())

        def pods(space: str = space, selector: str = selector) -> list[dict[str, Any]]:
            return api.list("v1", "Pod", space, labelSelector=selector)

        if wanted["spec"].get("replicas", 1):
            until(f"pod of {name}; {_refusals(api, space)}", pods, 30)
        found = api.request("GET", api.path_of(wanted)).object
        failures = [entry for entry in found["status"].get("conditions", ()) if entry["type"] == "ReplicaFailure"]
        assert failures == [], name
    assert [_refusals(api, item.object_name) for item, wanted, _ in deployed.accepted if item.kind == "Namespace"] == [
        [] for item, wanted, _ in deployed.accepted if item.kind == "Namespace"
    ]
    JUDGED["workloads whose pods Pod Security let in"] += len(workloads)


def _refusals(api: Api, namespace: str) -> list[str]:
    """Why pods were not made; a quota that two controllers wrote at once is tried again and no refusal."""
    events = api.list("v1", "Event", namespace, fieldSelector="reason=FailedCreate")
    return [event["message"] for event in events if "try again" not in event["message"]]


def test_namespaces_enforce_the_strictest_level_that_their_pods_reach(deployed: Deployed, api: Api) -> None:
    for item, wanted, _ in deployed.accepted:
        if item.kind == "Namespace" and api.list("v1", "Pod", item.object_name):
            level = wanted["metadata"]["labels"][ENFORCE]
            reached = [stricter for stricter in LEVELS if not _would_refuse(api, wanted, stricter)]
            assert level == reached[-1], f"{item.object_name} enforces {level}; its pods reach {reached}"


def _would_refuse(api: Api, space: dict[str, Any], level: str) -> tuple[str, ...]:
    """What the API server says of the pods that are there when their namespace is to enforce a level."""
    answer = api.patch(space, {"metadata": {"labels": {ENFORCE: level}}}, dryRun="All")
    return tuple(warning for warning in answer.warnings if "existing pods" in warning or "violate" in warning)


def test_only_the_exporter_is_privileged_and_only_what_runs_as_root_is_not_restricted(deployed: Deployed) -> None:
    plan = deployed.loaded.plan
    for _, item in plan.objects("Namespace"):
        level = item.properties["metadata"]["labels"][ENFORCE]
        pods = Index(plan).in_namespace(item.object_name)
        makers = {pod.part.kind for pod in pods}
        root = any(_runs_as_root(pod) for pod in pods)
        # Whoever brings pods to a namespace without any would not expect it to be restricted.
        lax = root or not pods
        assert level == ("privileged" if "DcgmExporter" in makers else "baseline" if lax else "restricted")
        assert "DcgmExporter" not in makers or len(makers) == 1


def _runs_as_root(pod: Workload) -> bool:
    """TGI's image cannot run as anybody else; vLLM's, TEI's and our own can."""
    shared = pod.template.security
    return any(container.security.within(shared).user == 0 for container in pod.every_container)


def _config(**changes: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "probe", "namespace": "default"}, **changes}


def test_a_misspelt_field_is_refused(api: Api) -> None:
    with pytest.raises(ApiError, match="dta"):
        api.apply(_config(dta={"key": "value"}), dry_run=True)


def test_a_misspelt_field_of_a_custom_kind_is_refused(api: Api) -> None:
    route = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "probe", "namespace": "default"},
        "spec": {"hsts": ["example.com"]},
    }
    with pytest.raises(ApiError, match="hsts"):
        api.apply(route, dry_run=True)


def test_a_change_is_seen_as_one(api: Api) -> None:
    before: Answer = api.apply(_config(data={"key": "old"}))
    same = api.apply(_config(data={"key": "old"}))
    after = api.apply(_config(data={"key": "new"}))
    api.delete(_config())
    assert not is_changed(before.object, same.object)
    assert is_changed(same.object, after.object)


def test_a_root_pod_is_refused_where_pods_are_restricted(empty: Api) -> None:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "probe", "labels": {ENFORCE: "restricted"}}}
    empty.apply(space)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "probe"}}
    until("service account", lambda: empty.find(account))
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe", "namespace": "probe"},
        "spec": {"containers": [{"name": "main", "image": "example.com/image:1"}]},
    }
    with pytest.raises(ApiError, match="violates PodSecurity"):
        empty.apply(pod)
