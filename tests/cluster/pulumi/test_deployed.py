"""`pulumi up` on the control plane, from a copy of the repository: deploy, switch, take down."""

from __future__ import annotations

from typing import Any

from ..api import Api, until
from ..conftest import JUDGED
from ..deploy import is_rolled_out, ready_endpoints
from ..environments import Loaded, manifest
from ..registered import implied, local, uids, urns
from ..watcher import EndpointWatch
from .checkout import Checkout

BLUE_GREEN = local(
    replicas=2,
    rollout={"kind": "blue-green", "active": "blue", "green": {"env": {"SETTING": "new"}}},
)
CLAIM = {"kind": "claim", "size": "2Gi", "access_mode": "ReadWriteOnce"}
MODEL = "qwen"
SPACE = "inference"
_PASSING = ("Event", "PersistentVolume")
"""Kinds that outlive what they are about: events for an hour, and a volume until its driver, which is not here, has
deleted the disk."""


def _deploy(checkout: Checkout, environment: Loaded) -> list[tuple[str, str]]:
    checkout.write(environment.environment.model_dump(mode="json", exclude_unset=True))
    JUDGED["runs of `pulumi up` that did what the plan says"] += 1
    return checkout.up()


def _present(api: Api) -> set[tuple[str, str, str]]:
    """Every object of every kind, in every namespace or in none."""
    return {
        (kind, found["metadata"].get("namespace", ""), found["metadata"]["name"])
        for api_version, kind in api.listed()
        if kind not in _PASSING
        for found in api.list(api_version, kind)
    }


def test_an_up_makes_exactly_the_plan_and_a_second_changes_nothing(checkout: Checkout, api: Api) -> None:
    told = checkout.done("up", "--yes")
    plan = local().plan
    made = [resource for resource in checkout.state()["resources"] if resource["type"].startswith("kubernetes:")]
    assert {resource["urn"] for resource in made} == urns(plan).keys()
    for item in urns(plan).values():
        found = api.find(manifest(item))
        assert found, item.name
        assert item.kind != "Deployment" or is_rolled_out(found)
    assert f"http://{MODEL}.{SPACE}.svc.cluster.local" in told

    before = uids(api, plan)
    assert checkout.up() == []
    assert uids(api, plan) == before
    JUDGED["runs of `pulumi up` that did what the plan says"] += 2


def test_a_switch_there_and_back_is_the_updates_the_plan_implies_in_its_order(checkout: Checkout, api: Api) -> None:
    blue, green = BLUE_GREEN, BLUE_GREEN.with_active(MODEL, "green")
    _deploy(checkout, blue)
    service: dict[str, Any] = {"metadata": {"name": MODEL, "namespace": SPACE}}
    before = uids(api, blue.plan)
    with EndpointWatch(api, SPACE, MODEL) as watch:
        for here, there in ((blue, green), (green, blue)):
            wanted = implied(here.plan, there.plan)
            color = there.environment.models[MODEL].rollout.active  # type: ignore[union-attr]
            assert [urns(there.plan)[urn].object_name for _, urn in wanted][:2] == [f"{MODEL}-{color}", MODEL]
            assert len(wanted) == 3
            assert _deploy(checkout, there) == wanted
            serving = until("endpoints", lambda: ready_endpoints(api, service))
            assert {name.rpartition("-")[0].rpartition("-")[0] for name in serving} == {f"{MODEL}-{color}"}
    assert watch.fewest >= 2
    assert uids(api, blue.plan) == before
    JUDGED["blue-green switches with ready endpoints at every moment"] += 2


def test_a_destroy_spares_what_is_protected_and_without_protection_leaves_nothing(checkout: Checkout, api: Api) -> None:
    empty = _present(api)
    protected = local(cache=CLAIM)
    _deploy(checkout, protected)
    before = uids(api, protected.plan)

    refused = checkout.run("destroy", "--yes")
    assert refused.returncode != 0
    assert f"{MODEL}-cache" in refused.stdout + refused.stderr
    assert uids(api, protected.plan) == before

    assert _deploy(checkout, local(cache={**CLAIM, "protect": False})) == []
    checkout.done("destroy", "--yes")
    assert checkout.state().get("resources", []) == []
    assert _present(api) == empty
