"""Two manifests differ where they mean something else, and nowhere else."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.diff.changes.compare import differences, flag_values, same_quantity
from infra.diff.changes.report import ABSENT

from ..apply import applied
from ..trees import changed, real_resources, shuffled


def deployment(**pod: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "llama", "namespace": "inference"},
        "spec": {"template": {"spec": {"containers": [{"name": "tgi", **pod}]}}},
    }


def told(kind: str, before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(one.path, one.before, one.after) for one in differences(kind, before, after)]


IN_CONTAINER = "spec.template.spec.containers[tgi]"


def test_a_flag_is_told_as_that_flag() -> None:
    before = deployment(args=["--model-id", "a", "--max-total-tokens", "4096", "--trust-remote-code"])
    after = deployment(args=["--trust-remote-code", "--model-id=a", "--max-total-tokens=8192"])
    assert told("Deployment", before, after) == [(f"{IN_CONTAINER}.args[--max-total-tokens]", "4096", "8192")]


def test_flags_that_come_and_go_are_told_and_repeated_ones_kept_in_order() -> None:
    before = deployment(args=["serve", "--lora", "a", "--lora", "b", "--old"])
    after = deployment(args=["serve", "--lora", "b", "--lora", "a", "--new", "1"])
    assert told("Deployment", before, after) == [
        (f"{IN_CONTAINER}.args[--lora]", "a", "b"),
        (f"{IN_CONTAINER}.args[--lora#2]", "b", "a"),
        (f"{IN_CONTAINER}.args[--new]", ABSENT, "1"),
        (f"{IN_CONTAINER}.args[--old]", True, ABSENT),
    ]


def test_a_negative_number_is_a_value_and_no_flag() -> None:
    assert flag_values(["--bias", "-1", "-q"]) == {"--bias": "-1", "-q": True}


def test_arguments_before_the_first_flag_keep_their_order() -> None:
    assert told("Deployment", deployment(args=["a", "b"]), deployment(args=["b", "a"])) == [
        (f"{IN_CONTAINER}.args", ["a", "b"], ["b", "a"])
    ]


@pytest.mark.parametrize(
    ("one", "other"), [("1000m", 1), ("1", "1.0"), ("1Gi", "1024Mi"), ("1e3", "1k"), ("0.1", "100m"), ("2G", "2000M")]
)
def test_quantities_of_one_value_are_equal_where_a_field_is_a_quantity(one: Any, other: Any) -> None:
    assert same_quantity(one, other)
    assert not told("Deployment", *(deployment(resources={"limits": {"cpu": value}}) for value in (one, other)))
    assert told("Deployment", *(deployment(image=str(value)) for value in (one, other)))


def test_quantities_of_other_values_differ() -> None:
    assert not same_quantity("1G", "1Gi")
    assert not same_quantity("one", "one")
    found = told("Deployment", *(deployment(resources={"limits": {"memory": value}}) for value in ("1G", "1Gi")))
    assert found == [(f"{IN_CONTAINER}.resources.limits.memory", "1G", "1Gi")]


def test_keyed_lists_compare_by_their_keys_and_not_by_their_order() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    ports = [{"name": "http", "containerPort": 80}, {"name": "metrics", "containerPort": 90, "protocol": "TCP"}]
    before = deployment(env=env, ports=ports)
    after = deployment(env=[{"name": "B", "value": "3"}, {"name": "A", "value": "1"}], ports=[*reversed(ports)])
    assert told("Deployment", before, after) == [(f"{IN_CONTAINER}.env[B].value", "2", "3")]


def test_a_list_whose_order_matters_tells_what_is_put_in_between() -> None:
    rules = [{"match": [{"uri": {"exact": path}}]} for path in ("/a", "/b", "/c")]
    before, after = ({"spec": {"http": found}} for found in ([rules[0], rules[2]], rules))
    assert told("VirtualService", before, after) == [("spec.http[1]", ABSENT, rules[1])]
    assert told("VirtualService", {"spec": {"http": rules}}, {"spec": {"http": [*reversed(rules)]}})


def test_sets_tell_their_members() -> None:
    before, after = {"nodeLocations": ["a", "b"]}, {"nodeLocations": ["c", "a"]}
    assert told("NodePool", before, after) == [
        ("nodeLocations[b]", "b", ABSENT),
        ("nodeLocations[c]", ABSENT, "c"),
    ]


def test_what_the_api_server_fills_in_is_no_difference() -> None:
    ours = deployment(image="a", readinessProbe={"httpGet": {"path": "/health", "port": "http"}})
    live = deepcopy(ours)
    container = live["spec"]["template"]["spec"]["containers"][0]
    container |= {
        "imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log", "resources": {},
        "terminationMessagePolicy": "File",
    }  # fmt: skip
    container["readinessProbe"] |= {
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    container["readinessProbe"]["httpGet"]["scheme"] = "HTTP"
    live["spec"] |= {"revisionHistoryLimit": 10, "strategy": {"rollingUpdate": {"maxSurge": "25%"}}}
    live["metadata"] |= {
        "uid": "x", "resourceVersion": "1", "generation": 2, "creationTimestamp": "2026-01-01T00:00:00Z",
        "annotations": {"deployment.kubernetes.io/revision": "1"}, "managedFields": [{"manager": "x"}],
    }  # fmt: skip
    live["status"] = {"replicas": 1}
    assert told("Deployment", live, ours) == []
    assert told("Deployment", ours, live) == []
    container["imagePullPolicy"] = "Always"
    assert told("Deployment", ours, live) == [(f"{IN_CONTAINER}.imagePullPolicy", ABSENT, "Always")]


def test_what_a_cluster_assigns_is_left_out_of_a_comparison_with_a_cluster_only() -> None:
    ours = {"metadata": {"name": "a"}, "spec": {"selector": {"a": "b"}}}
    given = {"metadata": {"name": "a"}, "spec": {"selector": {"a": "b"}, "clusterIP": "10.0.0.1"}}
    assert told("Service", given, ours) == [("spec.clusterIP", "10.0.0.1", ABSENT)]
    assert told("Service", given | {"metadata": {"name": "a", "uid": "x"}}, ours) == []


def test_a_live_secret_is_compared_as_it_is_kept_and_what_only_refers_is_not() -> None:
    ours = {"metadata": {"name": "a"}, "stringData": {"user": "me", "token": "${secret:hf_token}"}}
    live = {"metadata": {"name": "a", "uid": "x"}, "type": "Opaque", "data": {"user": "bWU=", "token": "aGY="}}
    assert told("Secret", live, ours) == []
    live["data"] = {"user": "eW91", "token": "aGY=", "more": "bQ=="}
    assert told("Secret", live, ours) == [("data.user", "eW91", "bWU="), ("data.more", "bQ==", ABSENT)]


def test_names_with_dots_in_free_maps_are_quantities_too() -> None:
    found = [deployment(resources={"limits": {"nvidia.com/gpu": value}}) for value in (1, "1", 2)]
    assert told("Deployment", found[0], found[1]) == []
    assert told("Deployment", found[0], found[2]) == [(f"{IN_CONTAINER}.resources.limits[nvidia.com/gpu]", 1, 2)]


def test_an_empty_mapping_that_says_something_is_a_difference() -> None:
    before = {"spec": {"template": {"spec": {"volumes": [{"name": "a", "emptyDir": {}}]}}}}
    after = {"spec": {"template": {"spec": {"volumes": [{"name": "a"}]}}}}
    assert told("Deployment", before, after) == [("spec.template.spec.volumes[a].emptyDir", {}, ABSENT)]


def test_names_with_dots_and_slashes_stand_in_brackets() -> None:
    before, after = ({"metadata": {"labels": {"app.kubernetes.io/name": value}}} for value in ("a", "b"))
    assert told("Service", before, after) == [("metadata.labels[app.kubernetes.io/name]", "a", "b")]


def test_pods_of_groups_and_of_jobs_are_compared_as_pods_are() -> None:
    for place in (("leaderWorkerTemplate", "workerTemplate"), ("jobTemplate", "spec", "template")):
        sides = []
        for cpu in ("1000m", "1"):
            tree: dict[str, Any] = {"spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": cpu}}}]}}
            for name in reversed(place):
                tree = {name: tree}
            sides.append({"spec": tree})
        assert told("LeaderWorkerSet", sides[0], sides[1]) == []


def test_a_resource_does_not_differ_from_itself() -> None:
    for kind, tree in real_resources():
        assert differences(kind, tree, deepcopy(tree)) == []


@given(st.data())
def test_the_differences_say_all_that_differs(data: st.DataObject) -> None:
    kind, tree = data.draw(st.sampled_from(real_resources()))
    before, after = changed(data, tree), changed(data, tree)
    found = differences(kind, before, after)
    assert differences(kind, applied(kind, found, before), after) == []
    assert bool(found) == bool(differences(kind, after, before))


@given(st.data())
def test_order_and_spelling_are_no_difference(data: st.DataObject) -> None:
    kind, tree = data.draw(st.sampled_from(real_resources()))
    assert differences(kind, tree, shuffled(data, kind, tree)) == []


VALUES = st.recursive(
    st.one_of(st.integers(), st.text("ab-=1", max_size=4), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(["name", "a", "b", "value"]), inner, max_size=4)
    ),
    max_leaves=12,
)
ENTRIES = st.fixed_dictionaries(
    {}, optional={"name": st.sampled_from("AB"), "key": st.sampled_from("ab"), "value": VALUES}
)
TREES = st.fixed_dictionaries(
    {},
    optional={
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "template": st.fixed_dictionaries({}, optional={"spec": st.fixed_dictionaries({}, optional={
                    "containers": st.lists(st.fixed_dictionaries(
                        {"name": st.sampled_from("abc")},
                        optional={
                            "args": st.lists(st.sampled_from(["-a", "--b", "--b=1", "c", "-1", "--"]), max_size=6),
                            "env": st.lists(ENTRIES, max_size=3),
                            "resources": VALUES,
                        }), max_size=3),
                    "tolerations": st.lists(ENTRIES, max_size=3),
                    "volumes": VALUES,
                })}),
                "ingress": VALUES,
                "http": st.lists(VALUES, max_size=4),
            },
        ),
        "data": VALUES,
    },
)  # fmt: skip


@given(st.sampled_from(["Deployment", "NetworkPolicy", "VirtualService"]), TREES, TREES)
def test_the_differences_of_any_two_trees_say_all_that_differs(
    kind: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert differences(kind, before, deepcopy(before)) == []
    found = differences(kind, before, after)
    assert differences(kind, applied(kind, found, before), after) == []
