"""Routes of every back end say the same in the same words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from components.kinds.names import HTTP_ROUTE, VIRTUAL_SERVICE
from components.kinds.route import Destination, RoutingRule, outside_hosts, route_of, seconds, service_of, subsets_of
from components.traffic.backends.istio import IstioRoute
from components.traffic.route import RouteTarget

HOST = "llama.serving.svc.cluster.local"


def rules(kind: str, spec: Any) -> tuple[RoutingRule, ...]:
    route = route_of(kind, {"spec": spec}, "serving")
    assert route is not None
    return route.rules


def to(weight: int | None, *, subset: str = "", host: str = HOST, mirror: bool = False) -> Destination:
    return Destination("Service", host, ("serving", "llama"), subset, 80, weight, mirror)


def istio(weight: int | None = None, subset: str | None = None) -> dict[str, Any]:
    destination = {"host": HOST, "port": {"number": 80}, **({"subset": subset} if subset else {})}
    return {"destination": destination, **({} if weight is None else {"weight": weight})}


def test_a_rule_of_istio_has_its_shares_and_then_its_mirrors() -> None:
    spec = {
        "http": [
            {
                "route": [istio(90, "stable"), istio(10, "canary")],
                "mirror": istio()["destination"],
                "timeout": "1m30s",
                "match": [{"uri": {"prefix": "/v1"}}],
            },
            {"route": [istio()]},
        ]
    }
    assert rules(VIRTUAL_SERVICE, spec) == (
        RoutingRule(
            "http",
            0,
            (to(90, subset="stable"), to(10, subset="canary"), to(None, mirror=True)),
            matches_all=False,
            timeout_seconds=90,
        ),
        RoutingRule("http", 1, (to(None),), matches_all=True, timeout_seconds=0),
    )
    assert [one.weight for one in rules(VIRTUAL_SERVICE, spec)[0].shares] == [90, 10]


def test_a_rule_of_the_gateway_api_is_read_alike() -> None:
    backend = {"name": "llama", "port": 80}
    spec = {
        "rules": [
            {
                "backendRefs": [backend | {"weight": 9}, backend | {"weight": 1}],
                "filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": backend}}],
                "timeouts": {"request": "90s"},
                "matches": [{"path": {"type": "PathPrefix", "value": "/v1"}}],
            },
            {"backendRefs": [backend], "matches": [{"path": {"type": "PathPrefix", "value": "/"}}]},
        ]
    }
    assert rules(HTTP_ROUTE, spec) == (
        RoutingRule(
            "http",
            0,
            (to(9, host="llama"), to(1, host="llama"), to(None, host="llama", mirror=True)),
            matches_all=False,
            timeout_seconds=90,
        ),
        RoutingRule("http", 1, (to(None, host="llama"),), matches_all=True, timeout_seconds=0),
    )


@pytest.mark.parametrize(
    ("match", "everything"),
    [({}, True), ({"headers": [{"name": "a"}]}, False), ({"method": "GET"}, False), ({"path": {"value": "/"}}, True)],
)
def test_a_match_without_conditions_matches_every_request(match: dict[str, Any], everything: bool) -> None:
    assert rules(HTTP_ROUTE, {"rules": [{"matches": [match]}]})[0].matches_all is everything


def test_a_pool_of_endpoints_is_no_service() -> None:
    spec = {
        "rules": [{"backendRefs": [{"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "a"}]}]
    }
    ((found,),) = (rule.destinations for rule in rules(HTTP_ROUTE, spec))
    assert (found.kind, found.service) == ("InferencePool", None)


def test_a_service_of_another_namespace_is_named_with_it() -> None:
    spec = {"rules": [{"backendRefs": [{"name": "a", "namespace": "b"}]}]}
    ((found,),) = (rule.destinations for rule in rules(HTTP_ROUTE, spec))
    assert (found.host, found.service) == ("a.b", ("b", "a"))


def test_hosts_and_gateways_are_whole_names() -> None:
    route = route_of(VIRTUAL_SERVICE, {"spec": {"hosts": ["llama", "*", "a.example"], "gateways": ["g"]}}, "serving")
    mesh = route_of(VIRTUAL_SERVICE, {"spec": {}}, "serving")
    parent = route_of(HTTP_ROUTE, {"spec": {"parentRefs": [{"name": "g"}, {"name": "h", "namespace": "i"}]}}, "serving")
    assert route is not None
    assert mesh is not None
    assert parent is not None
    assert route.hosts == (HOST, "*", "a.example")
    assert (route.gateways, mesh.gateways, parent.gateways) == (("serving/g",), ("mesh",), ("serving/g", "i/h"))


@pytest.mark.parametrize(
    ("host", "service"),
    [("llama", ("a", "llama")), (HOST, ("serving", "llama")), ("llama.serving", None), ("example.com", None)],
)
def test_istio_takes_a_host_as_a_service_by_its_whole_name_or_its_first_word(
    host: str, service: tuple[str, str] | None
) -> None:
    assert service_of(host, "a") == service


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_durations_add_up(hours: int, minutes: int, rest: int) -> None:
    assert seconds(f"{hours}h{minutes}m{rest}s") == hours * 3600 + minutes * 60 + rest


def test_subsets_have_the_labels_of_the_first_of_a_name() -> None:
    subsets = [{"name": "v1", "labels": {"track": "a"}}, {"name": "v1", "labels": {"track": "b"}}]
    says = subsets_of({"spec": {"host": "llama", "subsets": subsets}}, "serving")
    assert (says.service, says.labels) == (("serving", "llama"), {"v1": {"track": "a"}})
    assert outside_hosts({"spec": {"hosts": ["api.example.org"]}}) == ("api.example.org",)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=4), st.none() | st.integers(1, 3600), st.booleans())
def test_a_route_of_ours_is_read_as_it_was_told(weights: list[int], timeout: int | None, prefixed: bool) -> None:
    subsets = {f"v{number}": {"track": f"v{number}"} for number in range(len(weights))}
    shares = dict(zip(subsets, [*weights[:-1], 100 - sum(weights[:-1])], strict=True))
    assume(all(share >= 0 for share in shares.values()))
    rule = {"to": shares, **({"path_prefix": "/v1"} if prefixed else {})}
    config = IstioRoute(model="llama", hosts=("llm.example.com",), rules=[rule], timeout_seconds=timeout)
    part = config.part("llama", RouteTarget("serving", HOST, 80, subsets), path=())
    item = next(item for item in part.items if item.kind == VIRTUAL_SERVICE)
    route = route_of(item.kind, item.properties, item.namespace)
    assert route is not None
    (told,) = route.rules
    assert route.hosts == ("llm.example.com",)
    assert {one.subset: one.weight for one in told.destinations} == shares
    assert {(one.service, one.port) for one in told.destinations} == {(("serving", "llama"), 80)}
    assert (told.timeout_seconds, told.matches_all) == (timeout or 0, not prefixed)
