"""The scheduler's filters on paper: what it must agree on with the real one, for all pods and pools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from components.core.manifest import object_item
from components.core.plan import GPU, NodeShape, Part, Plan, Taint
from components.reading.index import Index
from components.reading.scheduler import Verdict, nodes_needed
from components.reading.workload import Workload

KEYS = ("pool", "zone", "nvidia.com/gpu")
VALUES = ("a", "b")
LABEL = "cloud.google.com/gke-nodepool"

amounts = st.fixed_dictionaries({"cpu": st.integers(1, 64), "memory": st.integers(1, 2**36), GPU: st.integers(1, 8)})
taints = st.builds(
    Taint,
    key=st.sampled_from(KEYS),
    value=st.sampled_from(VALUES),
    effect=st.sampled_from(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
)
tolerations = st.builds(
    lambda key, operator, value, effect: {
        **({"key": key} if key else {}),
        "operator": operator if key else "Exists",
        **({"value": value} if operator == "Equal" and key else {}),
        **({"effect": effect} if effect else {}),
    },
    st.sampled_from([*KEYS, None]),
    st.sampled_from(["Equal", "Exists"]),
    st.sampled_from(VALUES),
    st.sampled_from(["NoSchedule", "NoExecute", None]),
)


def node(pool: str = "a", **changes: Any) -> NodeShape:
    shape = NodeShape(
        pool=pool,
        labels={LABEL: pool, "disk": "10"},
        taints=(),
        allocatable={"cpu": 8.0, "memory": 2.0**34, "ephemeral-storage": 2.0**36, GPU: 2.0},
        zones=("us-central1-a", "us-central1-b"),
        min_nodes=0,
        max_nodes=4,
        provisioning="on-demand",
    )
    return replace(shape, **changes)


def spec_of(asked: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    resources = {"requests": {GPU: 1, **(asked or {})}}
    return {"containers": [{"name": "a", "image": "a:1", "resources": resources}], **fields}


def verdict(spec: dict[str, Any], *nodes: NodeShape) -> Verdict[Workload]:
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "a"},
        "spec": {"replicas": 1, "template": {"metadata": {}, "spec": spec}},
    }
    plan = Plan("test", (Part("Other", "a", (object_item("deployment", "a", manifest),)),), nodes=nodes)
    (found,) = Index(plan).scheduler.verdicts
    return found


def fits(spec: dict[str, Any], shape: NodeShape) -> bool:
    return bool(verdict(spec, shape).fits)


def affinity(*terms: Sequence[tuple[str, str, list[str]]]) -> dict[str, Any]:
    """Required node affinity: terms are alternatives, and the expressions of one must all hold."""
    required = {
        "nodeSelectorTerms": [
            {"matchExpressions": [{"key": key, "operator": how, "values": values} for key, how, values in term]}
            for term in terms
        ]
    }
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}


@given(amounts, amounts, st.sampled_from(["cpu", "memory", GPU]), st.integers(1, 100))
def test_a_larger_node_never_makes_a_pod_unschedulable(
    asked: dict[str, int], has: dict[str, int], grown: str, by: int
) -> None:
    small = node(allocatable={name: float(amount) for name, amount in has.items()})
    large = replace(small, allocatable={**small.allocatable, grown: small.allocatable[grown] + by})
    if fits(spec_of(asked), small):
        assert fits(spec_of(asked), large)


@given(amounts, amounts)
def test_a_pod_fits_exactly_when_no_resource_is_short(asked: dict[str, int], has: dict[str, int]) -> None:
    shape = node(allocatable={name: float(amount) for name, amount in has.items()})
    assert fits(spec_of(asked), shape) is all(asked[name] <= has[name] for name in asked)


@given(st.lists(taints, max_size=3), st.lists(tolerations, max_size=3), tolerations)
def test_one_more_toleration_never_makes_a_pod_unschedulable(
    given_taints: list[Taint], tolerated: list[dict[str, Any]], more: dict[str, Any]
) -> None:
    shape = node(taints=tuple(given_taints))
    if fits(spec_of(tolerations=tolerated), shape):
        assert fits(spec_of(tolerations=[*tolerated, more]), shape)


@given(st.lists(taints, max_size=3))
def test_a_toleration_of_everything_tolerates_everything(given_taints: list[Taint]) -> None:
    assert fits(spec_of(tolerations=[{"operator": "Exists"}]), node(taints=tuple(given_taints)))


@given(st.lists(taints, min_size=1, max_size=3))
def test_only_blocking_taints_keep_a_pod_away(given_taints: list[Taint]) -> None:
    blocked = any(taint.effect != "PreferNoSchedule" for taint in given_taints)
    assert fits(spec_of(), node(taints=tuple(given_taints))) is not blocked


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(1, 4)), min_size=1, max_size=3))
def test_the_nodes_needed_are_never_more_than_a_packing_takes(groups: list[tuple[int, int]]) -> None:
    """Sound: first fit in every order of a small set is a real packing, so the bound may not exceed the best."""
    room = 8
    pods = [size for size, count in groups for _ in range(count)]
    best = min(_first_fit(order, room) for order in {tuple(order) for order in _orders(pods)})
    assert nodes_needed([({GPU: size * 1000}, count) for size, count in groups], [{GPU: room * 1000}]).nodes <= best


@given(st.integers(1, 16), st.integers(1, 40), st.integers(1, 16))
def test_equal_pods_are_counted_exactly(size: int, count: int, room: int) -> None:
    if size <= room:
        needed = nodes_needed([({GPU: size * 1000}, count)], [{GPU: room * 1000}]).nodes
        assert needed == -(-count // (room // size))


@given(amounts, st.integers(1, 5), amounts)
def test_one_more_pod_never_needs_fewer_nodes(asked: dict[str, int], count: int, has: dict[str, int]) -> None:
    fewer, more = (nodes_needed([(asked, number)], [has]).nodes for number in (count, count + 1))
    assert fewer <= more


def _orders(pods: list[int]) -> list[tuple[int, ...]]:
    if len(pods) <= 6:
        return list(permutations(pods))
    return [tuple(sorted(pods, reverse=True)), tuple(pods)]


def _first_fit(pods: Sequence[int], room: int) -> int:
    nodes: list[int] = []
    for size in pods:
        for number, used in enumerate(nodes):
            if used + size <= room:
                nodes[number] += size
                break
        else:
            nodes.append(size)
    return len(nodes)


def test_a_node_selector_is_met_label_by_label() -> None:
    assert fits(spec_of(nodeSelector={LABEL: "a"}), node("a"))
    assert not fits(spec_of(nodeSelector={LABEL: "a", "disk": "11"}), node("a"))
    assert verdict(spec_of(nodeSelector={"team": "x"}), node("a")).misfits["a"][0].reason == "has no label team"


def test_affinity_terms_are_alternatives_whose_expressions_all_hold() -> None:
    either = affinity([(LABEL, "In", ["b"])], [(LABEL, "In", ["a"]), ("disk", "Gt", ["5"])])
    assert fits(spec_of(**either), node("a"))
    assert fits(spec_of(**either), node("b"))
    assert not fits(spec_of(**either), node("c"))
    assert not fits(spec_of(**affinity([(LABEL, "In", ["a"]), ("disk", "Lt", ["5"])])), node("a"))


def test_affinity_knows_absent_labels() -> None:
    assert fits(spec_of(**affinity([("team", "DoesNotExist", [])])), node())
    assert fits(spec_of(**affinity([("team", "NotIn", ["x"])])), node())
    assert not fits(spec_of(**affinity([("team", "Exists", [])])), node())


def test_an_empty_term_selects_nothing() -> None:
    required: dict[str, Any] = {"nodeSelectorTerms": [{}]}
    spec = spec_of(affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}})
    assert not fits(spec, node())


def test_a_zone_is_met_by_any_zone_of_the_pool_and_by_a_pool_of_unknown_zones() -> None:
    zone = {"topology.kubernetes.io/zone": "us-central1-b"}
    assert fits(spec_of(nodeSelector=zone), node())
    assert not fits(spec_of(nodeSelector=zone), node(zones=("us-central1-a",)))
    assert fits(spec_of(nodeSelector=zone), node(zones=()))


def test_what_is_asked_of_the_zone_must_hold_of_one_zone_all_together() -> None:
    key, zone = "topology.kubernetes.io/zone", "us-central1-a"
    assert not fits(spec_of(**affinity([(key, "In", [zone]), (key, "NotIn", [zone])])), node())
    assert not fits(spec_of(nodeSelector={key: zone}, **affinity([(key, "NotIn", [zone])])), node())
    assert fits(spec_of(nodeSelector={key: zone}, **affinity([(key, "NotIn", ["us-central1-b"])])), node())
    assert fits(spec_of(**affinity([(key, "In", [zone]), (key, "NotIn", [zone])])), node(zones=()))


def test_a_label_whose_value_no_pool_tells_is_taken_to_match() -> None:
    assert fits(spec_of(nodeSelector={"kubernetes.io/hostname": "gke-1"}), node())
