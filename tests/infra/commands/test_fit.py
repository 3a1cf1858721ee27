"""`infra fit`, `infra models` and `infra gpus`: answers for people and machines, exit codes, and bad questions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra import cli

ROOT = Path(__file__).resolve().parents[3]
SEED = ["fit", "meta-llama/Meta-Llama-3.1-8B-Instruct", "--gpu", "nvidia-tesla-t4", "--gpus", "1", "--engine", "tgi"]
SMALL = ["fit", "Qwen/Qwen3-8B", "--gpu", "nvidia-l4", "--engine", "vllm", "--max-total-tokens", "4096"]


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = cli.main([*arguments, "--format", "json"])
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, answer


def test_a_model_that_fits_exits_with_0_and_says_what_takes_what(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(SMALL) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0] == "Qwen/Qwen3-8B on nvidia-l4, vllm: fits"
    for label in ("weights", "KV cache", "activations", "overhead", "CUDA graphs", "headroom"):
        assert label in shown
    assert "requests of 4,096" in shown


def test_the_source_documents_example_exits_with_1_and_names_what_fits(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*SEED, "--dtype", "float16", "--max-total-tokens", "4096"]) == 1
    shown = capsys.readouterr().out
    assert "does not fit" in shown.splitlines()[0]
    assert "what fits, cheapest first:" in shown
    assert "nvidia-l4" in shown
    assert "/h" in shown


def test_machines_get_every_gpus_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = asked(capsys, *SMALL[:4], "--gpus", "2", *SMALL[4:])
    assert (code, answer["fits"], answer["verdict"]) == (0, True, "fits")
    assert len(answer["per_gpu"]) == 2
    one = answer["per_gpu"][0]
    assert one["total"] == pytest.approx(
        one["weights"] + one["kv_cache"]["needed_bytes"] + one["activations"] + one["overhead"], abs=4
    )
    assert one["kv_cache"]["tokens"] == answer["max_batch_total_tokens"]
    assert one["kv_cache"]["bytes"] >= one["kv_cache"]["needed_bytes"]
    assert answer["remedies"] == []


def test_remedies_for_machines_are_at_least_two_and_priced(capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = asked(capsys, *SEED)
    assert code == 1
    assert len(answer["remedies"]) >= 2
    assert all(remedy["verdict"] != "does not fit" for remedy in answer["remedies"])
    assert any(remedy["usd_per_hour"] for remedy in answer["remedies"])


def test_concurrency_asks_for_so_many_requests_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    _, one = asked(capsys, *SMALL)
    code, many = asked(capsys, *SMALL, "--concurrency", "100")
    assert code == 1
    assert many["per_gpu"][0]["kv_cache"]["needed_tokens"] == 100 * one["per_gpu"][0]["kv_cache"]["needed_tokens"]
    assert any("max_num_seqs" in remedy["change"] for remedy in many["remedies"])


@pytest.mark.parametrize(
    ("word", "less_than"), [("fp8", 0.65), ("awq", 0.45), ("gptq-int4", 0.45), ("gptq-int8", 0.65), ("mxfp4", 0.45)]
)
def test_quantization_takes_the_names_people_use(
    word: str, less_than: float, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = asked(capsys, *SMALL)[1]["per_gpu"][0]["weights"]
    packed = asked(capsys, *SMALL, "--quantize", word)[1]["per_gpu"][0]["weights"]
    assert packed < less_than * plain


def test_a_data_type_among_the_quantizations_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, *SMALL, "--quantize", "bf16")[1]["per_gpu"] == asked(capsys, *SMALL)[1]["per_gpu"]


def test_version_share_and_stages_count(capsys: pytest.CaptureFixture[str]) -> None:
    old = asked(capsys, *SMALL, "--engine-version", "0.11.0")[1]["per_gpu"][0]
    new = asked(capsys, *SMALL, "--engine-version", "0.33.0")[1]["per_gpu"][0]
    assert old["engine_share"] < new["engine_share"]
    half = asked(capsys, *SMALL, "--gpu-memory-utilization", "0.5")[1]["per_gpu"][0]
    assert half["engine_share"] == pytest.approx(0.5 * half["capacity"], abs=2)
    code, staged = asked(capsys, *SMALL[:4], "--gpus", "4", "--pipeline", "2", *SMALL[4:])
    assert (code, staged["tensor_parallel"], staged["pipeline_parallel"]) == (0, 2, 2)


def test_a_gpu_outside_gke_has_an_answer_too(capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = asked(capsys, "fit", "Qwen/Qwen3-8B", "--gpu", "RTX 4090", "--max-total-tokens", "4096")
    assert (code, answer["gpu"]) == (0, "RTX 4090")


def test_an_impossible_split_is_answered_with_the_possible_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*SMALL[:4], "--gpus", "3", *SMALL[4:]]) == 1
    assert "it can be split over 1, 2, 4, 8, 16 GPUs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fit", "Qwen/Qwen3-8", "--gpu", "l4"], "did you mean Qwen/Qwen3-8B?"),
        (["fit", "Qwen/Qwen3-8B", "--gpu", "nvidia-l44"], "did you mean nvidia-l4?"),
        (["fit", "Qwen/Qwen3-8B", "--gpu", "l4", "--engine", "vlm"], "did you mean vllm?"),
        ([*SMALL, "--quantize", "awk"], "did you mean awq?"),
        ([*SMALL, "--dtype", "int3"], "use float16, bfloat16"),
        ([*SMALL, "--gpus", "0"], "must be at least 1"),
        ([*SMALL, "--concurrency", "0"], "must be at least 1"),
        ([*SMALL, "--gpus", "3", "--pipeline", "2"], "cannot share evenly"),
        ([*SMALL, "--gpu-memory-utilization", "1.2"], "at most 1"),
        ([*SEED, "--dtype", "float16", "--quantize", "awq"], "cannot be combined"),
        ([*SMALL, "--max-total-tokens", "99999999"], "the context of Qwen/Qwen3-8B is 40960"),
        (["fit", "Qwen/QwQ-32B", "--gpu", "l4"], "say how long a request is"),
        (["fit"], "MODEL"),
    ],
)
def test_a_question_with_a_mistake_exits_with_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.out == ""


def test_models_are_listed_and_searched(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 80
    assert cli.main(["models", "qwen3", "coder", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {model["name"] for model in found} >= {"Qwen/Qwen3-Coder-30B-A3B-Instruct"}
    assert all(model["source"] and model["as_of"] for model in found)
    assert cli.main(["models", "nothing-like-it"]) == 1
    assert "nothing in the catalog" in capsys.readouterr().err


def test_gpus_are_listed_with_their_slices_and_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["gpus", "a100", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {gpu["partition"] for gpu in found} >= {"", "1g.5gb", "3g.20gb"}
    assert any("a2-highgpu-1g" in gpu["machine_types"] for gpu in found)
    assert cli.main(["gpus"]) == 0
    assert "14.56" in capsys.readouterr().out


def test_the_answer_needs_neither_pulumi_nor_a_stack(tmp_path: Path) -> None:
    program = (
        "import sys; from infra.cli import main; code = main(sys.argv[1:]);"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'pulumi', 'pulumi_gcp', 'kubernetes', 'grpc'}));"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *SMALL], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_gpu_that_the_engine_s_image_is_not_built_for_is_told_and_no_remedy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ["fit", "meta-llama/Llama-3.1-8B-Instruct", "--gpu", "nvidia-tesla-t4", "--engine", "tgi"]
    assert cli.main([*asked, "--dtype", "float16"]) == 1
    output = capsys.readouterr().out
    assert "built for compute capability 8.0 and later; T4 has 7.5: it would stop at start" in output
    remedies = output.partition("what fits, cheapest first:")[2].strip().splitlines()
    assert len(remedies) >= 2
    assert not any("tesla-t4" in remedy for remedy in remedies)
