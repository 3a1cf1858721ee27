"""`infra migrate`: the block it prints gives a model another engine, and the environment is still proved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.catalog.table import engine_rows
from components.engines.flag_tables import concepts, flags_of, lacks_of, settings_of
from components.engines.registry import BY_KIND
from components.serving.migration import targets
from infra import cli
from infra.commands.migrate import change
from infra.plan.environments import Loaded, environment_paths, load, need_project
from infra.plan.planning import planned
from infra.prove.prove import prove_environment

ROOT = Path(__file__).resolve().parents[3]
DAY = date(2026, 11, 21)
MIGRATED = ROOT / "tests/stacks/ok/migrated.yaml"
ENGINES = targets()


@pytest.fixture(autouse=True)
def _at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def stack(folder: Path, engine: dict[str, Any], **fields: Any) -> Loaded:
    """An environment with one model on one engine."""
    model = {"model": "org/model", "revision": "0" * 40, "runs_on": ["l4"], "engine": engine, **fields}
    cluster = {"kind": "gke-existing", "name": "c", "project": "example-project", "location": "us-central1"}
    pool = {"accelerator": "nvidia-l4", "machine_type": "g2-standard-12", "nodes": {"max": 9}}
    config = {
        "inference:cluster": cluster,
        "inference:node_pools": {"l4": pool},
        "inference:models": {"chat": model},
        "inference:addons": {"metrics_adapter": {"kind": "stackdriver", "state": "present"}},
    }
    path = folder / "one.yaml"
    path.write_text(yaml.safe_dump({"config": config}))
    return load(path, None)


def shipped() -> Iterator[tuple[str, str, str]]:
    """Each model of a shipped environment that has an engine others can take the place of, with each of those."""
    for name in ("dev", "staging", "prod"):
        text = yaml.safe_load((ROOT / f"stacks/Pulumi.{name}.yaml").read_text())
        for model, entry in text["config"]["inference:models"].items():
            kind = entry["engine"]["kind"]
            yield from ((name, model, to) for to in ENGINES if kind in ENGINES and to != kind)


CASES = sorted(shipped())


def test_there_are_models_to_migrate() -> None:
    assert {case[0] for case in CASES} >= {"prod"}
    assert {case[2] for case in CASES} >= {"vllm", "sglang"}


@pytest.mark.parametrize(("environment", "model", "to"), CASES)
def test_a_shipped_environment_with_the_block_loads_plans_and_passes_the_proofs(
    environment: str, model: str, to: str
) -> None:
    project = need_project()
    loaded = load(environment_paths(project, [environment])[environment], project)
    found = change(loaded, model, to, replace=True, today=DAY)
    # A T4 runs no bfloat16 and no TGI: what the proofs say of that is no fault of the block.
    expected = {"gpu-too-old"} if environment == "dev" and to == "tgi" else set()
    assert {finding.rule for finding in found.findings if finding.severity == "error"} <= expected
    assert found.refused == ()
    # Not by the command's own word: put into the file's values, planned and proved again.
    models = {**loaded.stack.values["models"]}
    models[model] = {**models[model], **found.block}
    again, plan = planned({**loaded.stack.values, "models": models}, environment, set(loaded.stack.secrets))
    assert again.models[model].engine.kind == to
    verdict = prove_environment(environment, plan, again.policy.waive, DAY)
    assert {finding.rule for finding in verdict.errors} <= expected


@pytest.mark.parametrize("model", sorted(yaml.safe_load(MIGRATED.read_text())["config"]["inference:models"]))
def test_the_example_that_the_control_plane_judges_is_what_is_printed(model: str, tmp_path: Path) -> None:
    text = yaml.safe_load(MIGRATED.read_text())
    rollout = text["config"]["inference:models"][model].pop("rollout")
    before = tmp_path / "before.yaml"
    before.write_text(yaml.safe_dump(text))
    found = change(load(before, None), model, model.rpartition("-to-")[2], replace=False, today=DAY)
    assert found.block == {"rollout": rollout}
    assert found.proved


_ADAPTERS = {"sql": "org/sql", "b": "/models/b"}
TGI_TO_VLLM = [
    ({"max_total_tokens": 4096}, {"max_model_len": 4096}),
    ({"max_batch_size": 64}, {"max_num_seqs": 64}),
    ({"num_shard": 1}, {"tensor_parallel_size": 1}),
    ({"quantize": "gptq"}, {"quantization": "gptq"}),
    ({"quantize": "eetq"}, {}),
    ({"quantize": "exl2"}, {}),
    ({"kv_cache_dtype": "fp8_e4m3fn"}, {"kv_cache_dtype": "fp8_e4m3"}),
    ({"dtype": "bfloat16"}, {"dtype": "bfloat16"}),
    ({"otlp_endpoint": "http://a.b:4317"}, {"otlp_traces_endpoint": "http://a.b:4317"}),
    ({"lora_adapters": ["org/sql", "b=/models/b"]}, {"enable_lora": True, "lora_modules": _ADAPTERS}),
    ({"lora_adapters": ["org/sql@v2"]}, {}),
    ({"prefix_caching": False}, {"enable_prefix_caching": False}),
    ({"cuda_graphs": [1, 2]}, {"cudagraph_capture_sizes": [1, 2]}),
    ({"cuda_graphs": []}, {}),
    ({"graceful_termination_timeout": 30}, {"shutdown_timeout": 30}),
    ({"log_level": "warn"}, {}),
    ({"cuda_memory_fraction": 0.8}, {}),
    ({"max_input_tokens": 100}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), TGI_TO_VLLM, ids=str)
def test_each_setting_is_taken_over_or_left_to_a_person(
    given: dict[str, Any], expected: dict[str, Any], tmp_path: Path
) -> None:
    found = change(stack(tmp_path, {"kind": "tgi", **given}), "chat", "vllm", replace=True, today=DAY)
    assert found.block == {"engine": {"kind": "vllm", **expected}}
    (step,) = found.migration.steps
    assert step.old.startswith(f"{next(iter(given))}: ")
    assert bool(step.new) is bool(expected)
    assert step.new or step.note, "what nothing takes the place of has a reason"


def test_what_the_new_engine_refuses_is_left_out_with_its_own_words(tmp_path: Path) -> None:
    engine = {"kind": "tgi", "otlp_endpoint": "http://a.b:4317", "otlp_service_name": "chat"}
    found = change(stack(tmp_path, engine), "chat", "sglang", replace=True, today=DAY)
    assert found.block["engine"] == {"kind": "sglang", "otlp_traces_endpoint": "a.b:4317", "enable_trace": True}
    step = found.migration.steps[-1]
    assert step.new == ""
    assert step.note.startswith("otlp_service_name: chat is refused: SGLang v0.5.20 has no --otlp-service-name")


def test_image_version_and_extra_arguments_stay_with_the_old_engine(tmp_path: Path) -> None:
    engine = {"kind": "tgi", "version": "3.3.7", "image": "r.io/tgi:3.3.7", "extra_args": ["--new-flag"]}
    found = change(stack(tmp_path, engine), "chat", "vllm", replace=True, today=DAY)
    assert found.block == {"engine": {"kind": "vllm"}}
    assert [(step.old, step.new) for step in found.migration.steps] == [
        ("image: r.io/tgi:3.3.7", ""),
        ("extra_args: [--new-flag]", ""),
    ]


def test_metrics_probes_and_autoscaling_are_told_with_both_names(tmp_path: Path) -> None:
    scaling = {"min": 1, "max": 2, "queue_depth": 5}
    found = change(stack(tmp_path, {"kind": "tgi"}, autoscaling=scaling), "chat", "vllm", replace=True, today=DAY)
    told = {what: (before, after) for what, before, after in found.migration.follows}
    assert told["autoscaling: queue_depth reads"] == ("tgi_queue_size", "vllm:num_requests_waiting")
    assert told["dashboards and alerts: requests that wait"] == ("tgi_queue_size", "vllm:num_requests_waiting")
    assert told["dashboards and alerts: share of the KV cache in use"] == ("none", "vllm:kv_cache_usage_perc")
    assert told["port in the pod"][0] == "8080"
    assert told["drain"][0] == "90 s"
    assert told["clients of /generate"] == (
        "TGI's form",
        "no such route; move them to /v1/chat/completions first",
    )
    assert "clients of /v1/chat/completions" not in told


def test_metrics_that_autoscaling_names_are_renamed_in_the_block(tmp_path: Path) -> None:
    scaling = {"min": 1, "max": 2, "pod_metrics": {"tgi_batch_current_size": 20, "tgi_queue_size": 5}}
    loaded = stack(tmp_path, {"kind": "tgi"}, autoscaling=scaling)
    found = change(loaded, "chat", "vllm", replace=True, today=DAY)
    assert found.block["autoscaling"] == {
        "min": 1,
        "max": 2,
        "pod_metrics": {"vllm:num_requests_running": 20, "vllm:num_requests_waiting": 5},
    }
    assert found.proved


def test_a_cache_of_one_node_cannot_have_a_canary_beside_it(tmp_path: Path) -> None:
    cache = {"kind": "claim", "size": "50Gi", "access_mode": "ReadWriteOnce"}
    loaded = stack(tmp_path, {"kind": "tgi"}, cache=cache)
    found = change(loaded, "chat", "vllm", replace=False, today=DAY)
    assert not found.proved
    assert [finding.rule for finding in found.findings if finding.severity == "error"] == ["volume-of-one-node"]
    assert change(loaded, "chat", "vllm", replace=True, today=DAY).proved


def test_every_setting_of_tgi_was_compared_with_the_other_engines() -> None:
    compared = {each.field for each in settings_of("tgi").values()}
    assert {flag.field for flag in flags_of("tgi").values() if flag.field} - compared == set()


@pytest.mark.parametrize("engine", ENGINES)
def test_what_engines_call_an_idea_are_fields_and_ideas_that_exist(engine: str) -> None:
    for concept, each in settings_of(engine).items():
        assert concept in concepts()
        assert {each.field, *each.also} <= BY_KIND[engine].config.model_fields.keys(), concept
        assert bool(each.form) == (concepts()[concept].way == "form"), concept
    assert {row["concept"] for row in engine_rows(engine, "words")} <= settings_of(engine).keys()


def test_an_idea_that_some_engine_lacks_says_what_to_do_there() -> None:
    for name, concept in concepts().items():
        silent = [each for each in ENGINES if name not in settings_of(each) and name not in lacks_of(each)]
        assert concept.note or not silent, f"{name}: say what to do in settings.tsv of {silent}"


def test_what_is_printed_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["migrate", "prod", "llama", "--to", "vllm", "--replace"]) == 0
    shown = capsys.readouterr().out
    assert yaml.safe_load(shown)["engine"]["kind"] == "vllm"
    assert "# Tried on prod: it plans, and the proofs find nothing new." in shown.splitlines()
    assert any(line.split()[1:3] == ["max_total_tokens:", "4096"] for line in shown.splitlines())


def test_a_canary_is_what_is_printed_unless_it_is_to_replace(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["migrate", "dev", "qwen", "--to", "sglang", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["block"]["rollout"]["kind"] == "canary"
    assert found["proved"] is True
    assert (found["from"], found["to"]) == ("vllm", "sglang")


def test_a_change_that_would_not_work_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["migrate", "dev", "qwen", "--to", "tgi"]) == 1
    shown = capsys.readouterr().out
    assert "# error [gpu-too-old]: " in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["prod", "llama", "--to", "vllm"],
            ("infra: llama has a rollout already, of kind ab; finish it first, or write --replace for an engine: "
            "block alone"),
        ),
        (
            ["local", "qwen", "--to", "vllm"],
            ("infra: qwen: engine.kind: got custom, whose settings nobody can translate; write the new engine: block "
            "by hand, and see docs/components.md for its fields"),
        ),
        (
            ["dev", "qwen", "--to", "vllm"],
            f"infra: qwen: it is vllm already; use one of: {', '.join(sorted({*ENGINES} - {'vllm'}))}",
        ),
        (
            ["prod", "lama", "--to", "vllm"],
            'infra: no model "lama" in prod; did you mean llama? (one of: arr-coc-vlm, chat, llama)',
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["migrate", *arguments]) == 2
    assert capsys.readouterr().err.splitlines() == [said]
