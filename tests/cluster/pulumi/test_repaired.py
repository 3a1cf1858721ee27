"""What can go wrong with `pulumi up`, and that docs/how-to/recover-and-repair.md sets it right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ..api import Api, until
from ..cluster import START_SECONDS
from ..conftest import JUDGED
from ..deploy import is_rolled_out
from ..environments import Loaded, manifest
from ..registered import PROVIDER, local, uids, urns
from .behaviour import behaviour
from .checkout import Checkout

SLOW = local(
    replicas=2,
    annotations={START_SECONDS: "10"},
    rollout={"kind": "blue-green", "active": "blue", "green": {"env": {"SETTING": "new"}}},
)
MODEL = "qwen"
SPACE = "inference"
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": MODEL, "namespace": SPACE}}
UPSERT = {"PULUMI_K8S_UPSERT_EXISTING_OBJECTS": "true"}
FORCE = {"PULUMI_K8S_ENABLE_PATCH_FORCE": "true"}
_PATIENCE = 500
"""Seconds in which a started `up` reaches its middle, on a busy machine too."""


def _deployment(name: str) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": SPACE}}


def _write(checkout: Checkout, environment: Loaded) -> Loaded:
    checkout.write(environment.environment.model_dump(mode="json", exclude_unset=True))
    return environment


def _is_starting(api: Api) -> bool:
    found = api.find(_deployment(f"{MODEL}-blue"))
    return bool(found and found.get("status", {}).get("replicas") == 2 and not is_rolled_out(found))


def _has_service(api: Api) -> bool:
    return api.find(SERVICE) is not None


def _leads_to(api: Api) -> str:
    found = api.find(SERVICE)
    return str(found["spec"]["selector"]["color"]) if found else ""


@pytest.mark.parametrize(
    ("moment", "pending"),
    [(_is_starting, f"{MODEL}-blue-deployment"), (_has_service, f"{MODEL}-service")],
    ids=["pods-starting", "service-made"],
)
def test_an_up_killed_while_it_creates_is_adopted_and_nothing_is_made_twice(
    checkout: Checkout, api: Api, moment: Callable[[Api], bool], pending: str
) -> None:
    plan = _write(checkout, SLOW).plan
    with checkout.killed("up", "--skip-preview", "--yes"):
        until("the middle of the deployment", lambda: moment(api), _PATIENCE)
    before = uids(api, plan)
    assert any(api.find(manifest(item)) is None for item in urns(plan).values())

    locked = checkout.run("up", "--skip-preview", "--yes")
    assert locked.returncode != 0
    assert "locked" in locked.stderr
    checkout.done("cancel", "--yes")
    (operation,) = checkout.state()["pending_operations"]
    assert operation["resource"]["urn"].endswith(f"::{pending}")
    if behaviour().refuses_what_exists:
        blocked = checkout.run("up", "--skip-preview", "--yes")
        assert blocked.returncode != 0
        assert "already exists" in blocked.stdout

    checkout.up(**UPSERT)
    adopted = uids(api, plan)
    assert before.items() <= adopted.items()
    checkout.done("refresh", "--clear-pending-creates", "--yes")
    assert [urn.endswith(PROVIDER) for _, urn in checkout.up()] == [True]
    assert checkout.up() == []
    assert "pending_operations" not in checkout.state()
    assert uids(api, plan).items() >= adopted.items()
    assert {resource["urn"] for resource in checkout.state()["resources"]} >= urns(plan).keys()
    JUDGED["killed runs of `pulumi up` that were repaired as documented"] += 1


def test_an_up_killed_while_it_switches_is_finished_by_the_next(checkout: Checkout, api: Api) -> None:
    plan = _write(checkout, SLOW).plan
    checkout.up()
    before = uids(api, plan)
    _write(checkout, SLOW.with_active(MODEL, "green"))
    with checkout.killed("up", "--skip-preview", "--yes"):
        until("the Service to move", lambda: _leads_to(api) == "green", _PATIENCE)
    assert all(is_rolled_out(api.find(_deployment(f"{MODEL}-{color}"))) for color in ("blue", "green"))

    checkout.done("cancel", "--yes")
    checkout.up()
    assert checkout.up() == []
    assert "pending_operations" not in checkout.state()
    assert uids(api, plan) == before
    JUDGED["killed runs of `pulumi up` that were repaired as documented"] += 1


@pytest.fixture
def deployed_model(checkout: Checkout) -> str:
    """The shipped `local`, deployed; the URN of its Deployment."""
    checkout.up()
    (urn,) = [urn for urn, item in urns(local().plan).items() if item.kind == "Deployment"]
    return urn


def _edit(api: Api, manager: str, *, first: tuple[str, ...] = (), last: tuple[str, ...] = (), **spec: Any) -> None:
    """Leave our variables and give the container others around them, as a program of that name does."""
    found = api.find(_deployment(MODEL))
    assert found
    containers = found["spec"]["template"]["spec"]["containers"]
    ours = [entry for entry in containers[0]["env"] if not entry["name"].startswith("BY_HAND")]
    before, after = ([{"name": name, "value": "yes"} for name in names] for names in (first, last))
    containers[0]["env"] = [*before, *ours, *after]
    change = {"template": {"spec": {"containers": containers}}, **spec}
    api.patch(found, {"spec": change}, fieldManager=manager)


def _variables(api: Api) -> list[str]:
    found = api.find(_deployment(MODEL))
    assert found
    return [entry["name"] for entry in found["spec"]["template"]["spec"]["containers"][0]["env"]]


def _see_replicas(checkout: Checkout, deployment: str) -> None:
    """A preview with a refresh shows replicas that something else set: as an update, or as the conflict it ends in."""
    if not behaviour().previews_conflicts:
        assert checkout.preview("--refresh") == [("update", deployment)]
        return
    refused = checkout.run("preview", "--refresh")
    assert refused.returncode != 0
    assert "conflict" in refused.stdout
    assert ".spec.replicas" in refused.stdout


def test_what_kubectl_edit_changed_is_seen_with_a_refresh_only_and_taken_back(
    checkout: Checkout, api: Api, deployed_model: str
) -> None:
    _edit(api, "kubectl-edit", last=("BY_HAND",))
    assert checkout.preview("--refresh") == []  # nothing of ours was changed or moved
    _edit(api, "kubectl-edit", last=("BY_HAND",), replicas=2)
    assert checkout.preview() == []
    _see_replicas(checkout, deployed_model)

    assert checkout.up("--refresh") == [("update", deployed_model)]
    found = api.find(_deployment(MODEL))
    assert found
    assert found["spec"]["replicas"] == 1
    assert "BY_HAND" not in _variables(api)
    assert checkout.preview("--refresh") == []
    JUDGED["drifts that were repaired as documented"] += 1


def test_a_field_that_another_manager_owns_is_in_conflict_until_it_is_taken_by_force(
    checkout: Checkout, api: Api, deployed_model: str
) -> None:
    api.patch(_deployment(MODEL), {"spec": {"replicas": 2}}, subresource="scale", fieldManager="kubectl")
    _see_replicas(checkout, deployed_model)
    refused = checkout.run("up", "--refresh", "--skip-preview", "--yes")
    assert refused.returncode != 0
    assert "conflict" in refused.stdout
    assert ".spec.replicas" in refused.stdout

    assert ("update", deployed_model) in checkout.up(**FORCE)
    assert [urn.endswith(PROVIDER) for _, urn in checkout.up()] == [True]
    found = api.find(_deployment(MODEL))
    assert found
    assert found["spec"]["replicas"] == 1
    assert checkout.preview("--refresh") == []
    JUDGED["drifts that were repaired as documented"] += 1


def test_what_another_program_added_stays_until_it_is_taken_out_with_kubectl(
    checkout: Checkout, api: Api, deployed_model: str
) -> None:
    _edit(api, "some-dashboard", last=("BY_HAND",))
    assert checkout.preview("--refresh") == []  # what stands last is not seen
    _edit(api, "some-dashboard", first=("BY_HAND_TOO",), last=("BY_HAND",))
    assert checkout.preview("--refresh") == [("update", deployed_model)]
    checkout.up("--refresh", **FORCE)
    assert {"BY_HAND_TOO", "BY_HAND"} <= {*_variables(api)}

    _edit(api, "kubectl-edit")
    checkout.up("--refresh")
    assert not {"BY_HAND_TOO", "BY_HAND"} & {*_variables(api)}
    assert checkout.preview("--refresh") == []
    JUDGED["drifts that were repaired as documented"] += 1
