"""Claims, volumes and storage classes; Services, budgets, policies and quotas."""

from __future__ import annotations

from typing import Any

import pytest

from components.kinds.policy import disruption_budget, network_rules, quota
from components.kinds.selector import Selector
from components.kinds.service import ServicePort, service
from components.kinds.volume import VolumeClaim, claim_of, persistent_volume, storage_class


def test_a_claim_says_how_much_of_what_it_wants() -> None:
    spec = {
        "storageClassName": "fast",
        "accessModes": ["ReadWriteMany"],
        "volumeName": "disk",
        "resources": {"requests": {"storage": "1Ti"}},
    }
    claim = claim_of({"metadata": {"name": "cache"}, "spec": spec})
    assert claim == VolumeClaim("cache", "1Ti", "fast", ("ReadWriteMany",), "disk")
    assert claim_of({"spec": None}) == VolumeClaim("", 0, "", (), "")


def test_a_storage_class_and_a_volume_say_where_disks_are() -> None:
    zones = {"key": "topology.gke.io/zone", "operator": "In", "values": ["us-central1-a", "us-central1-b"]}
    made = storage_class(
        {
            "parameters": {"type": "hyperdisk-ml", "enable-multi-zone-provisioning": "true"},
            "allowedTopologies": [{"matchLabelExpressions": [zones]}],
        }
    )
    bound = persistent_volume(
        {
            "metadata": {"annotations": {"a": "b"}},
            "spec": {
                "storageClassName": "tie",
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [zones]}]}},
            },
        }
    )
    assert made.zones == bound.zones == ("us-central1-a", "us-central1-b")
    assert (made.in_every_zone, made.parameters["type"]) == (True, "hyperdisk-ml")
    assert (bound.storage_class, bound.annotations) == ("tie", {"a": "b"})


def test_a_service_leads_to_its_own_port_where_it_names_no_other() -> None:
    says = service({"spec": {"selector": {"app": "a"}, "ports": [{"port": 80, "targetPort": "http"}, {"port": 443}]}})
    assert says.ports == (ServicePort(80, "http"), ServicePort(443, 443))
    assert (says.selector, says.type) == ({"app": "a"}, "ClusterIP")


def test_a_budget_says_how_many_may_be_gone_or_must_stay() -> None:
    gone = disruption_budget({"spec": {"maxUnavailable": "10%", "selector": {"matchLabels": {"app": "a"}}}})
    stay = disruption_budget({"spec": {"minAvailable": 2}})
    assert (gone.selector, gone.unavailable) == (Selector({"app": "a"}, ()), "10%")
    assert (stay.selector, stay.unavailable, stay.available) == (None, None, 2)


@pytest.mark.parametrize(
    ("spec", "ways"),
    [
        ({}, {"Ingress"}),
        ({"egress": [{}]}, {"Ingress", "Egress"}),
        ({"policyTypes": ["Egress"]}, {"Egress"}),
    ],
)
def test_a_network_policy_is_about_callers_unless_it_says_more(spec: dict[str, Any], ways: set[str]) -> None:
    assert network_rules({"spec": spec}).ways == ways


@pytest.mark.parametrize(
    ("expression", "selects"),
    [
        ({"key": "app", "operator": "In", "values": ["a", "b"]}, True),
        ({"key": "app", "operator": "NotIn", "values": ["a"]}, False),
        ({"key": "app", "operator": "Exists"}, True),
        ({"key": "app", "operator": "DoesNotExist"}, False),
    ],
)
def test_an_expression_of_a_selector_asks_of_a_label(expression: dict[str, Any], selects: bool) -> None:
    rules = network_rules({"spec": {"podSelector": {"matchExpressions": [expression]}}})
    assert rules.selector.selects({"app": "a"}) is selects


def test_a_quota_leaves_out_what_is_no_quantity() -> None:
    says = quota(
        {"spec": {"hard": {"pods": 5, "requests.cpu": "500m", "limits.cpu": "many"}, "scopes": ["NotBestEffort"]}}
    )
    assert (says.hard, says.is_scoped) == ({"pods": 5, "requests.cpu": "500m"}, True)
