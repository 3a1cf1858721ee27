"""Services, weights and subsets, followed to the pods they end at."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from components.core.plan import Plan

from .api import Api, until
from .conftest import JUDGED, Deployed
from .deploy import apply_plan, await_rollout, nodes_of, ready_endpoints, stand_ins
from .environments import manifests, reference

_WHOLE = 100


def _ready(api: Api, plan: Plan) -> None:
    for item, wanted in manifests(plan):
        for controller in [wanted] if item.kind == "Deployment" else stand_ins(wanted):
            await_rollout(api, controller)


def _pods_behind(api: Api, service: dict[str, Any], labels: dict[str, str]) -> list[dict[str, Any]]:
    """The pods that a Service leads to and that carry all labels."""
    names = ready_endpoints(api, service)
    pods = api.list("v1", "Pod", service["metadata"]["namespace"])
    return [
        pod for pod in pods if pod["metadata"]["name"] in names and labels.items() <= pod["metadata"]["labels"].items()
    ]


def test_every_service_leads_to_ready_pods_on_every_port(deployed: Deployed, api: Api) -> None:
    _ready(api, deployed.loaded.plan)
    for _, item in deployed.loaded.plan.objects("Service"):
        service = api.find(dict(item.properties))
        assert service is not None
        pods = until(f"ready endpoint of {item.object_name}", partial(ready_endpoints, api, service), 30)
        slices = api.list(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            item.namespace,
            labelSelector=f"kubernetes.io/service-name={item.object_name}",
        )
        for found in slices:
            named = {port.get("name") or "" for port in found.get("ports") or ()}
            assert named == {port.get("name", "") for port in service["spec"]["ports"]}, item.object_name
        JUDGED["endpoints of Services"] += len(pods)


def _destinations(route: dict[str, Any]) -> Iterator[tuple[list[dict[str, Any]], int]]:
    for rule in route["spec"].get("http", ()):
        targets = rule.get("route", [])
        weights = [target.get("weight", _WHOLE) for target in targets]
        yield [target["destination"] for target in targets], sum(weights)


def test_weights_and_subsets_resolve_to_the_endpoints_they_name(deployed: Deployed, api: Api) -> None:
    plan = deployed.loaded.plan
    _ready(api, plan)
    subsets = {
        (rule["spec"]["host"], subset["name"]): subset["labels"]
        for rule in api.list("networking.istio.io/v1", "DestinationRule")
        for subset in rule["spec"].get("subsets", ())
    }
    for _, item in plan.objects("VirtualService"):
        route = api.find(dict(item.properties))
        assert route is not None
        for destinations, weight in _destinations(route):
            assert weight == _WHOLE
            for destination in destinations:
                name, space, *rest = destination["host"].split(".")
                assert rest == ["svc", "cluster", "local"]
                service = api.get("v1", "Service", space, name)
                numbers = [port["port"] for port in service["spec"]["ports"]]
                assert destination.get("port", {}).get("number", numbers[0]) in numbers
                subset = destination.get("subset")
                labels = subsets[destination["host"], subset] if subset else {}
                pods = until(f"pod behind {destination}", partial(_pods_behind, api, service, labels), 30)
                owners = {pod["metadata"]["ownerReferences"][0]["name"].rpartition("-")[0] for pod in pods}
                assert subset is None or len(owners) == 1, f"{destination} leads to pods of {owners}"
                JUDGED["route destinations that lead to ready pods"] += 1


def test_a_canary_by_pods_gets_its_share_of_the_endpoints(empty: Api) -> None:
    loaded = reference("canary")
    nodes_of(empty, loaded)
    apply_plan(empty, loaded.plan, wait=True)
    service = empty.get("v1", "Service", "inference", "canary")
    shares = {track: len(_pods_behind(empty, service, {"version": track})) for track in ("stable", "canary")}
    assert shares == {"stable": 9, "canary": 1}
