"""`infra docker`: a model of an environment on one machine."""

from __future__ import annotations

import json
import subprocess
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml

from infra import cli
from infra.commands.single_machine import COMPOSE, RUN, forms
from infra.plan.environments import environment_paths, load, need_project

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())


@pytest.fixture(autouse=True)
def _at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_every_model_of_every_environment_can_be_run_on_one_machine() -> None:
    project = need_project()
    seen = 0
    for path in environment_paths(project).values():
        loaded = load(path, project)
        for name in loaded.environment.models:
            texts = forms(loaded, name)
            jsonschema.validate(yaml.safe_load(texts[COMPOSE]), SCHEMA)
            subprocess.run(["sh", "-n"], input=texts[RUN], text=True, check=True)
            seen += 1
    assert seen > 5


def test_both_forms_are_printed_with_the_names_of_their_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["docker", "prod", "llama"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("# run.sh\n#!/bin/sh\n# llama of prod, by infra docker; serves on http://127.0.0.1:8080\n")
    assert "\n# compose.yaml\n" in shown


def test_one_form_alone_can_be_redirected_into_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["docker", "prod", "llama", "--format", "compose", "--port", "9000"]) == 0
    service = yaml.safe_load(capsys.readouterr().out)["services"]["llama"]
    assert service["ports"] == ["127.0.0.1:9000:8080"]
    assert cli.main(["docker", "prod", "llama", "--format", "run"]) == 0
    assert capsys.readouterr().out.startswith("#!/bin/sh\n")


def test_files_are_written_and_the_script_can_be_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["docker", "prod", "llama", "-o", str(tmp_path / "new")]) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "new" / name) for name in (RUN, COMPOSE)]
    assert (tmp_path / "new" / RUN).stat().st_mode & 0o111
    assert not (tmp_path / "new" / COMPOSE).stat().st_mode & 0o111


@pytest.mark.parametrize(
    ("arguments", "image"),
    [
        (["llama"], "3.3.6"),
        (["llama", "--track", "experimental"], "sha-db931fc"),
        (["llama", "--gpu", "amd"], "3.3.6-rocm"),
        (["chat"], "3.3.6"),
        (["chat", "--track", "green"], "sha-db931fc"),
    ],
)
def test_the_version_in_use_is_taken_unless_another_is_named(
    arguments: list[str], image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *options = arguments
    assert cli.main(["docker", "prod", name, *options, "--format", "compose"]) == 0
    found = yaml.safe_load(capsys.readouterr().out)["services"][name]["image"]
    assert found.partition(":")[2].partition("@")[0] == image


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["prod", "lama"], 'infra: no model "lama" in prod; did you mean llama? (one of: arr-coc-vlm, chat, llama)'),
        (
            ["prod", "llama", "--track", "canary"],
            'infra: no version "canary" of llama; use one of: experimental, stable',
        ),
        (
            ["dev", "qwen", "--track", "canary"],
            'infra: no version "canary" of qwen; it has one version only; leave --track out',
        ),
        (["prod", "arr-coc-vlm", "--gpu", "amd"], "infra: no image of custom for AMD GPUs is known; tgi has one"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["docker", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.splitlines() == [said]
    assert shown.out == ""


def test_what_the_image_for_amd_gpus_lacks_is_said_with_its_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    (tmp_path / "stacks/Pulumi.one.yaml").write_text(
        "config:\n  inference:cluster: {kind: kubeconfig}\n  inference:models:\n"
        "    chat: {model: org/chat-awq, engine: {kind: tgi, quantize: awq}}\n"
    )
    monkeypatch.chdir(tmp_path)
    assert cli.main(["docker", "one", "chat", "--gpu", "amd"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "infra: chat cannot be served on one machine:",
        (
            "infra: quantize: got awq; its kernels are CUDA's; write quantize: gptq, which converts AWQ weights while "
            "loading"
        ),
    ]
