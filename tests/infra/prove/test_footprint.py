"""What `infra check` says each model takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.cli import main

ROOT = Path(__file__).resolve().parents[3]


def _told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["check", *arguments]) == 0
    return capsys.readouterr().out


def test_a_model_is_told_with_its_share_of_the_gpu_and_its_time_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _told(capsys, "dev").splitlines()
    at = lines.index("  dev")
    assert lines[at + 1].startswith("    qwen  fits: 3.9 of 14.6 GiB of T4, room for ")
    assert lines[at + 2].startswith("          starts in ")
    assert "image 31 s to 8 min" in lines[at + 2]


def test_both_versions_of_a_model_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    output = _told(capsys, "prod")
    assert "    chat/blue " in output
    assert "    chat/green " in output


def test_machines_get_bytes_and_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    (environment,) = json.loads(_told(capsys, "dev", "--format", "json"))["environments"]
    (found,) = environment["footprints"]
    assert found["at"] == "models.qwen"
    assert 60 <= found["cold_start"]["min_seconds"] <= found["cold_start"]["max_seconds"]
    (memory,) = found["memory"]
    assert memory["verdict"] == "fits"
    assert memory["bytes"] + memory["headroom"] <= memory["capacity"]


def test_of_very_many_models_the_tightest_are_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model = (
        "    m{n:02}: {{model: {m}, revision: '{n:040x}', engine: {{kind: vllm, max_model_len: 4096, dtype: half}}, "
        "runs_on: [l4]}}\n"
    )
    stack = tmp_path / "Pulumi.many.yaml"
    stack.write_text(
        "config:\n  inference:cluster: {kind: gke, name: many, project: example-project, location: us-central1}\n"
        "  inference:node_pools:\n"
        "    l4: {accelerator: nvidia-l4, machine_type: g2-standard-12, nodes: {max: 40}}\n  inference:models:\n"
        + "".join(
            model.format(n=n, m="Qwen/Qwen2.5-7B-Instruct" if n == 24 else "Qwen/Qwen2.5-0.5B-Instruct")
            for n in range(25)
        )
    )
    lines = _told(capsys, "--stack", str(stack)).splitlines()
    at = lines.index("  many")
    assert lines[at + 1].startswith("    m24  fits: ")
    assert "    and 5 more, with more to spare: --format json" in lines
