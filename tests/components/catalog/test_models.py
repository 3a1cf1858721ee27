from __future__ import annotations

import pytest

from components.catalog.accelerators import accelerators
from components.catalog.engine_memory import NEWEST, fact, release, version_of
from components.catalog.formats import dtype, dtype_capability, weight_format, weight_formats
from components.catalog.gpu_memory import find_gpu, gpu_memories, gpu_memory, meant_gpu
from components.catalog.models import Model, find_model, meant_model, models, search_models
from components.catalog.prices import hourly, smallest_machine
from components.catalog.quantization import methods, methods_of
from components.core.quantity import GIB

NAMED_BY_THE_SOURCE_DOCUMENT = (
    "meta-llama/Meta-Llama-3.1-8B-Instruct",
    "meta-llama/Meta-Llama-3.1-70B-Instruct",
    "Qwen/Qwen3-VL-2B-Instruct",
)


def llama_count(model: Model) -> int:
    """A Llama's parameters, by its shape."""
    attention = 2 * model.hidden * model.head_dim * (model.heads + model.kv_heads)
    layer = attention + 3 * model.hidden * model.intermediate + 2 * model.hidden
    return model.layers * layer + model.vocab * model.hidden * (1 if model.tied else 2) + model.hidden


def test_at_least_forty_models_and_all_that_the_source_document_names_are_known() -> None:
    assert len([model for model in models().values() if model.confidence == "V"]) >= 60
    assert all(find_model(name) for name in NAMED_BY_THE_SOURCE_DOCUMENT)


@pytest.mark.parametrize("model", models().values(), ids=lambda model: model.name)
def test_a_shape_is_whole(model: Model) -> None:
    assert min(model.parameters, model.layers, model.hidden, model.intermediate, model.heads, model.vocab) > 0
    assert model.head_dim or model.kv_lora_rank
    assert model.heads % model.kv_heads == 0
    assert bool(model.experts) == bool(model.experts_per_token) == bool(model.expert_intermediate)
    assert bool(model.window) == bool(model.window_layers)
    assert model.window_layers <= model.layers
    assert model.vision_parameters < model.parameters
    assert model.stored in ("", *weight_formats())
    assert model.confidence in ("V", "S")
    assert model.gated in ("yes", "no", "")
    assert model.kind in ("decoder", "encoder")


@pytest.mark.parametrize("name", ["meta-llama/Llama-3.1-8B-Instruct", "mistralai/Mistral-7B-Instruct-v0.3"])
def test_parameters_follow_from_the_shape(name: str) -> None:
    model = models()[name]
    assert llama_count(model) == model.parameters


def test_names_are_found_whatever_the_case_and_by_their_aliases() -> None:
    eight = models()["meta-llama/Llama-3.1-8B-Instruct"]
    assert find_model("META-LLAMA/llama-3.1-8b-instruct") is eight
    assert find_model("meta-llama/Meta-Llama-3.1-8B-Instruct") is eight
    assert find_model("Qwen3-8B") is models()["Qwen/Qwen3-8B"]
    assert find_model("acme/nothing") is None


def test_a_name_that_says_how_it_is_quantized_is_its_base_in_that_format() -> None:
    awq = find_model("Qwen/Qwen3-8B-AWQ")
    assert awq is not None
    assert (awq.name, awq.stored, awq.confidence) == ("Qwen/Qwen3-8B-AWQ", "awq", "D")
    assert awq.parameters == models()["Qwen/Qwen3-8B"].parameters
    assert find_model("acme/Qwen3-8B-AWQ") is None


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("Qwen/Qwen3-8", "Qwen/Qwen3-8B"),
        ("mistral/Mixtral-8x7B-Instruct-v0.1", "mistralai/Mixtral-8x7B-Instruct-v0.1"),
        ("zzz", None),
    ],
)
def test_a_misspelt_name_and_another_owner_are_understood(word: str, meant: str | None) -> None:
    assert meant_model(word) == meant


def test_a_search_wants_every_word() -> None:
    assert {model.name for model in search_models("qwen3 30b coder")} == {"Qwen/Qwen3-Coder-30B-A3B-Instruct"}
    assert search_models("") == tuple(models().values())


def test_cuda_reports_less_than_the_data_sheet() -> None:
    for name in accelerators():
        gpu = gpu_memory(name)
        assert gpu is not None
        assert 0.9 * gpu.nominal_gb < gpu.bytes / GIB < gpu.nominal_gb
        assert gpu.compute_capability == accelerators()[name].compute_capability


def test_every_slice_has_its_memory_and_slices_are_no_more_than_the_gpu() -> None:
    for accelerator in accelerators().values():
        whole = gpu_memory(accelerator.name)
        for size, count in accelerator.partitions.items():
            part = gpu_memory(accelerator.name, size)
            assert part is not None
            assert whole is not None
            assert part.bytes * count <= whole.bytes


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("nvidia-tesla-t4", "T4"),
        ("l4", "L4"),
        ("H100-80GB", "H100-80GB"),
        ("RTX 4090", "RTX 4090"),
        ("A100-80GB", "A100-80GB"),
        ("nvidia-tesla-a100:1g.5gb", "1g.5gb of A100-40GB"),
    ],
)
def test_gpus_are_found_by_what_people_call_them(word: str, name: str) -> None:
    found = find_gpu(word)
    assert found is not None
    assert found.name == name


def test_an_unknown_gpu_is_no_other_one() -> None:
    assert find_gpu("L5") is None
    assert find_gpu("A100 (size not stated)") is None
    assert meant_gpu("nvidia-l44") == "nvidia-l4"
    assert len({gpu.name for gpu in gpu_memories()}) == len(gpu_memories())


def test_every_method_is_of_a_format() -> None:
    for engine in ("tgi", "vllm", "sglang"):
        assert methods(engine)
        assert {method.format for method in methods(engine)} <= {"", *weight_formats()}


def test_at_no_version_a_method_has_two_answers_for_a_format() -> None:
    for engine in ("tgi", "vllm", "sglang"):
        for version in ("0.1.0", *{edge for each in methods(engine) for edge in (each.since, each.until) if edge}, ""):
            found = [(each.name, each.format) for each in methods(engine) if each.is_in(version)]
            assert len(found) == len(set(found)), version


def test_a_method_is_what_it_is_in_that_version() -> None:
    assert methods_of("vllm", "0.6.3")["awq_marlin"].min_compute_capability == (8, 0)
    assert methods_of("vllm", "0.24.0")["awq_marlin"].min_compute_capability == (7, 5)
    assert methods_of("vllm", "0.24.0")["modelopt"].min_compute_capability == (8, 9)
    assert methods_of("vllm")["modelopt"].min_compute_capability == (8, 0)
    assert "bitsandbytes" in methods_of("vllm", "0.29")
    assert "bitsandbytes" not in methods_of("vllm", "0.30.0")
    assert "gptq" in methods_of("sglang", "0.5.10.post1")
    assert "gptq" not in methods_of("sglang")
    assert methods_of("vllm")["fp8"].format == "fp8", "the word alone, not what else it loads"
    assert methods_of("custom") == {}


@pytest.mark.parametrize(
    ("word", "engine", "name"),
    [
        ("eetq", "tgi", "int8"),
        ("bitsandbytes", "tgi", "int8"),
        ("bitsandbytes", "vllm", "bnb-nf4"),
        ("gptq-int4", "", "gptq"),
        ("bnb-4bit", "", "bnb-nf4"),
        ("marlin", "tgi", "gptq"),
        ("nonsense", "", None),
    ],
)
def test_a_word_means_what_the_engine_means_by_it(word: str, engine: str, name: str | None) -> None:
    found = weight_format(word, engine)
    assert (found.name if found else None) == name


def test_four_bits_with_scales_are_what_they_are_said_to_be() -> None:
    assert weight_formats()["mxfp4"].bytes_each * 8 == 4.25
    assert weight_formats()["awq"].bytes_each * 8 == pytest.approx(4 + 20 / 128)


def test_data_types_by_their_short_names() -> None:
    assert (dtype("bf16"), dtype("half"), dtype("int3")) == ("bfloat16", "float16", None)
    assert dtype_capability("bfloat16") == (8, 0)


def test_facts_are_those_of_the_version() -> None:
    assert fact("vllm", "memory_fraction", version_of("0.11.0")) == 0.9
    assert fact("vllm", "memory_fraction", NEWEST) == 0.92
    assert fact("vllm", "sampler_bytes", version_of("0.6-era")) == 14
    assert fact("tgi", "kept_free", version_of("v3.1.1")) == 0.07
    with pytest.raises(KeyError):
        fact("vllm", "nothing")


def test_a_month_stands_for_the_release_of_its_time() -> None:
    assert release("tgi", "Nov-2024") == "2.4.0"
    assert release("vllm", "Mar-2024") == "0.4.0"
    assert release("vllm", "2024") == "0.4.0"
    assert release("vllm", "0.11-era") == "0.11-era"
    assert release("tgi", "Jan-2019") == "Jan-2019"


def test_gpus_that_are_attached_add_to_the_price() -> None:
    alone, pair = (hourly("n1-standard-4", "nvidia-tesla-t4", count) for count in (1, 2))
    assert alone is not None
    assert pair is not None
    assert pair.usd_per_hour - alone.usd_per_hour == pytest.approx(0.35)
    assert hourly("g2-standard-12", "nvidia-l4", 1) != hourly("g2-standard-12", "nvidia-l4", 1, "spot")
    assert hourly("a4-highgpu-8g", "nvidia-b200", 8) is None


def test_a_machine_with_a_price_is_preferred() -> None:
    machine = smallest_machine("nvidia-l4", 4)
    assert machine is not None
    assert machine.name == "g2-standard-48"
    assert smallest_machine("nvidia-l4", 3) is None
