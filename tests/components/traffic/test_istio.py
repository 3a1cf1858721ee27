"""Routes: the source document's A/B rule, and what Istio would get wrong by default."""

from __future__ import annotations

import pytest

from components.core.errors import ConfigError
from components.core.plan import Part
from components.traffic.backends.istio import GatewayConfig, IstioRoute
from components.traffic.route import HeaderMatch, RouteRule, RouteTarget
from tests.components.parts import kinds, manifest

SUBSETS = {"v1": {"version": "stable"}, "v2": {"version": "experimental"}}


def route(**fields: object) -> IstioRoute:
    rules = (
        RouteRule(headers={"x-user-group": HeaderMatch(exact="beta")}, to={"v2": 100}),
        RouteRule(to={"v1": 80, "v2": 20}),
    )
    return IstioRoute(**{"model": "tgi", "hosts": ("tgi.example.com",), "rules": rules, **fields})


def part(config: IstioRoute, subsets: dict[str, dict[str, str]] | None = None) -> Part:
    chosen = SUBSETS if subsets is None else subsets
    return config.part("ab", RouteTarget("inference", "tgi.inference.svc.cluster.local", 80, chosen))


def test_beta_users_go_to_the_new_model_and_the_others_eighty_twenty() -> None:
    beta, others = manifest(part(route()), "VirtualService")["spec"]["http"]
    assert beta["match"] == [{"headers": {"x-user-group": {"exact": "beta"}}}]
    assert [(r["destination"]["subset"], r["weight"]) for r in beta["route"]] == [("v2", 100)]
    assert "match" not in others
    assert [(r["destination"]["subset"], r["weight"]) for r in others["route"]] == [("v1", 80), ("v2", 20)]


def test_every_subset_is_defined_before_it_is_used() -> None:
    items = part(route()).items
    assert [item.kind for item in items] == ["DestinationRule", "VirtualService"]
    assert items[1].after == (items[0].role,)
    assert manifest(part(route()), "DestinationRule")["spec"]["subsets"] == [
        {"name": "v1", "labels": {"version": "stable"}},
        {"name": "v2", "labels": {"version": "experimental"}},
    ]


def test_a_generation_is_never_run_twice_by_a_retry_nor_cut_by_a_timeout() -> None:
    for rule in manifest(part(route()), "VirtualService")["spec"]["http"]:
        assert rule["retries"] == {"attempts": 0}
        assert "timeout" not in rule


def test_a_timeout_is_set_when_asked_for() -> None:
    spec = manifest(part(route(timeout_seconds=600)), "VirtualService")["spec"]
    assert {rule["timeout"] for rule in spec["http"]} == {"600s"}


def test_a_route_without_gateway_serves_the_mesh() -> None:
    assert manifest(part(route()), "VirtualService")["spec"]["gateways"] == ["mesh"]


def test_its_own_gateway_stands_with_the_ingress_pods_and_is_named_in_full() -> None:
    found = part(route(gateway=GatewayConfig(tls_secret="tgi-cert")))
    assert kinds(found)[0] == "Gateway"
    assert manifest(found, "VirtualService")["spec"]["gateways"] == ["istio-ingress/ab"]
    server = manifest(found, "Gateway")["spec"]["servers"][0]
    assert server["tls"] == {"mode": "SIMPLE", "credentialName": "tgi-cert"}
    assert server["port"]["number"] == 443


def test_a_model_of_one_version_needs_no_subset() -> None:
    config = route(rules=(RouteRule(to={"tgi": 100}),))
    destination = manifest(part(config, {}), "VirtualService")["spec"]["http"][0]["route"][0]["destination"]
    assert "subset" not in destination
    assert "subsets" not in manifest(part(config, {}), "DestinationRule")["spec"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rules": [{"to": {"v1": 80, "v2": 30}}]}, "rules[0].to: weights sum to 110 (80 + 30); must be 100 in all"),
        ({"rules": [{"to": {"v1": 100}}, {"to": {"v2": 100}}]}, "rules[1]: is never reached"),
        ({"hosts": []}, "hosts: "),
        ({"gateways": ["public"]}, 'gateways[0]: got "public"; must be mesh, or namespace/name'),
        (
            {"rules": [{"headers": {"x-a": {"exact": "a", "prefix": "b"}}, "to": {"v1": 100}}]},
            "rules[0].headers.x-a: got exact and prefix; give exactly one of exact, prefix, regex",
        ),
    ],
)
def test_a_route_that_cannot_work_is_refused_with_its_place(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        route(**fields)
    assert said in str(refusal.value)
