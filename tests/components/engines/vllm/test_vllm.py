"""vLLM's flags, the rules between them, and what its image needs to run hardened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from components.catalog.quantization import methods
from components.core.errors import ConfigError
from components.engines.flag_tables import flags_of, words_of
from components.engines.flags import extra_arguments_misfits
from components.engines.vllm.config import VllmEngine
from components.engines.vllm.model import Quantization

COMMIT = "0" * 40
REFERENCE = Path(__file__).with_name("data") / "vllm_flags.txt"
NO_FLAGS = {"kind", "version", "image", "extra_args"}
LORA = {"enable_lora": True}
NGRAM = {"method": "ngram", "num_speculative_tokens": 3}


def vllm(**fields: Any) -> VllmEngine:
    return VllmEngine(kind="vllm", **fields)


def arguments(engine: VllmEngine, gpus: int = 1) -> list[str]:
    return list(engine.launch("org/model", COMMIT, gpus).args)


def after(flag: str, engine: VllmEngine, gpus: int = 1) -> str:
    given = arguments(engine, gpus)
    return given[given.index(flag) + 1]


def reference() -> dict[str, list[str]]:
    lines = [line for line in REFERENCE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {flag: releases.split() for flag, releases in (line.split("\t") for line in lines)}


def test_every_flag_of_vllm_is_a_field_or_absent_for_a_reason_or_left_to_extra_args() -> None:
    fields = set(VllmEngine.model_fields) - NO_FLAGS
    table = flags_of("vllm")
    for flag in reference():
        word = words_of(flag)
        if word in table:
            assert (word in fields) != bool(table[word].absent), f"{flag} is a field, or is told why it is none"
        else:
            assert word not in fields
            assert not list(extra_arguments_misfits("vllm", (flag,))), f"{flag} can be given in extra_args"


def test_every_field_is_a_flag_that_some_release_has() -> None:
    known = {words_of(flag) for flag in reference()}
    assert set(VllmEngine.model_fields) - NO_FLAGS <= known


def test_the_table_tells_each_flag_s_releases_as_the_sources_do() -> None:
    releases = ("0.24.0", "0.30.0", "0.31.0", "0.33.0")
    for flag, having in reference().items():
        row = flags_of("vllm").get(words_of(flag))
        if row is not None:
            assert (row.since or releases[0], row.until or releases[-1]) == (having[0], having[-1]), flag


def test_values_reach_vllm_in_the_form_its_parser_takes() -> None:
    engine = vllm(
        served_model_name=("llama", "llama-8b"),
        max_model_len=8192,
        gpu_memory_utilization=0.85,
        enable_prefix_caching=False,
        enforce_eager=True,
        allowed_origins=("https://a.io", "https://b.io"),
        limit_mm_per_prompt={"image": 2},
        speculative_config={**NGRAM, "prompt_lookup_max": 4},
        lora_modules={"sql": "org/sql-adapter"},
        **LORA,
    )
    given = arguments(engine)
    assert given[0] == "org/model", "before any list, which would take it for one of its items"
    assert given[given.index("--served-model-name") :][:3] == ["--served-model-name", "llama", "llama-8b"]
    assert "--no-enable-prefix-caching" in given
    assert "--enforce-eager" in given
    assert after("--gpu-memory-utilization", engine) == "0.85"
    assert json.loads(after("--allowed-origins", engine)) == ["https://a.io", "https://b.io"]
    assert json.loads(after("--limit-mm-per-prompt", engine)) == {"image": 2}
    assert json.loads(after("--speculative-config", engine)) == {**NGRAM, "prompt_lookup_max": 4}
    assert after("--lora-modules", engine) == "sql=org/sql-adapter"


def test_an_omitted_flag_is_left_to_vllm() -> None:
    assert arguments(vllm()) == [
        "org/model", "--port", "8000", "--revision", COMMIT,
        "--tensor-parallel-size", "1", "--pipeline-parallel-size", "1",
        "--disable-access-log-for-endpoints", "/health,/metrics", "--shutdown-timeout", "60",
    ]  # fmt: skip


def test_a_switch_that_is_off_in_vllm_too_is_not_passed_as_no() -> None:
    assert not [word for word in arguments(vllm(disable_log_stats=False)) if word.startswith("--no-")], (
        "--no-disable-log-stats does not exist: it is a store_true flag"
    )


def test_extra_arguments_come_last_as_they_are() -> None:
    assert arguments(vllm(extra_args=("--fingerprint-mode", "none")))[-2:] == ["--fingerprint-mode", "none"]


@pytest.mark.parametrize(
    ("fields", "gpus", "split"),
    [
        ({}, 4, ("4", "1")),
        ({"data_parallel_size": 2}, 4, ("2", "1")),
        ({"pipeline_parallel_size": 2}, 4, ("2", "2")),
        ({"tensor_parallel_size": 2, "data_parallel_size": 4}, 8, ("2", "1")),
    ],
)
def test_all_gpus_of_the_replica_are_used(fields: dict[str, Any], gpus: int, split: tuple[str, str]) -> None:
    engine = vllm(**fields)
    assert (after("--tensor-parallel-size", engine, gpus), after("--pipeline-parallel-size", engine, gpus)) == split


@pytest.mark.parametrize(("fields", "gpus"), [({"tensor_parallel_size": 2}, 4), ({"data_parallel_size": 3}, 4)])
def test_sizes_that_leave_gpus_over_are_refused(fields: dict[str, Any], gpus: int) -> None:
    with pytest.raises(ConfigError, match=r"engine: tensor_parallel_size .* GPUs, and the replica has 4; they must be"):
        vllm(**fields).launch("org/model", None, gpus)


def test_requests_in_work_are_finished_before_the_pod_goes() -> None:
    launch = vllm(shutdown_timeout=120).launch("org/model", None, 1)
    assert launch.drain_seconds == 120
    assert after("--shutdown-timeout", vllm(shutdown_timeout=120)) == "120"
    assert after("--shutdown-timeout", vllm()) == "60", "vLLM's own default, 0, cuts requests off"


def test_the_image_runs_as_its_own_user_with_its_files_read_only() -> None:
    launch = vllm().launch("org/model", None, 1)
    assert (launch.security.user, launch.security.group, launch.security.level) == (2000, 0, "restricted")
    assert launch.security.read_only_root
    assert launch.env["USER"] == "vllm", "torch asks for the user's name at import"
    assert launch.env["VLLM_NO_USAGE_STATS"] == "1"
    writable = (*launch.scratch, launch.cache_path)
    for variable in ("HOME", "HF_HOME", "HF_MODULES_CACHE", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"):
        assert launch.env[variable].startswith(writable), variable


def test_a_model_that_is_measured_by_nobody_has_no_metrics_to_scale_on() -> None:
    assert vllm().launch("a/b", None, 1).roles["waiting_requests"] == "vllm:num_requests_waiting"
    launch = vllm(disable_log_stats=True).launch("a/b", None, 1)
    assert (launch.metrics, launch.roles) == ({}, {})


def test_bfloat16_asks_for_a_newer_gpu_than_the_image_does() -> None:
    assert vllm().launch("a/b", None, 1).min_compute_capability == 7.5
    assert vllm(dtype="bfloat16").launch("a/b", None, 1).min_compute_capability == 8.0


def test_a_quantization_method_asks_for_the_gpus_it_runs_on() -> None:
    assert vllm(quantization="awq").launch("a/b", None, 1).min_compute_capability == 7.5
    assert vllm(quantization="mxfp4").launch("a/b", None, 1).min_compute_capability == 8.0
    assert vllm(quantization="nvfp4_per_token").launch("a/b", None, 1).min_compute_capability == 10.0


def test_the_table_knows_what_every_method_needs_but_the_one_that_asks_the_platform() -> None:
    known = {method.name for method in methods("vllm")}
    assert set(get_args(Quantization)) - known == {"deepseek_v4_fp8", "mxfp8"}


def test_the_trace_collector_s_port_is_let_out() -> None:
    assert vllm(otlp_traces_endpoint="http://jaeger.tracing:4317").launch("a/b", None, 1).egress_ports == (4317,)


def test_what_it_asks_of_gpu_memory_travels_with_it() -> None:
    engine = vllm(max_model_len=4096, max_num_seqs=16, quantization="awq", dtype="half", enforce_eager=True, **LORA)
    demand = engine.launch("org/model", None, 2).demand
    assert demand is not None
    assert (demand.engine, demand.version, demand.model) == ("vllm", "0.30.0", "org/model")
    assert (demand.tensor_parallel, demand.request_tokens, demand.requests) == (2, 4096, 16)
    assert (demand.quantization, demand.dtype, demand.cuda_graphs) == ("awq", "float16", False)
    assert (demand.adapters, demand.adapter_rank) == (1, 16)


@pytest.mark.parametrize("field", ["cpu_offload_gb", "offload_group_size", "kv_cache_memory_bytes"])
def test_memory_that_the_shared_words_cannot_describe_is_not_described(field: str) -> None:
    assert vllm(**{field: 8}).launch("org/model", None, 1).demand is None


def test_the_digest_is_added_where_one_is_known_and_never_invented() -> None:
    assert "@sha256:" in vllm().launch("a/b", None, 1).image
    assert vllm(version="v0.33.0").launch("a/b", None, 1).image == "vllm/vllm-openai:v0.33.0"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"version": "v0.11.0"}, 'version: got "v0.11.0"; the flags known here are those of 0.24 and later'),
        (
            {"version": "v0.24.0-cu129", "max_num_queued_reqs": 9},
            "max_num_queued_reqs: vLLM 0.24.0 has no --max-num-queued-reqs; use version 0.30.0 or newer",
        ),
        ({"quantization": "bitsandbytes"}, 'quantization: got "bitsandbytes", which vLLM dropped after 0.24'),
        ({"quantization": "eetq"}, 'quantization: got "eetq"; '),
        ({"max_model_len": 0}, "max_model_len: got 0; write the tokens of one request, or -1"),
        ({"max_model_len": "8k"}, 'max_model_len: got "8k"; must be a whole number'),
        (
            {"max_num_batched_tokens": 64, "max_num_seqs": 128},
            "max_num_batched_tokens: got 64; must be at least max_num_seqs, which is 128",
        ),
        (
            {"max_num_batched_tokens": 2048, "max_model_len": 4096, "enable_chunked_prefill": False},
            "max_num_batched_tokens: got 2048; without chunked prefill it must hold a whole prompt",
        ),
        (
            {"version": "v0.31.0", "max_num_active_seqs": 64, "max_num_seqs": 32},
            "max_num_active_seqs: got 64; must be at most max_num_seqs, which is 32",
        ),
        (
            {"long_prefill_token_threshold": 8192, "max_model_len": 4096},
            "long_prefill_token_threshold: got 8192; must be at most max_model_len, which is 4096",
        ),
        ({"enforce_eager": True, "cudagraph_capture_sizes": [1]}, "cudagraph_capture_sizes: enforce_eager captures no"),
        (
            {"max_cudagraph_capture_size": 8, "cudagraph_capture_sizes": [1, 16]},
            "max_cudagraph_capture_size: got 8, but the largest of cudagraph_capture_sizes is 16",
        ),
        (
            {"kv_cache_memory_bytes": 1, "gpu_memory_utilization": 0.9},
            "kv_cache_memory_bytes: takes the place of gpu_memory_utilization",
        ),
        ({"gpu_memory_utilization": 90}, "gpu_memory_utilization: got 90; "),
        ({"kv_offloading_backend": "native"}, "kv_offloading_backend: does nothing without kv_offloading_size"),
        ({"offload_num_in_group": 2}, "offload_num_in_group: got 2; must be at most offload_group_size, which is 0"),
        ({"offload_backend": "prefetch"}, 'offload_backend: got "prefetch", which needs offload_group_size'),
        ({"offload_backend": "uva"}, 'offload_backend: got "uva", which needs cpu_offload_gb'),
        ({"cpu_offload_gb": 4, "offload_group_size": 8}, "cpu_offload_gb: cpu_offload_gb and offload_group_size are"),
        ({"enable_eplb": True}, "enable_eplb: moves whole experts; add enable_expert_parallel: true"),
        ({"max_loras": 4}, "max_loras: is about LoRA adapters, which are off; add enable_lora: true"),
        ({"lora_modules": {"sql": "org/a"}}, "lora_modules: is about LoRA adapters, which are off"),
        ({"max_lora_rank": 24, **LORA}, "max_lora_rank: got 24; "),
        ({"max_cpu_loras": 2, "max_loras": 4, **LORA}, "max_cpu_loras: got 2; must be at least max_loras, which is 4"),
        ({"enable_auto_tool_choice": True}, "enable_auto_tool_choice: needs tool_call_parser"),
        ({"runner": "pooling", "reasoning_parser": "qwen3"}, "reasoning_parser: is about generating text"),
        ({"runner": "generate", "convert": "embed"}, "convert: is for pooling models, and runner is generate"),
        (
            {"structured_outputs_config": {"backend": "xgrammar", "disable_additional_properties": True}},
            "structured_outputs_config: disable_additional_properties works with guidance, not with xgrammar",
        ),
        (
            {"structured_outputs_config": {"backend": "outlines", "disable_any_whitespace": True}},
            "structured_outputs_config: disable_any_whitespace works with xgrammar and guidance, not with outlines",
        ),
        ({"allowed_origins": ["*", "https://a.io"]}, "allowed_origins: `*` allows every one already"),
        ({"allowed_origins": ["*"], "allow_credentials": True}, "allow_credentials: browsers send no cookies"),
        (
            {"language_model_only": True, "limit_mm_per_prompt": {"image": 1}},
            "limit_mm_per_prompt: language_model_only takes no media",
        ),
        ({"mm_shm_cache_max_object_size_mb": 64}, "mm_shm_cache_max_object_size_mb: is about the cache in shared"),
        ({"speculative_config": {"method": "eagle", "num_speculative_tokens": 2}}, "method: eagle needs model"),
        ({"speculative_config": {**NGRAM, "model": "org/draft"}}, "speculative_config.model: ngram guesses without"),
        ({"speculative_config": {"method": "ngram"}}, "speculative_config.num_speculative_tokens: is required"),
        (
            {"speculative_config": {**NGRAM, "prompt_lookup_min": 5, "prompt_lookup_max": 3}},
            "speculative_config.prompt_lookup_min: got 5; must be at most prompt_lookup_max, which is 3",
        ),
        (
            {"speculative_config": {"method": "mtp", "num_speculative_tokens": 1, "prompt_lookup_max": 3}},
            "speculative_config: prompt_lookup_* are ngram's, and method is mtp",
        ),
        (
            {"tensor_parallel_size": 4, "speculative_config": {**NGRAM, "draft_tensor_parallel_size": 2}},
            "speculative_config.draft_tensor_parallel_size: got 2; must be 1 or tensor_parallel_size, which is 4",
        ),
        (
            {"speculative_config": NGRAM, "max_num_seqs": 256, "max_num_batched_tokens": 512, **LORA},
            "max_num_batched_tokens: got 512; with LoRA it must hold max_num_seqs times the guesses and one, 1024",
        ),
        ({"enable_log_outputs": True}, "enable_log_outputs: needs enable_log_requests: true"),
        ({"disable_log_stats": True, "kv_cache_metrics": True}, "kv_cache_metrics: disable_log_stats measures nothing"),
        ({"collect_detailed_traces": ["all"]}, "collect_detailed_traces: goes to otlp_traces_endpoint"),
        (
            {"otlp_traces_endpoint": "jaeger:4317"},
            'otlp_traces_endpoint: got "jaeger:4317"; must be a URL with a port of 1 to 65535, such as',
        ),
        ({"trust_remote_code": "yes"}, 'trust_remote_code: got "yes"; must be true or false'),
        ({"api_key": "k"}, "api_key: unknown field: a key must not stand in an argument; keep it in a Secret"),
        ({"num_shard": 2}, "num_shard: unknown field: that is TGI's; vLLM's is tensor_parallel_size"),
        ({"swap_space": 4}, "swap_space: unknown field: vLLM dropped it; kv_offloading_size"),
        ({"max_modl_len": 1}, "max_modl_len: unknown field; did you mean max_model_len?"),
        ({"nnodes": 2}, "nnodes: unknown field: it is the model server's; write nodes next to engine"),
        ({"numa_bind": True}, "numa_bind: unknown field: binding memory needs set_mempolicy"),
        ({"extra_args": ["--max-model-len", "8"]}, 'extra_args[0]: got "--max-model-len"; write engine.max_model_len'),
        (
            {"extra_args": ["--no-enable-prefix-caching"]},
            'extra_args[0]: got "--no-enable-prefix-caching"; write engine.enable_prefix_caching',
        ),
        (
            {"extra_args": ["--compilation-config.mode=0"]},
            'extra_args[0]: got "--compilation-config.mode"; write engine.compilation_config',
        ),
        ({"extra_args": ["--api-key", "abcdefgh"]}, "extra_args[0]: a credential must not be written in plain text"),
        ({"extra_args": ["--port=80"]}, 'extra_args[0]: got "--port"; it serves on 8000 inside the pod'),
        ({"extra_args": ["-tp", "2"]}, 'extra_args[0]: got "-tp"; write the long form of the flag'),
        ({"extra_args": ["--num-shard", "2"]}, 'extra_args[0]: got "--num-shard"; that is TGI\'s'),
    ],
)
def test_a_wrong_flag_is_refused_with_the_fix(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        vllm(**fields)
    assert said in str(refusal.value)


def test_a_release_that_the_tag_does_not_name_is_not_guessed() -> None:
    assert vllm(version="nightly", max_num_queued_reqs=9).release is None
    assert vllm(version="v0.24.0-cu129").release == (0, 24, 0)
