"""The scheduling proof against the real scheduler, on pods and nodes that no environment has."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from components.core.manifest import object_item
from components.core.plan import NodeShape, Part, Taint
from components.reading.scheduler import ZONE, Scheduler
from components.reading.workload import Workload, workloads

from .api import Api, until
from .conftest import JUDGED
from .deploy import await_rollout
from .diagnosis import expected, told
from .nodes import add_nodes, node_manifests

CASES = 40
"""Pods judged at once."""
_CASE = "tests.inference/case"
_SPACE = "scheduling"
_LABELS = {"pool": ("a", "b"), "disk": ("ssd", "hdd"), "rank": ("3", "7")}
_ZONES = ("us-central1-a", "us-central1-b", "us-central1-c")
_TAINTS = (
    Taint("nvidia.com/gpu", "present", "NoSchedule"),
    Taint("cloud.google.com/gke-spot", "true", "NoSchedule"),
    Taint("team", "", "NoExecute"),
    Taint("soft", "yes", "PreferNoSchedule"),
)
_AMOUNTS = {
    "cpu": (0.5, 1.0, 3.92, 7.91),
    "memory": (2.0**30, 13_000_000_000.0, 2.0**35),
    "ephemeral-storage": (2.0**30, 100e9),
    "nvidia.com/gpu": (1.0, 2.0, 8.0),
}
_GIVEN = {"cpu": ("500m", "1", "3920m", "3921m", "8"), "memory": ("1Gi", "13G", "13000000001", "32Gi"),
          "ephemeral-storage": ("1Gi", "100G", "101G"), "nvidia.com/gpu": ("1", "2", "3")}  # fmt: skip


@pytest.fixture
def space(empty: Api) -> Api:
    """A namespace for the pods."""
    empty.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _SPACE}})
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": _SPACE}}
    until("service account", lambda: empty.find(account))
    return empty


@st.composite
def _nodes(draw: st.DrawFn) -> NodeShape:
    labels = {key: draw(st.sampled_from(values)) for key, values in _LABELS.items() if draw(st.booleans())}
    room = {name: draw(st.sampled_from(amounts)) for name, amounts in _AMOUNTS.items()}
    if draw(st.booleans()):
        room.pop("nvidia.com/gpu")
    return NodeShape(
        pool="",
        labels=labels,
        taints=tuple(draw(st.lists(st.sampled_from(_TAINTS), max_size=draw(st.integers(0, 2)), unique=True))),
        allocatable=room,
        zones=tuple(draw(st.lists(st.sampled_from(_ZONES), min_size=1, max_size=2, unique=True))),
        min_nodes=0,
        max_nodes=None,
        provisioning="on-demand",
    )


@st.composite
def _expressions(draw: st.DrawFn) -> dict[str, Any]:
    key = draw(st.sampled_from([*_LABELS, ZONE, "absent"]))
    values = list(_ZONES if key == ZONE else _LABELS.get(key, ("x",)))
    operator = draw(
        st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", *(["Gt", "Lt"] if key == "rank" else [])])
    )
    if operator in ("Gt", "Lt"):
        return {"key": key, "operator": operator, "values": [draw(st.sampled_from(["2", "3", "5", "7"]))]}
    if operator in ("Exists", "DoesNotExist"):
        return {"key": key, "operator": operator}
    return {
        "key": key,
        "operator": operator,
        "values": draw(st.lists(st.sampled_from(values), min_size=1, unique=True)),
    }


_TERMS = st.fixed_dictionaries({"matchExpressions": st.lists(_expressions(), min_size=1, max_size=2)})


@st.composite
def _tolerations(draw: st.DrawFn) -> dict[str, Any]:
    taint = draw(st.sampled_from(_TAINTS))
    if draw(st.booleans()):
        given: dict[str, Any] = {"key": taint.key, "operator": "Exists"}
    else:
        given = {"key": taint.key, "value": draw(st.sampled_from([taint.value, "other"]))}
    return given | ({"effect": draw(st.sampled_from(["NoSchedule", "NoExecute"]))} if draw(st.booleans()) else {})


@st.composite
def _containers(draw: st.DrawFn, name: str) -> dict[str, Any]:
    asked = {key: draw(st.sampled_from(values)) for key, values in _GIVEN.items() if draw(st.integers(0, 3)) == 0}
    # A GPU can only be asked for as a limit; the API server fills in the request.
    kinds = {"limits": asked} if "nvidia.com/gpu" in asked or draw(st.booleans()) else {"requests": asked}
    return {"name": name, "image": "example.com/image:1", "resources": kinds}


@st.composite
def _pods(draw: st.DrawFn) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [draw(_containers("main"))]}
    if draw(st.booleans()):
        spec["containers"].append(draw(_containers("second")))
    if draw(st.booleans()):
        first = draw(_containers("init"))
        spec["initContainers"] = [first | ({"restartPolicy": "Always"} if draw(st.booleans()) else {})]
    if draw(st.booleans()):
        wanted = {key: draw(st.sampled_from(values)) for key, values in _LABELS.items() if draw(st.integers(0, 3)) == 0}
        spec["nodeSelector"] = wanted
    affinity: dict[str, Any] = {}
    if draw(st.booleans()):
        terms = draw(st.lists(_TERMS, min_size=1, max_size=2))
        affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": terms}
    if draw(st.booleans()):
        wishes = [{"weight": 1, "preference": draw(_TERMS)}]
        affinity["preferredDuringSchedulingIgnoredDuringExecution"] = wishes
    if affinity:
        spec["affinity"] = {"nodeAffinity": affinity}
    spec["tolerations"] = draw(st.lists(_tolerations(), max_size=3))
    return spec


@dataclass(frozen=True, slots=True)
class Case:
    """One pod and the only nodes it can see."""

    name: str
    spec: dict[str, Any]
    shapes: tuple[NodeShape, ...]

    @property
    def manifest(self) -> dict[str, Any]:
        """The pod as the API server gets it."""
        metadata = {"name": self.name, "namespace": _SPACE}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": self.spec}

    @property
    def pod(self) -> Workload:
        """The pod as the proof sees it, as that of a Job."""
        body = {"metadata": {"name": self.name, "namespace": _SPACE}, "spec": {"template": {"spec": self.spec}}}
        return _workload({"apiVersion": "batch/v1", "kind": "Job", **body})


def _workload(controller: dict[str, Any]) -> Workload:
    name = controller["metadata"]["name"]
    item = object_item("controller", name, controller)
    return next(workloads(Part("Controller", name, (item,)), item, None))


def _case(number: int, spec: dict[str, Any], shapes: Sequence[NodeShape]) -> Case:
    """A case that sees its own nodes only: a label on them, and a selector for it in the pod."""
    name = f"case-{number}"
    spec = copy.deepcopy(spec)
    spec["nodeSelector"] = {**spec.get("nodeSelector", {}), _CASE: name}
    own = [
        replace(shape, pool=f"{name}-{place}", labels={**shape.labels, _CASE: name})
        for place, shape in enumerate(shapes)
    ]
    return Case(name, spec, tuple(own))


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # every example is a batch in a live cluster: shrinking one would take an hour
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(st.tuples(_pods(), st.lists(_nodes(), min_size=1, max_size=2)), min_size=CASES, max_size=CASES))
def test_the_proof_and_the_scheduler_give_the_same_verdict(
    space: Api, drawn: list[tuple[dict[str, Any], list[NodeShape]]]
) -> None:
    api = space
    cases = [_case(number, spec, shapes) for number, (spec, shapes) in enumerate(drawn)]
    add_nodes(
        api, [node for case in cases for shape in case.shapes for node in node_manifests(shape, len(shape.zones))]
    )
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(api.create, [case.manifest for case in cases]))
        judged = {entry["metadata"]["name"]: entry for entry in until("verdict on every pod", lambda: _judged(api), 60)}
        disagreements = [text for case in cases if (text := _disagreement(case, judged[case.name], cases))]
    finally:
        api.delete_all("v1", "Pod", _SPACE, gracePeriodSeconds=0)
        api.delete_all("v1", "Node")
        until("no pods", lambda: not api.list("v1", "Pod", _SPACE))
    assert disagreements == []
    placed = sum(not _verdict(pod) for pod in judged.values())
    JUDGED["random pods that the scheduler placed, the proof agreeing"] += placed
    JUDGED["random pods that the scheduler refused, the proof agreeing in every reason"] += CASES - placed


def _judged(api: Api) -> list[dict[str, Any]]:
    found = api.list("v1", "Pod", _SPACE)
    return found if len(found) == CASES and all(_verdict(pod) is not None for pod in found) else []


def _verdict(pod: dict[str, Any]) -> str | None:
    """Empty when the pod was placed, the refusal when not, nothing while it is not decided."""
    if pod["spec"].get("nodeName"):
        return ""
    for condition in pod["status"].get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return str(condition["message"])
    return None


def _disagreement(case: Case, pod: dict[str, Any], cases: Sequence[Case]) -> str:
    """What the two say when it is not the same; empty when it is."""
    verdict = _verdict(pod) or ""
    scheduler = Scheduler([case.pod], case.shapes)
    fits = any(not expected(case.pod, [(shape, 1)], scheduler) for shape in case.shapes)
    # The scheduler also says why not on the nodes of all other cases.
    single = [replace(shape, zones=(zone,)) for other in cases for shape in other.shapes for zone in shape.zones]
    reasons = expected(case.pod, [(shape, 1) for shape in single], Scheduler([case.pod], single))
    if fits == (not verdict) and (fits or told(verdict) == reasons):
        return ""
    return f"{case.spec} on {case.shapes}: proof {fits} {dict(reasons)}, scheduler {verdict or 'placed it'}"


def _daemons(name: str, cpu: str, **spec: Any) -> dict[str, Any]:
    """A DaemonSet, each of whose pods asks for so many cores."""
    labels = {"app": name}
    container = {"name": "main", "image": "example.com/image:1", "resources": {"requests": {"cpu": cpu}}}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], **spec}}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": _SPACE},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def test_daemonsets_take_room_where_they_run_and_nowhere_else(space: Api) -> None:
    taint = Taint("team", "ml", "NoSchedule")
    tolerated: dict[str, Any] = {"tolerations": [{"operator": "Exists"}]}
    plain = NodeShape("plain", {"pool": "plain"}, (), {"cpu": 2.0, "memory": 2.0**30}, (), 0, None, "on-demand")
    shapes = (plain, replace(plain, pool="tainted", labels={"pool": "tainted"}, taints=(taint,)))
    # 500m everywhere, 300m on plain by its selector, 700m on plain because it tolerates nothing.
    daemons = [
        _daemons("everywhere", "500m", **tolerated),
        _daemons("selected", "300m", nodeSelector={"pool": "plain"}, **tolerated),
        _daemons("intolerant", "700m"),
    ]
    add_nodes(space, [node for shape in shapes for node in node_manifests(shape, 1)])
    for daemon in daemons:
        await_rollout(space, space.create(daemon).object)
    for pool, room in (("plain", 500), ("tainted", 1500)):
        for asked in (room, room + 1):
            resources = {"requests": {"cpu": f"{asked}m"}}
            spec = {"containers": [{"name": "main", "image": "example.com/image:1", "resources": resources}]}
            case = Case(f"{pool}-{asked}", {**spec, "nodeSelector": {"pool": pool}, **tolerated}, shapes)
            scheduler = Scheduler([*map(_workload, daemons), case.pod], shapes)
            proved = [shape.pool for shape in shapes if not expected(case.pod, [(shape, 1)], scheduler)]
            space.create(case.manifest)
            verdict = until("verdict", partial(_decided, space, case.name))
            assert proved == ([pool] if asked == room else [])
            assert (verdict == _PLACED) == bool(proved), verdict
            assert proved or told(verdict) == expected(case.pod, [(shape, 1) for shape in shapes], scheduler)
            space.delete(case.manifest, gracePeriodSeconds=0)
    JUDGED["pods beside DaemonSets, the proof and the scheduler agreeing"] += 4


_PLACED = "placed"


def _decided(api: Api, name: str) -> str:
    """The verdict on a pod, `_PLACED` or the refusal; nothing while there is none."""
    verdict = _verdict(api.get("v1", "Pod", _SPACE, name))
    return _PLACED if verdict == "" else verdict or ""
