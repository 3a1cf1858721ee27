"""Previews of Pulumi's, recorded with the real CLI (3.272, provider 4.34.2; what no reader needs is cut out)."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from infra.diff.changes.report import EnvironmentDiff
from infra.diff.comparison import compare_preview
from infra.diff.pulumi_preview import read_preview
from infra.diff.revisions.sides import How
from infra.plan.environments import UsageError

from .repository import Repo

RECORDED = Path(__file__).parent / "data" / "previews"
HOW = How(date(2026, 11, 21), picture=False)
DEPLOYMENT = "Deployment inference/qwen"
AGAIN = "make it again with `pulumi preview --json > FILE`"


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return found


def told(path: Path, head: str | None = None) -> EnvironmentDiff:
    (found,) = compare_preview(path, head, [], HOW).environments
    return found


def of(tmp_path: Path, digest: Any) -> Path:
    path = tmp_path / "preview.json"
    path.write_text(digest if isinstance(digest, str) else json.dumps(digest))
    return path


def step(digest: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in digest["steps"] if each["urn"].endswith(f"::{name}"))
    return found


def test_what_a_first_preview_creates_is_the_plan(repo: Repo) -> None:
    found = told(RECORDED / "create.json")
    assert {one.action for one in found.changes} == {"create"}
    assert len(found.changes) == found.resources == 7
    assert {one.component for one in found.changes} == {"Namespace/inference", "ModelServer/qwen"}


def test_an_update_is_told_with_the_fields_and_places_of_the_stack_file(repo: Repo) -> None:
    found = told(RECORDED / "update.json")
    (change,) = found.changes
    assert (change.resource, change.action, change.effect) == (DEPLOYMENT, "update", "restarted")
    assert change.at == ("models", "qwen")
    assert [one.path for one in change.fields] == [
        "spec.replicas",
        "spec.template.metadata.labels.team",
        "spec.template.spec.containers[llama-cpp].args[--ctx-size]",
    ]
    assert found.resources == 7
    assert found.file == "stacks/Pulumi.local.yaml"
    assert (found.new, found.cost, found.rules_held) == ((), None, None)


def test_the_providers_word_counts_more_than_our_table(repo: Repo, tmp_path: Path) -> None:
    digest = recorded("update")
    entry = step(digest, "qwen-deployment")
    entry["op"], entry["replaceReasons"] = "replace", ["spec.template.spec.containers[0].args[7]"]
    (change,) = told(of(tmp_path, digest)).changes
    assert (change.action, change.effect) == ("replace", "replaced")
    assert change.reason == "the provider makes it anew because of spec.template.spec.containers[0].args[7]"
    digest = recorded("replace")
    entry = step(digest, "qwen-deployment")
    entry["op"] = "update"
    (change,) = told(of(tmp_path, digest)).changes
    assert (change.action, change.effect) == ("update", "restarted")
    assert change.reason == "the provider updates it in place"


def test_our_table_says_of_a_recorded_replacement_what_the_provider_does(repo: Repo, tmp_path: Path) -> None:
    (change,) = told(RECORDED / "replace.json").changes
    assert (change.action, change.effect) == ("replace", "replaced")
    digest = recorded("replace")
    step(digest, "qwen-deployment").pop("replaceReasons")
    assert told(of(tmp_path, digest)).changes == (change,)


def test_a_new_name_is_told_as_one(repo: Repo) -> None:
    found = told(RECORDED / "rename.json")
    assert "Service inference/qwen → qwen2" in [one.resource for one in found.changes]
    assert found.resources == 7


def test_a_secret_stays_unknown_and_its_change_is_told(repo: Repo, tmp_path: Path) -> None:
    digest = recorded("update")
    entry = step(digest, "qwen-deployment")
    for state in ("oldState", "newState"):
        entry[state]["inputs"] = {
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "a"}, "stringData": "[secret]",
        }  # fmt: skip
        entry[state]["type"] = "kubernetes:core/v1:Secret"
    entry["urn"] = entry["urn"].replace("apps/v1:Deployment", "core/v1:Secret")
    entry["detailedDiff"] = {"stringData.token": {"kind": "update"}}
    (change,) = told(of(tmp_path, digest)).changes
    assert (change.resource, change.action, change.effect) == ("Secret a/s", "update", "harmless")
    assert change.reason == "the provider updates stringData.token, whose values are not shown"
    entry["op"] = "replace"
    (change,) = told(of(tmp_path, digest)).changes
    assert (change.action, change.reason) == ("replace", "the provider makes it anew because of stringData.token")


def test_a_cloud_resource_has_no_marks_of_the_bridge_and_whole_numbers(tmp_path: Path) -> None:
    urn = "urn:pulumi:dev::inference::inference:index:GpuNodePool$gcp:container/nodePool:NodePool::l4-pool"
    parent = "urn:pulumi:dev::inference::inference:index:GpuNodePool::l4"
    inputs = {"__defaults": [], "name": "l4", "nodeConfig": {"__defaults": ["x"], "diskSizeGb": 100.0}}
    state = {"urn": urn, "inputs": inputs, "parent": parent, "protect": True}
    found = read_preview(of(tmp_path, {"steps": [{"op": "same", "urn": urn, "oldState": state, "newState": state}]}))
    (pool,) = found.head.resources
    assert pool.key == "NodePool l4"
    assert (pool.component, pool.role, pool.protect) == ("GpuNodePool/l4", "pool", True)
    assert repr(pool.properties) == "{'name': 'l4', 'nodeConfig': {'diskSizeGb': 100}}"


def test_steps_of_a_refresh_and_of_providers_are_no_changes(tmp_path: Path) -> None:
    digest = recorded("update")
    digest["steps"] = [{**each, "op": "refresh"} for each in digest["steps"]]
    found = read_preview(of(tmp_path, digest))
    assert (found.base.resources, found.head.resources) == ((), ())


def test_outside_a_project_it_is_told_without_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = compare_preview(RECORDED / "update.json", None, [], HOW)
    assert report.environments[0].changes[0].component == "ModelServer/qwen"
    assert report.notes == (
        "local cannot be read here: resources that stay as they are, and their places, are unknown",
    )


def test_what_failed_in_the_preview_is_told(tmp_path: Path, repo: Repo) -> None:
    digest = recorded("update")
    digest["maybeCorrupt"] = True
    digest["diagnostics"] = [
        {"severity": "error", "message": "error: no access\nand more\n"},
        {"severity": "warning", "message": "w"},
    ]
    assert compare_preview(of(tmp_path, digest), None, [], HOW).notes == (
        "Pulumi says that this preview may be incomplete",
        "the preview failed: error: no access",
    )


def test_a_preview_of_another_environment_is_refused(repo: Repo) -> None:
    path = RECORDED / "update.json"
    with pytest.raises(UsageError) as refused:
        compare_preview(path, None, ["prod"], HOW)
    assert str(refused.value) == f'{path} is a preview of "local", not of "prod"'


WHOLE = (RECORDED / "update.json").read_text()
EVENTS = (RECORDED / "events.jsonl").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "FILE is empty: the preview failed before it printed anything; run it without --json to see"),
        (WHOLE[:5000], f"FILE:LAST  ends in the middle of the JSON: it was cut off; {AGAIN}"),
        (WHOLE.rstrip()[:-1], f"FILE:LAST  ends in the middle of the JSON: it was cut off; {AGAIN}"),
        ("[]", f"FILE is JSON, but not what `pulumi preview --json` prints: it has no steps; {AGAIN}"),
        ("{}", f"FILE is JSON, but not what `pulumi preview --json` prints: it has no steps; {AGAIN}"),
        ('{"steps": 1}', f"FILE is JSON, but not what `pulumi preview --json` prints: it has no steps; {AGAIN}"),
        ('{"steps": [1]}', f"FILE is JSON, but not what `pulumi preview --json` prints: it has no steps; {AGAIN}"),
        ('{"steps": [{}]}', f"FILE: step 1 has no op or no urn; {AGAIN}"),
        ('{"changeSummary": {}}', f"FILE: tells of 0 stacks (none), and one is needed; {AGAIN}"),
        (EVENTS, f"FILE holds a stream of events; unset PULUMI_ENABLE_STREAMING_JSON_PREVIEW and {AGAIN}"),
        ("Previewing update (dev)\n", "FILE:1  is no JSON; is --json missing?: pulumi preview --json > FILE"),
        ('warning: old\n{"steps": []}',
         "FILE:1  is no JSON; standard error goes elsewhere: pulumi preview --json > FILE"),
        ('{"steps": [x]}', f"FILE:1  is no JSON: Expecting value; {AGAIN}"),
    ],
)  # fmt: skip
def test_what_is_no_preview_is_refused_with_what_to_do(tmp_path: Path, text: str, message: str) -> None:
    path = of(tmp_path, text)
    with pytest.raises(UsageError) as refused:
        read_preview(path)
    wanted = message.replace("> FILE", "> \0").replace("FILE", str(path)).replace("\0", "FILE")
    assert str(refused.value) == wanted.replace("LAST", str(text.rstrip().count("\n") + 1))


def test_every_cut_of_a_preview_is_told_as_one(tmp_path: Path) -> None:
    for length in range(1, len(WHOLE.rstrip()), 613):
        with pytest.raises(UsageError, match="was cut off"):
            read_preview(of(tmp_path, WHOLE[:length]))


def test_two_stacks_in_one_file_are_refused(tmp_path: Path) -> None:
    digest = recorded("update")
    digest["steps"][0]["urn"] = digest["steps"][0]["urn"].replace(":local::", ":dev::")
    with pytest.raises(UsageError, match=r"tells of 2 stacks \(dev, local\), and one is needed"):
        read_preview(of(tmp_path, digest))
