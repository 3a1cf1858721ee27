"""What the traffic rules say of routes, subsets and hosts."""

from __future__ import annotations

from typing import Any

from components.core.errors import dotted
from components.core.manifest import object_item
from components.core.plan import Part

from .plans import COLORS, added, edited, exchanged, findings, only, route, sound


def test_a_standby_colour_that_gets_requests_is_refused_with_the_ways_out() -> None:
    plan = exchanged(
        sound(), "VirtualService/chat", route("chat", "chat", COLORS, rules=[{"to": {"blue": 60, "green": 40}}])
    )
    assert only(plan, "empty-subset") == (
        "traffic.chat.rules[0].to.green",
        (
            "VirtualService chat sends 40 % of its requests to subset green, but no pod carries both color=green and "
            "what Service chat selects (app=chat, color=blue): they would be answered 503"
        ),
        (
            "send them to blue, which has pods",
            "rollout.active: green, which moves all requests there",
            "give green the share 0 until the Service selects its pods",
        ),
    )


def test_a_subset_whose_pods_are_scaled_to_nothing_is_empty() -> None:
    plan = edited(sound(), "Canary/small", "canary-deployment", lambda manifest: manifest["spec"].update(replicas=0))
    assert {dotted(finding.path) for finding in findings(plan, "empty-subset")} == {
        "traffic.small.rules[0].to.canary",
        "traffic.small.rules[1].to.canary",
    }


def test_two_routes_for_one_host_on_different_gateways_do_not_meet() -> None:
    rules = [{"to": {"all": 100}}]
    inside = route("inside", "llama", {}, hosts=["llm.example.com"], rules=rules)
    outside = route("outside", "llama", {}, hosts=["llm.example.com"], gateways=["istio-ingress/main"], rules=rules)
    assert findings(added(sound(), inside, outside), "host-routed-twice") == []


def test_a_host_outside_the_cluster_needs_a_service_entry() -> None:
    def elsewhere(manifest: dict[str, Any]) -> None:
        manifest["spec"]["http"][0]["route"][0]["destination"] = {"host": "api.example.org"}

    plan = edited(sound(), "VirtualService/chat", "virtual-service", elsewhere)
    entry = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "api", "namespace": "inference"},
        "spec": {"hosts": ["api.example.org"]},
    }
    assert "api.example.org, which is no Service" in only(plan, "unknown-host")[1]
    assert findings(added(plan, Part("Other", "api", (object_item("entry", "api", entry),))), "unknown-host") == []


def test_a_mirror_is_a_destination_too() -> None:
    def mirror(manifest: dict[str, Any]) -> None:
        manifest["spec"]["http"][0]["mirror"] = {"host": "nobody"}

    assert "nobody" in only(edited(sound(), "VirtualService/chat", "virtual-service", mirror), "unknown-host")[1]


def test_a_single_destination_without_a_weight_takes_everything() -> None:
    def lone(manifest: dict[str, Any]) -> None:
        manifest["spec"]["http"][0]["route"][0].pop("weight")

    assert findings(edited(sound(), "VirtualService/chat", "virtual-service", lone), "weights-not-100") == []
