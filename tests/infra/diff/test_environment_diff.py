"""Two snapshots as one diff: changes, headlines, findings and cost."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.secrets import SECRET
from components.cost.figures import LineFigures
from components.proofs.finding import FindingEntry
from infra.diff.changes.report import EnvironmentDiff
from infra.diff.environment_diff import diff
from infra.diff.snapshots.snapshot import Resource, Snapshot

from .stacks import sides, snapshot, stack
from .trees import changed, real_resources


def rows(found: EnvironmentDiff) -> list[tuple[str, str, str]]:
    return [(row.effect, row.what, row.means) for row in found.headlines]


def resource(kind: str, properties: dict[str, Any], name: str = "a", component: str = "") -> Resource:
    token = f"kubernetes:apps/v1:{kind}"
    return Resource(f"{kind} n/{name}", token, kind, "n", name, component, (), "", properties)


def test_one_flag_one_machine_type_and_one_weight_are_told_as_these_three_things(tmp_path: Path) -> None:
    base, head = sides(
        "prod",
        {
            "models.arr-coc-vlm.engine.args.8": "45",
            "node_pools.a100-spot.machine_type": "a2-highgpu-2g",
            "traffic.llama.rules.1.to": {"v1": 60, "v2": 40},
        },
        tmp_path,
    )
    found = diff(base, head)
    assert [(row.effect, row.at) for row in found.headlines] == [
        ("replaced", ("node_pools", "a100-spot")),
        ("restarted", ("models", "arr-coc-vlm")),
        ("rerouted", ("traffic", "llama")),
    ]
    assert "machine type a2-highgpu-1g → a2-highgpu-2g" in found.headlines[0].what
    assert found.headlines[1].what == "`arr-coc-vlm` restarts: `--timeout-graceful-shutdown` 30 → 45"
    assert found.headlines[2].what == "route `llama`: v1 80 % → 60 %, v2 20 % → 40 %"
    assert all(row.means and row.line for row in found.headlines)
    assert found.disruptive == 2


def test_an_environment_that_stays_is_unchanged(tmp_path: Path) -> None:
    base, head = sides("staging", {}, tmp_path)
    found = diff(base, head)
    assert (found.status, found.changes, found.headlines) == ("unchanged", (), ())
    assert found.resources == len(head.resources)
    assert found.standing == head.findings


def test_an_environment_that_is_new_or_goes_lists_all_it_is(tmp_path: Path) -> None:
    one, _ = sides("dev", {}, tmp_path)
    new, gone = diff(None, one), diff(one, None)
    assert (new.status, gone.status) == ("added", "removed")
    assert {(change.action, change.effect) for change in new.changes} == {("create", "added")}
    assert {(change.action, change.effect) for change in gone.changes} == {("delete", "removed")}
    assert ("added", "`qwen` is new: vLLM v0.24.0-cu129") in [(row.effect, row.what) for row in new.headlines]
    assert ("removed", "`qwen` is removed") in [(row.effect, row.what) for row in gone.headlines]
    assert (gone.resources, gone.rules_held) == (0, None)


def test_nothing_on_both_sides_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="neither side"):
        diff(None, None)


def test_a_side_that_cannot_be_read_says_so_and_the_other_is_shown(tmp_path: Path) -> None:
    one, _ = sides("dev", {}, tmp_path)
    broken = Snapshot("dev", errors=("stacks/Pulumi.dev.yaml:3  cluster  is required",))
    unread = diff(one, broken)
    assert (unread.status, unread.head_errors) == ("unreadable", broken.errors)
    found = diff(broken, one)
    assert (found.status, found.base_errors, found.resources) == ("added", broken.errors, len(one.resources))
    assert found.headlines == ()


def test_a_model_under_another_name_is_a_rename(tmp_path: Path) -> None:
    values = deepcopy(stack("dev"))
    models = values["config"]["inference:models"]
    models["quen"] = models.pop("qwen")
    found = diff(snapshot(stack("dev"), tmp_path / "a", "dev"), snapshot(values, tmp_path / "b", "dev"))
    renamed = [change for change in found.changes if change.action == "rename"]
    assert [change.resource for change in renamed] == [
        "ServiceAccount inference/qwen → quen",
        "NetworkPolicy inference/qwen → quen",
        "PodDisruptionBudget inference/qwen → quen",
        "Deployment inference/qwen → quen",
        "Service inference/qwen → quen",
    ]
    assert not [change for change in found.changes if change.action in ("create", "delete")]
    assert found.headlines[0].what == "`qwen` is renamed: it becomes `quen`"
    assert "clients of `qwen` must call `quen` from now on" in found.headlines[0].means


def test_a_model_in_another_namespace_is_a_rename(tmp_path: Path) -> None:
    base, head = sides("dev", {"models.qwen.namespace": "tenants"}, tmp_path)
    found = diff(base, head)
    assert found.headlines[0].what == "`qwen` moves from namespace `inference` to `tenants`"
    assert "clients of `qwen.inference` must call `qwen.tenants` from now on" in found.headlines[0].means
    change = next(change for change in found.changes if change.resource.startswith("Deployment inference/qwen"))
    assert (change.action, change.resource) == ("rename", "Deployment inference/qwen → tenants/qwen")


def test_a_new_component_of_the_same_object_is_no_change() -> None:
    one = resource("Deployment", {"spec": {"replicas": 1}}, component="ModelServer/a")
    base, head = (Snapshot("dev", (replace(one, component=name),)) for name in ("ModelServer/a", "Canary/a"))
    assert diff(base, head).status == "unchanged"


def test_pods_that_follow_a_file_say_which(tmp_path: Path) -> None:
    base, head = sides("dev", {"observability.prometheus": {"kind": "standalone", "interval_seconds": 30}}, tmp_path)
    found = diff(base, head)
    reasons = {change.resource: (change.effect, change.reason) for change in found.changes}
    assert reasons["Deployment monitoring/prometheus-server"] == (
        "restarted",
        "its pods are made anew to read ConfigMap prometheus-server, which changes",
    )
    assert reasons["ConfigMap monitoring/prometheus-server"] == (
        "harmless",
        "Deployment prometheus-server restarts to read it",
    )


def test_a_canary_that_takes_a_models_place_replaces_its_pods(tmp_path: Path) -> None:
    base, head = sides("staging", {"models.llama.rollout": None}, tmp_path)
    found = diff(base, head)
    assert [(row.effect, row.at) for row in found.headlines] == [("replaced", ("models", "llama"))]


def test_no_secret_is_ever_told() -> None:
    def pods(token: str) -> dict[str, Any]:
        env = [{"name": "API_KEY", "value": token}, {"name": "HF_TOKEN", "value": f"hf_{token * 3}"}]
        return {
            "spec": {"template": {"spec": {"containers": [{"name": "a", "env": env, "args": ["--api-key", token]}]}}}
        }

    for before, after in (
        (resource("Deployment", pods("secret1")), resource("Deployment", pods("secret2"))),
        (resource("Deployment", {"spec": {}}), resource("Deployment", pods("secret2"))),
        (resource("Secret", {"data": {"a": "c2VjcmV0MQ=="}}), resource("Secret", {"data": {"a": "c2VjcmV0Mg=="}})),
        (resource("Secret", {}), resource("Secret", {"stringData": {"a": "secret2"}})),
    ):
        found = diff(Snapshot("dev", (before,)), Snapshot("dev", (after,)))
        assert found.changes
        assert SECRET in str(found)
        assert "secret1" not in str(found)
        assert "secret2" not in str(found)
        assert "c2Vj" not in str(found)


def test_what_goes_of_a_component_that_stays_is_named() -> None:
    kept, gone = (replace(resource("Deployment", {"spec": {}}, name), component="BlueGreen/a") for name in ("x", "y"))
    base = Snapshot("dev", (kept, gone))
    assert diff(base, Snapshot("dev", (kept,))).headlines[0].what == "`a`: Deployment `y` removed"
    assert diff(base, Snapshot("dev")).headlines[0].what == "`a` is removed"


def test_a_cost_that_changes_alone_is_a_change() -> None:
    def priced(usd: float) -> Snapshot:
        line: LineFigures = {"at": "a", "what": "b", "kind": "disk", "min_usd": usd, "max_usd": usd}
        return Snapshot("dev", cost={"total": {"min_usd": usd, "max_usd": usd}, "lines": [line]})

    assert diff(priced(5), priced(7)).status == "changed"
    assert diff(priced(5), priced(5)).status == "unchanged"
    assert diff(Snapshot("dev"), priced(5)).status == "unchanged"


def test_a_secret_of_a_field_is_in_no_text_of_a_diff() -> None:
    one, other = (resource("Secret", {"stringData": {"a": text}}) for text in ("$(first secret", "$(second secret"))
    finding: FindingEntry = {"rule": "r", "severity": "error", "at": "a", "message": "it has $(second secret inside"}
    found = diff(Snapshot("dev", (one,), findings=()), Snapshot("dev", (other,), findings=(finding,)))
    assert "has [secret] inside" in str(found.new)
    assert "t secret" not in str(found)


def test_errors_of_either_side_show_no_credential() -> None:
    broken = Snapshot("dev", errors=("prod.yaml:3: hf_" + "x" * 20,))
    for pair in ((broken, Snapshot("dev")), (Snapshot("dev"), broken)):
        assert "xxx" not in str(diff(*pair))


def test_a_secret_that_only_refers_to_a_value_is_told() -> None:
    base, head = (Snapshot("dev", (resource("Secret", {"stringData": {"a": f"${{secret:{key}}}"}}),)) for key in "ab")
    assert diff(base, head).changes[0].fields[0].after == "${secret:b}"


def test_the_head_comes_in_its_order_and_what_is_gone_last() -> None:
    names = {name: resource("Deployment", {"spec": {"replicas": ord(name)}}, name) for name in "abcd"}
    other = {name: replace(one, properties={"spec": {"replicas": 0}}) for name, one in names.items()}
    base = Snapshot("dev", (names["a"], names["b"], names["c"]))
    head = Snapshot("dev", (other["c"], names["d"], other["a"]))
    assert [change.resource[-1] for change in diff(base, head).changes] == ["c", "d", "a", "b"]


def test_effects_come_worst_first(tmp_path: Path) -> None:
    base, head = sides(
        "prod",
        {"models.chat.rollout.active": "green", "node_pools.a100-spot.provisioning": "on-demand",
         "node_pools.a100-spot.shutdown_grace_seconds": None, "models.llama": None,
         "traffic": {}},
        tmp_path,
    )  # fmt: skip
    effects = [row.effect for row in diff(base, head).headlines]
    assert effects == sorted(effects, key=["replaced", "removed", "restarted", "rerouted"].index)
    assert effects[0] == "replaced"


def test_notes_of_both_sides_are_kept_once() -> None:
    base, head = Snapshot("dev", notes=("a", "b")), Snapshot("dev", notes=("b", "c"))
    assert diff(base, head).notes == ("a", "b", "c")


@given(st.data())
def test_objects_that_were_edited_by_hand_are_compared_all_the_same(data: st.DataObject) -> None:
    kind, tree = data.draw(st.sampled_from(real_resources()))
    one = resource(kind, tree)
    found = diff(
        Snapshot("dev", (replace(one, properties=changed(data, tree)),)),
        Snapshot("dev", (replace(one, properties=changed(data, tree)),)),
    )
    assert len(found.changes) == len(found.headlines)
