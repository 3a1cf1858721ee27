"""A snapshot survives being written, by older and newer code too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.diff.snapshots.from_plan import snapshot_of
from infra.diff.snapshots.serial import SerialError, from_json, to_json
from infra.diff.snapshots.snapshot import Snapshot
from infra.plan.environments import load

from ..stacks import ROOT, TODAY


@pytest.mark.parametrize("name", ["dev", "local", "prod", "staging"])
def test_a_snapshot_comes_back_as_it_was(name: str) -> None:
    one = snapshot_of(load(ROOT / f"stacks/Pulumi.{name}.yaml", None), today=TODAY)
    assert from_json(json.loads(json.dumps(to_json(one)))) == one


def test_a_snapshot_knows_the_versions_of_a_model_and_which_resources_are_whose() -> None:
    one = snapshot_of(load(ROOT / "stacks/Pulumi.prod.yaml", None), today=TODAY, proved=False, cost=False)
    read = from_json(json.loads(json.dumps(to_json(one))))
    owners = {
        entry.role: track.name
        for entry in read.resources
        if entry.component.startswith("BlueGreen/") and (track := read.track(entry))
    }
    assert set(owners.values()) == {"blue", "green"}
    assert owners["blue-deployment"] == owners["blue-disruption-budget"] == "blue"
    assert "service" not in owners


def test_keys_that_nobody_knows_and_keys_that_are_missing_do_no_harm() -> None:
    entry = {
        "key": "Service a", "type": "kubernetes:core/v1:Service", "kind": "Service", "namespace": "", "name": "a",
        "component": "", "at": [], "role": "", "properties": {}, "of_tomorrow": 1,
    }  # fmt: skip
    found = from_json({"environment": "dev", "resources": [entry], "of_tomorrow": {}})
    assert (found.environment, found.resources[0].key, found.findings) == ("dev", "Service a", None)


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        {"environment": "dev", "format": 2},
        {"environment": "dev", "resources": [{}]},
        {"environment": "dev", "resources": 3},
        {"environment": "dev", "nodes": [{"pool": "a"}]},
        {"environment": "dev", "findings": 3},
    ],
)
def test_what_is_no_snapshot_is_refused_with_advice(data: Any) -> None:
    with pytest.raises(SerialError, match="infra snapshot"):
        from_json(data)


def test_an_empty_snapshot_is_one() -> None:
    assert from_json(to_json(Snapshot("dev"))) == Snapshot("dev")
