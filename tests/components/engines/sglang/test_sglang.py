"""SGLang's flags, the rules between them, and what its image needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.catalog.metrics import metrics_of
from components.catalog.quantization import methods_of
from components.core.errors import ConfigError
from components.core.plan import GPU
from components.engines.flag_tables import flags_of, settings_of
from components.engines.sglang.config import SglangEngine
from components.engines.sglang.flags import QuantizationMethod, SglangFlags
from components.serving.config import ModelServerConfig
from components.serving.model_server import model_server
from components.serving.site import Site

DATA = Path(__file__).with_name("data")
RELEASES = ("0.5.20", "0.5.23")
FIELDS = set(SglangFlags.model_fields) - {"kind", "version", "image"}


def real_flags(release: str) -> set[str]:
    """What the server's parser takes, from its wheel."""
    lines = (DATA / f"sglang-{release}-flags.txt").read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line.startswith("--")}


def arguments(engine: SglangEngine, gpus: int = 1) -> list[str]:
    return list(engine.launch("org/model", "0" * 40, gpus).args)


def value_of(flag: str, engine: SglangEngine, gpus: int = 1) -> str:
    words = arguments(engine, gpus)
    return words[words.index(flag) + 1]


def test_every_field_is_a_flag_of_the_real_parser() -> None:
    assert {f"--{field.replace('_', '-')}" for field in FIELDS} <= real_flags("0.5.23")


def test_the_table_holds_each_field_and_nothing_the_parser_lacks() -> None:
    table = flags_of("sglang").values()
    assert {flag.field for flag in table if flag.field and not flag.absent} == FIELDS
    assert {flag.flag for flag in table} <= real_flags("0.5.23")


def test_each_flag_is_modelled_absent_with_a_reason_or_taken_by_extra_args() -> None:
    for flag in sorted(real_flags("0.5.23")):
        word = flag.removeprefix("--").replace("-", "_")
        known = flags_of("sglang").get(word)
        if known is None:
            assert SglangEngine(extra_args=(flag,)).extra_args == (flag,)
        else:
            assert known.field or len(known.absent) > 20


@pytest.mark.parametrize("release", RELEASES)
def test_a_release_has_each_flag_that_the_table_says_it_has(release: str) -> None:
    numbers = tuple(map(int, release.split(".")))
    for flag in flags_of("sglang").values():
        if flag.field:
            since = tuple(map(int, flag.since.removeprefix("v").split("."))) if flag.since else (0,)
            assert (flag.flag in real_flags(release)) == (numbers >= since), flag


def test_each_equivalent_of_another_engine_is_a_field() -> None:
    assert {each.field for each in settings_of("sglang").values()} <= set(SglangEngine.model_fields)


def test_each_quantization_has_its_oldest_gpu() -> None:
    assert set(methods_of("sglang")) == set(get_args(QuantizationMethod))


@pytest.mark.parametrize(
    ("quantization", "oldest"), [(None, 7.5), ("gguf", 7.5), ("modelopt_fp8", 8.9), ("nvfp4_online", 10.0)]
)
def test_a_quantization_can_ask_for_a_newer_gpu(quantization: Any, oldest: float) -> None:
    assert SglangEngine(quantization=quantization).launch("a/b", None, 1).min_compute_capability == oldest


def test_flags_reach_the_server_under_their_real_names() -> None:
    words = arguments(
        SglangEngine(
            context_length=16384,
            mem_fraction_static=0.85,
            trust_remote_code=True,
            lora_paths={"sql": "org/sql", "chat": "/adapters/chat"},
            limit_mm_data_per_request={"image": 2},
            allowed_media_domains=("example.com", "a.io"),
            chunked_prefill_size=-1,
        )
    )
    assert words[words.index("--context-length") + 1] == "16384"
    assert words[words.index("--mem-fraction-static") + 1] == "0.85"
    assert "--trust-remote-code" in words
    assert words[words.index("--lora-paths") + 1 :][:2] == ["sql=org/sql", "chat=/adapters/chat"]
    assert words[words.index("--limit-mm-data-per-request") + 1] == '{"image":2}'
    assert words[words.index("--allowed-media-domains") + 1 :][:2] == ["example.com", "a.io"]
    assert words[words.index("--chunked-prefill-size") + 1] == "-1"


def test_an_omitted_flag_is_left_to_sglang() -> None:
    flags = {word for word in arguments(SglangEngine()) if word.startswith("--")}
    assert flags == {"--model-path", "--revision", "--host", "--port", "--enable-metrics", "--tp-size"}


def test_it_listens_where_probes_and_prometheus_reach_it() -> None:
    launch = SglangEngine().launch("org/model", None, 1)
    assert value_of("--host", SglangEngine()) == "0.0.0.0"  # noqa: S104 - who may call is for the NetworkPolicy
    assert value_of("--port", SglangEngine()) == str(launch.port) == "30000"
    assert "--enable-metrics" in launch.args
    assert launch.roles["waiting_requests"] == "sglang:num_queue_reqs"
    assert launch.command == ("python3", "-m", "sglang.launch_server")


@pytest.mark.parametrize(
    ("engine", "gpus", "split"),
    [
        (SglangEngine(), 1, "1"),
        (SglangEngine(), 4, "4"),
        (SglangEngine(pp_size=2), 4, "2"),
        (SglangEngine(dp_size=2, pp_size=2), 8, "2"),
        (SglangEngine(tp_size=2), 4, "2"),
    ],
)
def test_a_model_is_split_over_all_its_gpus_unless_told_otherwise(engine: SglangEngine, gpus: int, split: str) -> None:
    assert value_of("--tp-size", engine, gpus) == split


def test_gpus_that_groups_do_not_divide_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"gpus: got 3; pp_size 2 times dp_size 1 is 2: use a multiple of it"):
        SglangEngine(pp_size=2).launch("a/b", None, 3)


def test_probes_are_flags_and_answer_without_the_key() -> None:
    launch = SglangEngine().launch("a/b", None, 1)
    assert [probe.path for probe in launch.probes] == ["/ready", "/ready", "/health"]
    assert launch.env["SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION"] == "false", "it would generate a token"
    assert all(probe.timeout_seconds > 1 for probe in launch.probes)
    assert launch.probes[0].budget_seconds == 1800


def test_kernels_for_one_kind_of_gpu_are_held_to_it() -> None:
    hopper = SglangEngine(attention_backend="fa3").launch("a/b", None, 1)
    assert (hopper.min_compute_capability, hopper.max_compute_capability) == (8.0, 9.0)
    newer = SglangEngine(attention_backend="trtllm_mha").launch("a/b", None, 1)
    assert (newer.min_compute_capability, newer.max_compute_capability) == (9.0, 0.0)
    assert SglangEngine(attention_backend="triton").launch("a/b", None, 1).min_compute_capability == 7.5


def test_a_parser_is_one_of_its_release() -> None:
    mirror = "registry.example.com/sglang:next"
    assert SglangEngine(tool_call_parser="auto", reasoning_parser="qwen3").reasoning_parser == "qwen3"
    assert SglangEngine(version="v0.5.21", tool_call_parser="deepseekv41").tool_call_parser == "deepseekv41"
    assert SglangEngine(version="v0.6.0", image=mirror, tool_call_parser="brandnew").tool_call_parser == "brandnew"


@pytest.mark.parametrize("algorithm", ["EAGLE", "EAGLE3", "DFLASH", "DSPARK"])
def test_prompts_in_parts_mix_with_guesses_where_sglang_can(algorithm: Any) -> None:
    engine = SglangEngine(speculative_algorithm=algorithm, speculative_draft_model_path="a/b", enable_mixed_chunk=True)
    assert "--enable-mixed-chunk" in arguments(engine)


def test_experts_are_spread_over_a_part_of_the_gpus_that_comes_out_even() -> None:
    assert value_of("--ep-size", SglangEngine(ep_size=2), gpus=4) == "2"
    with pytest.raises(ConfigError, match=r"engine\.ep_size: got 3; must divide tp_size, which is 4"):
        SglangEngine(ep_size=3).launch("a/b", None, 4)


def test_the_longest_request_may_finish_and_the_signal_is_noticed_late() -> None:
    assert SglangEngine(drain_seconds=60).launch("a/b", None, 1).drain_seconds == 75


def test_the_image_runs_as_root_and_what_it_compiles_outlives_a_restart() -> None:
    launch = SglangEngine().launch("a/b", None, 1)
    assert (launch.security.user, launch.security.level, launch.security.read_only_root) == (0, "baseline", False)
    assert launch.env["SGLANG_CACHE_DIR"].startswith(f"{launch.scratch[0]}/")
    assert launch.env["HF_HOME"] == launch.cache_path
    assert "HOME" not in launch.env, "kernels are baked below root's own"


def test_the_default_image_has_a_digest_and_none_is_invented() -> None:
    assert "@sha256:" in SglangEngine().launch("a/b", None, 1).image
    assert SglangEngine(version="v0.5.21").launch("a/b", None, 1).image.endswith(":v0.5.21")
    mirror = "registry.example.com/sglang:v0.5.23"
    assert SglangEngine(version="v0.5.23", image=mirror).launch("a/b", None, 1).image == mirror


def test_a_metric_of_a_later_release_is_not_promised() -> None:
    later = "sglang:request_time_per_output_token_seconds"
    mirror = "registry.example.com/sglang:v0.5.23"
    assert later not in SglangEngine().launch("a/b", None, 1).metrics
    assert later in SglangEngine(version="v0.5.23", image=mirror).launch("a/b", None, 1).metrics
    assert len(SglangEngine().launch("a/b", None, 1).metrics) == len(metrics_of("sglang")) - 1


def test_the_key_comes_from_a_secret_and_kubernetes_puts_it_in() -> None:
    launch = SglangEngine(api_key_variable="CLIENTS").launch("a/b", None, 1)
    assert launch.args[-2:] == ("--api-key", "$(CLIENTS)")
    assert launch.secret_variables == ("CLIENTS",)


def test_a_key_that_no_secret_holds_is_refused() -> None:
    server: dict[str, Any] = {
        "model": "Qwen/Qwen3-8B",
        "engine": {"kind": "sglang", "api_key_variable": "CLIENTS"},
    }
    with pytest.raises(ConfigError, match=r"secret_env: must define CLIENTS"):
        model_server("llama", ModelServerConfig(**server))
    with pytest.raises(ConfigError, match=r"secret_env: must define CLIENTS"):
        model_server("llama", ModelServerConfig(**server, env={"CLIENTS": ""}))
    secret = {"CLIENTS": {"name": "clients", "key": "token"}}
    part = model_server("llama", ModelServerConfig(**server, secret_env=secret))
    deployment = next(item for item in part.items if item.kind == "Deployment")
    (container,) = deployment.properties["spec"]["template"]["spec"]["containers"]
    assert {"name": "CLIENTS", "valueFrom": {"secretKeyRef": secret["CLIENTS"]}} in container["env"]


def test_memory_settings_travel_to_the_fit_proof() -> None:
    engine = SglangEngine(
        quantization="awq_marlin",
        dtype="half",
        kv_cache_dtype="fp8_e5m2",
        mem_fraction_static=0.8,
        context_length=8192,
        chunked_prefill_size=2048,
        max_total_tokens=65536,
        max_running_requests=32,
        lora_paths={"sql": "org/sql"},
        max_lora_rank=16,
        speculative_algorithm="EAGLE3",
        speculative_draft_model_path="org/draft",
        disable_decode_cuda_graph=True,
        disable_prefill_cuda_graph=True,
    )
    demand = engine.launch("org/model", None, 2).demand
    assert demand is not None
    assert (demand.engine, demand.version, demand.tensor_parallel) == ("sglang", "0.5.20", 2)
    assert (demand.quantization, demand.dtype, demand.kv_cache_dtype) == ("awq_marlin", "float16", "fp8_e5m2")
    assert (demand.memory_fraction, demand.request_tokens, demand.step_tokens) == (0.8, 8192, 2048)
    assert (demand.cache_tokens, demand.requests, demand.cuda_graphs) == (65536, 32, False)
    assert (demand.adapters, demand.adapter_rank, demand.draft_model) == (8, 16, "org/draft")
    layers = SglangEngine(pp_size=2).launch("org/model", None, 4).demand
    assert layers is not None
    assert (layers.tensor_parallel, layers.pipeline_parallel) == (2, 2)


def test_what_sglang_chooses_itself_is_not_claimed() -> None:
    demand = SglangEngine(chunked_prefill_size=-1, quantization="unquant", dtype="auto").launch("a/b", None, 1).demand
    assert demand is not None
    assert (demand.dtype, demand.quantization, demand.step_tokens, demand.cuda_graphs) == (None, None, None, None)
    assert (demand.memory_fraction, demand.requests, demand.adapters) == (None, None, 0)
    assert SglangEngine(cpu_offload_gb=8).launch("a/b", None, 1).demand is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"version": "v0.5.16"}, 'version: got "v0.5.16"; these flags and probes begin with v0.5.20'),
        ({"version": "v0.5.23"}, 'version: got "v0.5.23"; nobody has been seen pulling that tag'),
        ({"version": "0.5.20"}, 'version: got "0.5.20"; must be an image tag such as v0.5.20'),
        ({"attn_dp_size": 2}, "attn_dp_size: SGLang v0.5.20 has no --attn-dp-size; use version v0.5.22 or newer"),
        ({"context_length": 9, "max_total_tokens": 8}, "context_length: got 9; must be at most max_total_tokens"),
        ({"chunked_prefill_size": 100, "page_size": 64}, "must be a multiple of page_size, which is 64: 64"),
        ({"chunked_prefill_size": 32, "page_size": 64}, "must be a multiple of page_size, which is 64: 64"),
        ({"chunked_prefill_size": 0}, "chunked_prefill_size: got 0; write -1 for whole prompts"),
        ({"chunked_prefill_size": -1, "enable_mixed_chunk": True}, "enable_mixed_chunk: mixes chunks of prompts"),
        ({"enable_hierarchical_cache": True, "disable_radix_cache": True}, "drop disable_radix_cache"),
        ({"hicache_ratio": 2.0}, "hicache_ratio: sizes the hierarchical cache; write enable_hierarchical_cache"),
        (
            {"hicache_ratio": 2.0, "hicache_size": 8, "enable_hierarchical_cache": True},
            "hicache_ratio: is not used beside hicache_size",
        ),
        (
            {"schedule_policy": "lpm", "enable_priority_scheduling": True},
            'schedule_policy: got "lpm"; with enable_prio',
        ),
        ({"tp_size": 4, "ep_size": 3}, "ep_size: got 3; must divide tp_size, which is 4"),
        ({"tool_call_parser": "qwen3"}, 'tool_call_parser: got "qwen3"; did you mean qwen'),
        ({"reasoning_parser": "deepseekr1"}, 'reasoning_parser: got "deepseekr1"; did you mean deepseek-r1?'),
        ({"tool_call_parser": "deepseekv41"}, 'tool_call_parser: got "deepseekv41"; did you mean deepseekv4?'),
        (
            {"speculative_algorithm": "NGRAM", "attention_backend": "flex_attention"},
            'attention_backend: got "flex_attention", which does not guess ahead',
        ),
        ({"pp_size": 2, "speculative_algorithm": "NGRAM"}, "speculative_algorithm: does not run with pp_size above 1"),
        ({"enable_mixed_chunk": True, "speculative_algorithm": "NGRAM"}, "enable_mixed_chunk: does not run with NGRAM"),
        ({"speculative_num_steps": 3}, "speculative_num_steps: does nothing without speculative_algorithm"),
        ({"speculative_algorithm": "EAGLE3"}, "speculative_draft_model_path: is missing, and EAGLE3 has no draft"),
        (
            {"speculative_algorithm": "NGRAM", "speculative_draft_model_path": "a/b"},
            "speculative_draft_model_path: is not used by NGRAM",
        ),
        ({"speculative_algorithm": "NEXTN", "speculative_eagle_topk": 4}, "speculative_num_steps: is missing;"),
        (
            {"speculative_algorithm": "NEXTN", "speculative_draft_model_revision": "main"},
            "speculative_draft_model_revision: belongs to speculative_draft_model_path",
        ),
        ({"max_lora_rank": 16}, "max_lora_rank: is for adapters, and there are none"),
        ({"enable_lora": True}, "enable_lora: needs lora_paths, or both max_lora_rank and lora_target_modules"),
        (
            {"lora_paths": {"a": "a/b"}, "lora_target_modules": ("all", "q_proj")},
            "lora_target_modules: `all` names every layer already",
        ),
        ({"lora_paths": {"a": "a/b"}, "max_loaded_loras": 7}, "must be at least max_loras_per_batch, which is 8"),
        (
            {"lora_paths": {"a": "a/b", "c": "c/d"}, "max_loaded_loras": 1, "max_loras_per_batch": 1},
            "max_loaded_loras: got 1; lora_paths names 2",
        ),
        ({"enable_trace": True}, "otlp_traces_endpoint: is missing, and enable_trace alone sends no traces"),
        ({"otlp_traces_endpoint": "otel:4317"}, "enable_trace: is missing, and otlp_traces_endpoint alone sends no"),
        (
            {"otlp_traces_endpoint": "http://otel:4317", "enable_trace": True},
            "must be host:port with a port of 1 to 65535, such as jaeger",
        ),
        ({"log_requests_level": 3}, "log_requests_level: says how much of a request is logged"),
        ({"quantization": "gptq"}, 'quantization: got "gptq"; use one of: auto-round'),
        ({"mem_fraction_static": 1.0}, "mem_fraction_static: got 1.0; must be more than 0 and less"),
        ({"served_model_name": "a:b"}, 'served_model_name: got "a:b"; must be'),
        ({"extra_args": ("--tp-size", "2")}, 'extra_args[0]: got "--tp-size"; write engine.tp_size'),
        ({"extra_args": ("--context", "2")}, "SGLang would take it for --context-length"),
        ({"extra_args": ("--enable-metrics",)}, "it is always on"),
        ({"extra_args": ("--num-shard=2",)}, "that is TGI's"),
        ({"num_shard": 2}, "num_shard: unknown field: that is TGI's; SGLang's is tp_size"),
        ({"max_model_len": 2}, "max_model_len: unknown field: that is vLLM's; SGLang's is context_length"),
    ],
)
def test_a_wrong_flag_is_refused_with_the_fix(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        SglangEngine(**fields)
    assert said in str(refusal.value)


def test_a_short_form_is_told_once() -> None:
    with pytest.raises(ConfigError) as refusal:
        SglangEngine(extra_args=("--tp", "2"))
    assert str(refusal.value) == 'extra_args[0]: got "--tp"; write tp_size'


def test_later_releases_have_their_own_rules() -> None:
    mirror = {"version": "v0.5.23", "image": "registry.example.com/sglang:v0.5.23"}
    for fields, said in (
        ({"tp_size": 4, "attn_dp_size": 3}, "attn_dp_size: got 3; must divide tp_size, which is 4"),
        ({"attn_dp_size": 2, "dp_size": 2}, "dp_size: got 2; with attn_dp_size it must be 1"),
        ({"otlp_service_name": "chat"}, "otlp_service_name: names traces, and enable_trace is false"),
    ):
        with pytest.raises(ConfigError) as refusal:
            SglangEngine(**mirror, **fields)
        assert said in str(refusal.value)


@given(st.integers(1, 8), st.integers(1, 8), st.integers(1, 16))
def test_split_times_groups_is_never_more_than_the_gpus_where_it_is_not_written(pp: int, dp: int, gpus: int) -> None:
    engine = SglangEngine(pp_size=pp, dp_size=dp)
    if gpus % (pp * dp):
        with pytest.raises(ConfigError):
            engine.launch("a/b", None, gpus)
    else:
        assert int(value_of("--tp-size", engine, gpus)) * pp * dp == gpus


def test_each_replica_has_the_gpus_it_is_split_over(l4_site: Site) -> None:
    config = ModelServerConfig(model="Qwen/Qwen3-8B", engine={"kind": "sglang"})
    deployment = next(item for item in model_server("qwen", config, l4_site).items if item.kind == "Deployment")
    (container,) = deployment.properties["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"][GPU] == 1
    assert container["args"][container["args"].index("--tp-size") + 1] == "1"
