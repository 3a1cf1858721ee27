"""What holds of every fit: more of anything never takes less, and what is said to fit at most really does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from components.catalog.gpu_memory import GpuMemory, find_gpu, gpu_memories
from components.catalog.models import Model, find_model, models
from components.core.demand import Demand
from components.core.quantity import GIB
from components.engines.tgi.memory import teraflops
from components.fit.fit import Fit, NoFitError, fit
from components.fit.remedies import remedies
from components.memory.architecture import ArchitectureConfig

from .held import held_tokens, page_tokens, possible_shards, request_bytes, shard_misfit, token_bytes, weight_bytes

DECODERS = [model for model in models().values() if model.kind == "decoder"]
WRITERS = st.sampled_from(DECODERS)
GPUS = st.sampled_from([gpu for gpu in gpu_memories() if not gpu.partition])
ENGINES = st.sampled_from(["tgi", "vllm", "sglang"])
TOKENS = st.integers(64, 200_000)
VERSIONS = st.sampled_from(["", "0.6.3", "0.11.0", "2.4.0", "3.3.6"])


def known(name: str) -> Model:
    found = find_model(name)
    assert found is not None
    return found


def hardware(name: str) -> GpuMemory:
    found = find_gpu(name)
    assert found is not None
    return found


def asked(model: str, gpu: str, engine: str = "vllm", **asks: Any) -> Fit:
    demand = Demand(**{"engine": engine, "version": "0.24.0", "model": model, **asks})
    return fit(known(model), demand, hardware(gpu))


@given(WRITERS, GPUS, st.tuples(ENGINES, VERSIONS), TOKENS, st.integers(1, 50_000))
def test_longer_requests_never_take_less(
    model: Model, gpu: GpuMemory, engine: tuple[str, str], tokens: int, more: int
) -> None:
    demand = Demand(*engine, model.name, request_tokens=tokens)
    short, long = fit(model, demand, gpu), fit(model, replace(demand, request_tokens=tokens + more), gpu)
    assert long.needed >= short.needed


@given(WRITERS, GPUS, ENGINES, TOKENS, st.integers(1, 20))
def test_more_tokens_in_the_cache_never_take_less(
    model: Model, gpu: GpuMemory, engine: str, tokens: int, times: int
) -> None:
    demand = Demand(engine, "", model.name, request_tokens=tokens)
    one = fit(model, demand, gpu)
    many = fit(model, replace(demand, cache_tokens=tokens * times), gpu)
    assert many.taken >= one.taken
    assert many.headroom <= one.headroom + 1e-3


@given(WRITERS, ENGINES, st.sampled_from([1, 2, 4]), TOKENS)
def test_more_shards_never_take_more_of_a_gpu(model: Model, engine: str, shards: int, tokens: int) -> None:
    demand = Demand(engine, "", model.name, tensor_parallel=shards)
    split = replace(demand, tensor_parallel=2 * shards)
    assert weight_bytes(model, split) <= weight_bytes(model, demand) * 1.06  # MXFP4 experts are padded to round sizes
    assert token_bytes(model, split) <= token_bytes(model, demand)
    assert request_bytes(model, split, tokens, 2048) <= request_bytes(model, demand, tokens, 2048)


@given(WRITERS, st.sampled_from(["fp8", "awq", "gptq-int8", "bnb-nf4"]), st.sampled_from([1, 2, 4, 8]))
def test_quantized_weights_take_less_but_never_less_than_their_bits(model: Model, word: str, shards: int) -> None:
    if model.stored:
        return
    demand = Demand("vllm", "", model.name, tensor_parallel=shards)
    plain, packed = weight_bytes(model, demand), weight_bytes(model, replace(demand, quantization=word))
    assert packed < plain
    assert packed > plain * {"fp8": 0.5, "gptq-int8": 0.5}.get(word, 0.25)


@given(WRITERS, ENGINES, st.sampled_from([1, 2, 4, 8]), st.floats(0, 200))
def test_the_most_tokens_that_fit_do_and_a_page_more_does_not(
    model: Model, engine: str, shards: int, available: float
) -> None:
    demand = Demand(engine, "", model.name, tensor_parallel=shards)
    tokens = held_tokens(model, demand, available * GIB)
    assert tokens % page_tokens(demand) == 0
    assert tokens * token_bytes(model, demand) <= available * GIB
    assert (tokens + page_tokens(demand)) * token_bytes(model, demand) > available * GIB


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tgi"])
def test_the_largest_batch_that_is_told_fits_and_a_page_more_is_refused(engine: str) -> None:
    made = asked("Qwen/Qwen3-8B", "nvidia-a100-80gb", engine, version="", request_tokens=4096, step_tokens=4096)
    demand = replace(made.demand, cache_tokens=made.held_tokens)
    assert fit(made.model, demand, made.gpu).verdict != "does not fit"
    beyond = replace(demand, cache_tokens=made.held_tokens + page_tokens(demand))
    assert fit(made.model, beyond, made.gpu).verdict == "does not fit"


@given(WRITERS, GPUS, ENGINES, TOKENS)
def test_parts_add_up(model: Model, gpu: GpuMemory, engine: str, tokens: int) -> None:
    made = fit(model, Demand(engine, "", model.name, request_tokens=tokens), gpu)
    budget = made.budget
    assert made.taken == pytest.approx(
        budget.weights + budget.activations + budget.overhead + budget.graphs + made.needed
    )
    assert (made.verdict == "fits") == (not made.reasons)
    if made.verdict != "does not fit":
        assert made.headroom >= 0 or engine == "sglang"
        assert made.taken <= gpu.bytes * 1.02 or engine != "tgi"


@hypothesis(deadline=None, max_examples=50)
@given(WRITERS, GPUS, ENGINES, st.sampled_from([4096, 32768]))
def test_every_remedy_was_found_to_fit(model: Model, gpu: GpuMemory, engine: str, tokens: int) -> None:
    made = fit(model, Demand(engine, "", model.name, request_tokens=tokens), gpu)
    if made.verdict == "does not fit":
        for remedy in remedies(made):
            assert remedy.result.verdict != "does not fit"
            assert remedy.result == fit(remedy.result.model, remedy.result.demand, remedy.result.gpu)


@pytest.mark.parametrize(
    ("model", "gpu", "engine"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "nvidia-tesla-t4", "tgi"),
        ("meta-llama/Llama-3.1-8B-Instruct", "nvidia-tesla-t4", "vllm"),
        ("meta-llama/Llama-3.1-70B-Instruct", "nvidia-l4", "vllm"),
        ("meta-llama/Llama-3.1-70B-Instruct", "nvidia-tesla-a100", "tgi"),
        ("Qwen/Qwen3-32B", "nvidia-l4", "sglang"),
    ],
)
def test_at_least_two_remedies_with_prices_are_told_cheapest_first(model: str, gpu: str, engine: str) -> None:
    made = asked(model, gpu, engine, version="", request_tokens=4096)
    assert made.verdict == "does not fit"
    found = remedies(made)
    assert len(found) >= 2
    extras = [remedy.extra_per_hour for remedy in found if remedy.extra_per_hour is not None]
    assert extras
    assert extras == sorted(extras)


def test_llama_8b_in_float16_does_not_fit_a_t4() -> None:
    made = asked(
        "meta-llama/Meta-Llama-3.1-8B-Instruct", "nvidia-tesla-t4", "tgi", dtype="float16", request_tokens=4096
    )
    assert made.verdict == "does not fit"
    assert made.budget.weights / GIB == pytest.approx(14.96, abs=0.01)


def test_the_sampler_takes_what_vllm_measured() -> None:
    """1.26 GiB for Llama-3-8B on an 80 GB GPU (vllm-project/vllm#10511), which is no row of the reports."""
    made = asked("meta-llama/Meta-Llama-3-8B-Instruct", "H100-80GB", version="0.6.5")
    assert made.budget.activations / GIB == pytest.approx(1.26, abs=0.01)


def test_a_sliding_window_is_counted_only_where_the_engine_makes_use_of_it() -> None:
    gemma, demand = known("google/gemma-3-27b-it"), Demand("vllm", "0.11.0", "google/gemma-3-27b-it")
    full = 32768 * token_bytes(gemma, demand)
    windowed = request_bytes(gemma, demand, 32768, 2048)
    assert windowed / full == pytest.approx((10 + 52 * (1023 + 2048 + 17) / 32768) / 62, rel=0.01)
    assert request_bytes(gemma, replace(demand, version="0.8.5"), 32768, 2048) == full
    assert request_bytes(gemma, Demand("tgi", "3.3.6", gemma.name), 32768, 2048) == full


def test_a_latent_is_cached_once_and_whole_on_every_shard() -> None:
    deepseek = known("deepseek-ai/DeepSeek-V3")
    assert token_bytes(deepseek, Demand("vllm", "", deepseek.name, tensor_parallel=8)) == 61 * (512 + 64) * 2


def test_heads_of_keys_and_values_are_repeated_when_there_are_fewer_than_shards() -> None:
    model = known("Qwen/Qwen2.5-7B-Instruct")
    four, seven = (token_bytes(model, Demand("vllm", "", model.name, tensor_parallel=n)) for n in (4, 28))
    assert four == seven == 28 * 2 * 128 * 2


def test_an_fp8_cache_holds_twice_the_tokens() -> None:
    plain = asked("Qwen/Qwen3-8B", "nvidia-l4", request_tokens=4096)
    small = asked("Qwen/Qwen3-8B", "nvidia-l4", request_tokens=4096, kv_cache_dtype="fp8")
    assert small.held_tokens == pytest.approx(2 * plain.held_tokens, abs=16)


def test_a_draft_model_takes_its_weights_and_its_cache() -> None:
    alone = asked("Qwen/Qwen3-8B", "nvidia-a100-80gb", request_tokens=4096)
    beside = asked("Qwen/Qwen3-8B", "nvidia-a100-80gb", request_tokens=4096, draft_model="Qwen/Qwen3-0.6B")
    assert beside.budget.weights - alone.budget.weights == pytest.approx(596_049_920 * 2, rel=0.01)
    assert beside.needed > alone.needed


def test_adapters_take_room() -> None:
    alone = asked("Qwen/Qwen3-8B", "nvidia-l4", request_tokens=4096)
    adapted = asked("Qwen/Qwen3-8B", "nvidia-l4", request_tokens=4096, adapters=4, adapter_rank=16)
    assert adapted.budget.weights > alone.budget.weights


def test_tgi_does_not_repeat_heads_and_vllm_does() -> None:
    model = known("Qwen/Qwen2.5-7B-Instruct")  # 28 heads, 4 of keys and values
    assert possible_shards(model, Demand("tgi", "", model.name)) == (1, 2, 4)
    assert possible_shards(model, Demand("vllm", "", model.name)) == (1, 2, 4)
    wide = known("Qwen/Qwen3-30B-A3B")  # 32 heads, 4 of keys and values
    assert possible_shards(wide, Demand("tgi", "", wide.name)) == (1, 2, 4)
    assert possible_shards(wide, Demand("vllm", "", wide.name)) == (1, 2, 4, 8, 16)


def test_stages_are_refused_where_there_are_none() -> None:
    model = known("Qwen/Qwen3-8B")
    assert "no pipeline" in (shard_misfit(model, Demand("tgi", "", model.name, pipeline_parallel=2)) or "")
    assert shard_misfit(model, Demand("vllm", "", model.name, pipeline_parallel=2)) is None


@pytest.mark.parametrize(
    ("gpu", "asks", "words"),
    [
        ("nvidia-tesla-t4", {"dtype": "bfloat16"}, "bfloat16 needs compute capability 8.0"),
        ("nvidia-tesla-t4", {"quantization": "mxfp4"}, "compute capability 8.0"),
        ("nvidia-l4", {"quantization": "bitsandbytes", "version": "0.33.0"}, "no more from 0.30.0 on"),
        ("nvidia-l4", {"quantization": "fp8", "version": "0.4.0"}, "vllm has fp8 only from 0.4.2 on"),
        ("nvidia-tesla-t4", {"quantization": "awq_marlin", "version": "0.6.3"}, "compute capability 8.0"),
        ("nvidia-tesla-t4", {"quantization": "awq_marlin", "version": "0.24.0"}, ""),
        ("nvidia-tesla-t4", {"quantization": "experts_int8"}, "experts_int8 from compute capability 8.0"),
        ("nvidia-l4", {"quantization": "eetq", "engine": "tgi"}, ""),
        ("nvidia-l4", {"quantization": "exl2"}, "vllm has no exl2"),
    ],
)
def test_a_gpu_that_cannot_run_a_format_is_told_why(gpu: str, asks: dict[str, str], words: str) -> None:
    settings: dict[str, Any] = {"engine": "vllm", "request_tokens": 4096, **asks}
    made = asked("Qwen/Qwen2.5-1.5B-Instruct", gpu, **settings)
    assert words in made.unsupported
    assert bool(made.unsupported) == bool(words)


def test_an_engine_nobody_modelled_and_a_length_nobody_gave_have_no_answer() -> None:
    with pytest.raises(NoFitError, match=r"llama\.cpp"):
        asked("Qwen/Qwen3-8B", "nvidia-l4", "llama.cpp")
    with pytest.raises(NoFitError, match="how long a request"):
        asked("Qwen/QwQ-32B", "nvidia-l4")


def test_an_encoder_caches_nothing() -> None:
    made = asked("BAAI/bge-large-en-v1.5", "nvidia-tesla-t4", "tei", version="1.8.2")
    assert (made.needed, made.verdict) == (0, "fits")


def test_an_architecture_gives_the_counts_the_catalog_has() -> None:
    """By the README's formula, exact for Llama."""
    shape = ArchitectureConfig(
        num_hidden_layers=32,
        hidden_size=4096,
        intermediate_size=14336,
        num_attention_heads=32,
        num_key_value_heads=8,
        vocab_size=128256,
        max_position_embeddings=131072,
    )
    assert shape.model("x").parameters == known("meta-llama/Llama-3.1-8B-Instruct").parameters


def test_an_l40s_is_no_l4_to_tgi() -> None:
    assert [teraflops(gpu) for name in ("L4", "L40S", "T4") if (gpu := find_gpu(name))] == [121, 363, 65]


def test_copies_of_sglang_have_all_experts_each_and_those_of_vllm_share_them() -> None:
    model = known("Qwen/Qwen3-30B-A3B")
    for engine, shared in (("sglang", False), ("vllm", True)):
        alone = asked(model.name, "nvidia-h100-80gb", engine=engine, request_tokens=4096)
        copied = asked(model.name, "nvidia-h100-80gb", engine=engine, request_tokens=4096, data_parallel=2)
        assert (copied.budget.weights < alone.budget.weights) == shared
        assert copied.demand.gpus == 2
