"""What the how-to pages promise is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.core.plan import Item, Plan
from components.cost.estimate import estimate
from components.proofs.rules import RULES, prove
from infra.policy.registered import JUDGED, NOT_JUDGED
from infra.prove.prove import prove_environment
from infra.render.render import render
from infra.stack.stackfile import StackError
from tests.docs.pages import ROOT, blocks, joined, merged, planned, stack_blocks
from tests.docs.test_snippets import TODAY


def _items(plan: Plan) -> dict[str, Item]:
    return {f"{part.key}.{item.role}": item for part, item in plan.items()}


def _prod(**models: Any) -> dict[str, Any]:
    stack = yaml.safe_load((ROOT / "stacks/Pulumi.prod.yaml").read_text(encoding="utf-8"))
    return dict(merged(stack, {"config": {"inference:models": models}}))


def test_the_objects_of_a_new_model_are_those_the_page_lists(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/add-a-model.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| ([A-Z]\w+) \|", page, re.MULTILINE))
    plan = planned(joined(stack_blocks("add-a-model.md")[0]), tmp_path).plan
    (part,) = [part for part in plan.parts if part.path == ("models", "chat")]
    assert {item.kind for item in part.items} == listed
    assert part.outputs["url"] == "http://chat.inference.svc.cluster.local"
    assert f"`{part.outputs['url']}`" in page


def test_ten_lines_add_a_model() -> None:
    assert len(stack_blocks("add-a-model.md")[0].text.splitlines()) == 10


def test_taking_a_protection_off_changes_nothing_but_the_protection(tmp_path: Path) -> None:
    before = _items(planned(_prod(), tmp_path).plan)
    after = _items(planned(joined(stack_blocks("remove-a-protected-model.md")[0]), tmp_path).plan)
    changed = [key for key in before if before[key] != after[key]]
    assert changed == ["ModelServer/arr-coc-vlm.cache"]
    assert before[changed[0]].protect
    assert not after[changed[0]].protect
    assert before[changed[0]].properties == after[changed[0]].properties


def test_an_undeclared_namespace_goes_with_its_last_model_and_a_declared_one_stays(tmp_path: Path) -> None:
    def left(stack: dict[str, Any]) -> set[str]:
        del stack["config"]["inference:models"]["arr-coc-vlm"]
        plan = planned(stack, tmp_path).plan
        return {part.name for part in plan.parts if part.kind == "Namespace"}

    undeclared = _prod()
    del undeclared["config"]["inference:namespaces"]
    assert "production" not in left(undeclared)
    assert "production" in left(_prod())


def test_removing_a_model_names_the_routes_that_still_lead_to_it(tmp_path: Path) -> None:
    stack = _prod()
    del stack["config"]["inference:models"]["llama"]
    with pytest.raises(StackError, match=r"traffic\.llama\.model"):
        planned(stack, tmp_path)


def test_going_from_one_colour_to_the_other_is_three_changes_in_the_order_told(tmp_path: Path) -> None:
    blue, green = (
        planned(_prod(chat={"rollout": {"kind": "blue-green", "active": active}}), tmp_path).plan
        for active in ("blue", "green")
    )
    before = _items(blue)
    changed = [(key, item) for key, item in _items(green).items() if item.properties != before[key].properties]
    assert [key.rpartition(".")[2] for key, _ in changed] == ["green-deployment", "service", "blue-deployment"]
    for key, item in changed:
        if item.kind == "Deployment":
            template = item.properties["spec"]["template"]
            assert template == before[key].properties["spec"]["template"], "a switch restarts no pod"
    roles = {item.role: item for part, item in green.items() if part.key == "BlueGreen/chat"}
    assert "green-deployment" in roles["service"].after
    assert "service" in roles["blue-deployment"].after


def test_a_new_kind_of_rollout_takes_over_what_the_old_one_made(tmp_path: Path) -> None:
    rolling, canary = (
        planned(_prod(chat={"rollout": rollout}), tmp_path).plan
        for rollout in ({"kind": "rolling"}, {"kind": "canary", "canary": {"replicas": 1}})
    )
    before, after = (next(part for part in plan.parts if part.path == ("models", "chat")) for plan in (rolling, canary))
    assert before.kind in after.siblings
    assert after.kind in before.siblings
    kept = {item.name for item in before.items} & {item.name for item in after.items}
    assert {"chat-service", "chat-service-account", "chat-network-policy"} <= kept


def test_a_token_version_restarts_pods_and_nothing_else_depends_on_it(tmp_path: Path) -> None:
    first, *_, rotated = stack_blocks("keep-the-hub-token.md")
    before, after = (_items(planned(joined(block), tmp_path).plan) for block in (first, rotated))
    assert [key for key in before if before[key] != after[key]] == ["ModelServer/llama.deployment"]
    notes = after["ModelServer/llama.deployment"].properties["spec"]["template"]["metadata"]["annotations"]
    assert notes["inference/hf-token-version"] == "2026-11"


def test_a_pulumi_secret_is_rendered_as_a_placeholder_that_nothing_applies(tmp_path: Path) -> None:
    (block,) = [block for block in stack_blocks("keep-the-hub-token.md") if "kind: pulumi" in block.text]
    render(planned(joined(block), tmp_path).plan, tmp_path / "out")
    secret = tmp_path / "out/kubernetes/inference/secret-llama-hf-token.yaml"
    assert "${secret:hf_token}" in secret.read_text(encoding="utf-8")
    listed = yaml.safe_load((tmp_path / "out/kubernetes/kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert listed
    assert "inference/secret-llama-hf-token.yaml" not in listed
    assert "kubectl get -f inference/secret-llama-hf-token.yaml" in (tmp_path / "out/kubernetes/stages.txt").read_text()


def test_a_waiver_holds_through_its_last_day_and_is_an_error_the_day_after(tmp_path: Path) -> None:
    (block,) = stack_blocks("waive-a-finding.md")
    loaded = planned(joined(block), tmp_path)
    waivers = loaded.environment.policy.waive
    last = TODAY.fromisoformat(waivers[0].until)
    held = prove_environment("prod", loaded.plan, waivers, last)
    assert [waived.finding.rule for waived in held.waived] == ["image-without-digest"]
    assert held.errors == ()
    after = prove_environment("prod", loaded.plan, waivers, TODAY.fromisoformat("2027-02-01"))
    assert [finding.rule for finding in after.errors] == ["expired-waiver"]


def test_a_stated_use_makes_the_band_one_number_and_deploys_nothing(tmp_path: Path) -> None:
    use, ceiling = stack_blocks("know-the-cost.md")
    stated = planned(joined(use), tmp_path).plan
    (qwen,) = [model for model in estimate(stated).models if model.at == "models.qwen"]
    hourly = qwen.replica_usd_per_hour
    assert hourly is not None
    assert qwen.band.expected == pytest.approx((1 + 1.5 * 8 / 24) * hourly * 730)
    assert qwen.million_tokens is not None
    assert qwen.million_tokens[0] == pytest.approx(hourly / (900 * 3600 / 1e6))
    held = planned(joined(ceiling), tmp_path).plan
    assert _items(stated) == _items(held)
    assert [finding.rule for finding in prove(held) if RULES[finding.rule].proof == "budget"] == []


@pytest.mark.parametrize("name", ["dev", "local", "prod", "staging"])
def test_what_the_pages_say_of_shipped_stack_files_holds(name: str) -> None:
    text = (ROOT / f"stacks/Pulumi.{name}.yaml").read_text(encoding="utf-8")
    assert "secure:" not in text
    assert "encryptionsalt" not in text
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")


def test_the_page_on_the_policy_pack_lists_exactly_the_rules_that_it_does_not_judge() -> None:
    page = (ROOT / "docs/how-to/enforce-the-proofs.md").read_text(encoding="utf-8")
    table = page.partition("| left to `infra check` |")[2].partition("\n\n")[0]
    listed = set(re.findall(r"`([a-z-]+)`", table))
    assert "all of memory fit" in table
    assert listed | {rule.id for rule in RULES.values() if rule.proof == "memory fit"} == NOT_JUDGED.keys()


def test_the_levels_on_the_page_of_the_policy_pack_are_of_rules_that_it_judges() -> None:
    (block,) = [block for block in blocks("json") if block.page.name == "enforce-the-proofs.md"]
    assert json.loads(block.text).keys() <= JUDGED.keys()


def test_every_variable_that_a_workflow_reads_is_on_the_page_that_turns_them_on() -> None:
    page = (ROOT / "docs/how-to/set-up-pull-request-previews.md").read_text(encoding="utf-8")
    files = [path.read_text(encoding="utf-8") for path in (ROOT / ".github/workflows").glob("*.yml")]
    read = {name for text in files for name in re.findall(r"vars\.([A-Z_]+)", text)}
    assert read
    assert read == set(re.findall(r"`([A-Z]+_[A-Z_]+)`", page))
