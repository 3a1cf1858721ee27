"""What a diff with a live cluster says of objects that nobody has changed since they were applied: nothing."""

from __future__ import annotations

from infra.diff.changes.compare import differences

from .api import Api
from .conftest import JUDGED, Deployed


def test_what_the_api_server_adds_is_no_difference(deployed: Deployed) -> None:
    found = {
        f"{item.kind} {item.object_name}": [(one.path, one.before, one.after) for one in changed]
        for item, wanted, answer in deployed.accepted
        if (changed := differences(item.kind, answer.object, wanted))
    }
    assert found == {}
    JUDGED["objects compared with what a plan says of them"] += len(deployed.accepted)


def test_what_somebody_changes_by_hand_is_a_difference(deployed: Deployed, api: Api) -> None:
    services = [(item, wanted) for item, wanted, _ in deployed.accepted if item.kind == "Service"]
    for item, wanted in services[:1]:
        live = api.request("GET", api.path_of(wanted)).object
        live["spec"]["selector"]["by-hand"] = "yes"
        found = differences(item.kind, live, wanted)
        assert [one.path for one in found] == ["spec.selector.by-hand"]
