"""Every flag of TGI's launcher has a field, or a reason why not, and nothing else says it knows better."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.catalog import table
from components.catalog.quantization import methods_of
from components.core.errors import ConfigError
from components.engines.flag_tables import flags_of, mistakes_of, settings_of
from components.engines.tgi.config import TgiEngine, TgiOnRocm
from components.engines.tgi.rocm import rocm_refusal
from components.engines.tgi.rules import splits
from components.serving.config import ModelServerConfig

LAUNCHER = Path(__file__).with_name("tgi_launcher_flags.txt").read_text(encoding="utf-8").split()
"""Every `##` heading of docs/source/reference/launcher.md, which is every clap argument of launcher/src/main.rs plus
--help and --version, at v3.3.5, v3.3.6 and v3.3.7 of huggingface/text-generation-inference; the three do not differ."""
FLAGS = flags_of("tgi")
ABSENT = {
    "--api-key", "--env", "--help", "--hostname", "--huggingface-hub-cache", "--master-addr", "--master-port",
    "--max-input-length", "--model-id", "--ngrok", "--ngrok-authtoken", "--ngrok-edge", "--port",
    "--prometheus-port", "--revision", "--shard-uds-path", "--sharded", "--usage-stats", "--version",
    "--weights-cache-override",
}  # fmt: skip
"""The launcher's flags that deliberately have no field of their own."""
SAMPLES: dict[str, Any] = {
    "quantize": "gptq", "dtype": "float16", "kv_cache_dtype": "fp8_e5m2", "rope_scaling": "linear", "rope_factor": 2.0,
    "lora_adapters": ("org/a", "b=/data/b"), "tokenizer_config_path": "/data/chat.json", "cuda_graphs": (1, 2),
    "cuda_memory_fraction": 0.9, "tgi_wiggle_room": 0.8, "attention": "paged", "prefix_caching": False,
    "prefill_chunking": False, "cors_allow_origin": ("https://a.io",), "otlp_endpoint": "http://otel.tracing:4317",
    "otlp_service_name": "chat", "log_level": "debug", "waiting_served_ratio": 1.2, "watermark_gamma": 0.5,
    "watermark_delta": 2.0,
}  # fmt: skip
"""A value for each field whose type is no number or flag."""


def test_every_flag_of_the_launcher_is_modelled_or_deliberately_absent() -> None:
    listed = [flag.flag for flag in FLAGS.values() if flag.flag]
    assert set(LAUNCHER) - set(listed) == set(), "in the launcher's reference, but not in flags.tsv"
    assert set(listed) - set(LAUNCHER) == set(), "in flags.tsv, but not in the launcher's reference"
    assert {flag.flag for flag in FLAGS.values() if flag.flag and flag.absent} == ABSENT
    assert all(flag.field or flag.absent for flag in FLAGS.values())


def test_every_flag_has_its_own_variable_but_env_help_and_version() -> None:
    """Clap derives it from the name (`#[clap(long, env)]`)."""
    wrong = [flag for flag in FLAGS.values() if flag.flag and flag.variable != flag.flag[2:].replace("-", "_").upper()]
    assert [flag.flag for flag in wrong] == ["--env", "--help", "--version"]
    assert not any(flag.variable for flag in wrong)


def test_the_fields_are_those_of_the_table() -> None:
    ours = {"kind", "version", "image", "extra_args"}
    assert {flag.field for flag in FLAGS.values() if flag.field and not flag.absent} == {*TgiEngine.model_fields} - ours
    assert {flag.field for flag in FLAGS.values() if flag.field} <= {*TgiEngine.model_fields}


@pytest.mark.parametrize("flag", [flag for flag in FLAGS.values() if flag.field and not flag.absent], ids=str)
def test_every_field_reaches_the_launcher_by_its_flag_or_variable(flag: Any) -> None:
    value = SAMPLES.get(flag.field, True if TgiEngine.model_fields[flag.field].default is False else 3)
    version = {"version": flag.since, "image": "registry.example.com/tgi:new"} if flag.since else {}
    partner = {"rope_factor": 2.0} if flag.field == "rope_scaling" else {}
    launch = TgiEngine(**{flag.field: value, **version, **partner}).launch("org/model", None, 1)
    if not flag.flag:
        assert launch.env[flag.variable] == ("false" if value is False else str(value))
        return
    place = launch.args.index(flag.flag)
    if value is not True:
        assert launch.args[place + 1] == (",".join(map(str, value)) if isinstance(value, tuple) else str(value))


def test_the_table_says_where_each_flag_comes_from() -> None:
    for name in ("flags", "settings", "mistakes", "quantization", "rocm_refusals"):
        for row in table.engine_rows("tgi", name):
            assert re.fullmatch(r"20\d\d-\d\d-\d\d", row["as_of"])
            assert "@" in row["source"] or re.search(r"\d+\.\d+\.\d+", row["source"])


def test_settings_that_others_have_too_are_fields_of_tgi() -> None:
    assert {each.field for each in settings_of("tgi").values()} <= {*TgiEngine.model_fields}
    assert not mistakes_of("tgi").keys() & TgiEngine.model_fields.keys()


def test_every_quantization_method_is_one_of_the_launcher_s_and_says_which_gpus_run_it() -> None:
    words = {*(TgiEngine.model_json_schema()["properties"]["quantize"]["anyOf"][0]["enum"])}
    assert {*methods_of("tgi")} == words | {"bitsandbytes"}, "which the launcher calls deprecated"
    assert all(method.min_compute_capability >= (8, 0) for method in methods_of("tgi").values())
    on_the_fly = {name for name, method in methods_of("tgi").items() if not method.needs_quantized_weights}
    assert on_the_fly == {"eetq", "fp8", "bitsandbytes", "bitsandbytes-nf4", "bitsandbytes-fp4"}


@settings(max_examples=40, deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8) | st.text(" \t\n*?[]ab$'", max_size=5)
)
def test_an_argument_survives_the_entrypoint_s_shell_or_is_refused(text: str) -> None:
    """tgi-entrypoint.sh ends in `exec text-generation-launcher $@`, without quotes."""
    if splits(text):
        with pytest.raises(ConfigError, match="entrypoint would split it"):
            TgiEngine(image="registry.example.com/tgi:new", extra_args=(text,))
        return
    shell = subprocess.run(["sh", "-c", "printf '%s\\n' $@", "sh", text], capture_output=True, cwd="/", check=True)
    assert shell.stdout.decode() == f"{text}\n"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"max_batch_prefill_tokens": 1024, "max_input_tokens": 2048, "attention": "paged"},
            (
                "max_batch_prefill_tokens: got 1024; must be at least max_input_tokens, which is 2048: "
                "attention is paged, so that each prompt is worked on whole"
            ),
        ),
        (
            {"max_batch_prefill_tokens": 1024, "max_input_tokens": 2048, "prefill_chunking": False},
            (
                "max_batch_prefill_tokens: got 1024; must be at least max_input_tokens, which is 2048: "
                "prefill_chunking is false, so that each prompt is worked on whole"
            ),
        ),
        (
            {"max_batch_prefill_tokens": 1024, "max_input_tokens": 2048, "speculate": 2},
            (
                "max_batch_prefill_tokens: got 1024; must be at least max_input_tokens, which is 2048: "
                "speculate is set, so that each prompt is worked on whole"
            ),
        ),
        (
            {"max_batch_prefill_tokens": 8192, "max_batch_total_tokens": 4096},
            "max_batch_prefill_tokens: got 8192; must be at most max_batch_total_tokens, which is 4096",
        ),
        (
            {"rope_scaling": "dynamic"},
            "rope_scaling: dynamic without rope_factor changes nothing; write rope_factor too, or drop both",
        ),
        ({"rope_factor": 1.0}, "rope_factor: got 1.0; must be more than 1"),
        ({"rope_scaling": "yarn", "rope_factor": 2.0}, 'rope_scaling: got "yarn"; use one of: dynamic, linear'),
        (
            {"kv_cache_dtype": "fp8_e4m3fn", "attention": "flashdecoding"},
            "kv_cache_dtype: fp8_e4m3fn needs flashinfer or paged attention; got flashdecoding: drop one",
        ),
        ({"kv_cache_dtype": "fp8"}, 'kv_cache_dtype: got "fp8"; use one of: fp8_e4m3fn, fp8_e5m2'),
        (
            {"prefix_caching": True, "attention": "paged"},
            "prefix_caching: paged attention cannot share prefixes; write attention: flashdecoding",
        ),
        (
            {"prefix_caching": True, "lora_adapters": ["org/adapter"]},
            (
                "prefix_caching: cannot be combined with lora_adapters: adapters would read each other's KV "
                "cache; drop one"
            ),
        ),
        ({"prefill_chunking": True, "speculate": 2}, "prefill_chunking: TGI turns it off: speculate is set; drop one"),
        (
            {"prefill_chunking": True, "attention": "paged"},
            "prefill_chunking: TGI turns it off: attention is paged; drop one",
        ),
        ({"speculate": 0}, "speculate: got 0; must be at least 1"),
        (
            {"cuda_graphs": [4], "quantize": "exl2"},
            "cuda_graphs: exl2 does not work with CUDA graphs; leave it out",
        ),
        (
            {"cuda_graphs": [4], "lora_adapters": ["org/adapter"]},
            "cuda_graphs: TGI has no CUDA graphs with lora_adapters; leave it out",
        ),
        ({"cuda_graphs": [4, 4]}, "cuda_graphs: lists 4 twice; name each batch size once"),
        (
            {"lora_adapters": ["org/adapter", "org/adapter@v2"]},
            (
                'lora_adapters[1]: "org/adapter" is listed 2 times; requests name it so; give each a name of '
                "its own, as in name=/data/path"
            ),
        ),
        ({"lora_adapters": ["adapter"]}, 'lora_adapters[0]: got "adapter"; must be a Hub repository such as'),
        (
            {"max_client_batch_size": 8, "max_concurrent_requests": 4},
            (
                "max_client_batch_size: got 8; must be at most max_concurrent_requests, which is 4: each "
                "prompt takes a place"
            ),
        ),
        ({"validation_workers": 0}, "validation_workers: got 0; must be at least 1"),
        ({"payload_limit": "2MB"}, 'payload_limit: got "2MB"; must be a whole number'),
        ({"watermark_gamma": 1.5}, "watermark_gamma: got 1.5; must be more than 0 and less than 1"),
        ({"tokenizer_config_path": "chat.json"}, 'tokenizer_config_path: got "chat.json"; must be an absolute path'),
        ({"waiting_served_ratio": 0}, "waiting_served_ratio: got 0; must be more than 0"),
        ({"tgi_wiggle_room": 1.0}, "tgi_wiggle_room: got 1.0; must be more than 0 and less than 1"),
        ({"dtype": "bfloat16", "quantize": "eetq"}, "dtype: dtype bfloat16 cannot be combined with quantize eetq"),
        (
            {"max_image_fetch_size": 1},
            "max_image_fetch_size: TGI 3.3.6 has no MAX_IMAGE_FETCH_SIZE; use version 3.3.7 or newer, or leave it out",
        ),
        (
            {"version": "3.3.6-rocm"},
            (
                'version: got "3.3.6-rocm", an image for AMD GPUs, which GKE does not have; write version: '
                "3.3.6, and run it on one machine by `infra docker` with --gpu amd"
            ),
        ),
        ({"sharded": False}, "sharded: unknown field: num_shard says it, and the launcher ignores `--sharded false`"),
        ({"api_key": "abc"}, "api_key: unknown field: it is a credential; write secret_env: {API_KEY:"),
        ({"ngrok": True}, "ngrok: unknown field: a tunnel would lead past every NetworkPolicy"),
        ({"--num-shard": 2}, "--num-shard: unknown field: write num_shard, TGI's --num-shard"),
        ({"rocm": True}, "rocm: unknown field: GKE has no AMD GPUs; the image for them runs on one machine"),
        ({"quantization": "awq"}, "quantization: unknown field: that is vLLM's and SGLang's; TGI's is quantize"),
        ({"context_length": 4096}, "context_length: unknown field: that is SGLang's; TGI's is max_total_tokens"),
        ({"pipeline_parallel_size": 2}, "that is vLLM's and SGLang's; TGI has no such setting; leave it out"),
        ({"extra_args": ["--num-shard", "2"]}, 'extra_args[0]: got "--num-shard"; write engine.num_shard'),
        ({"extra_args": ["--port=80"]}, 'extra_args[0]: got "--port"; the model server serves on 8080 inside the pod'),
        ({"extra_args": ["-p", "80"]}, 'extra_args[0]: got "-p"; write the long form of the flag'),
        (
            {"extra_args": ["--max-totl-tokens", "1"]},
            'extra_args[0]: got "--max-totl-tokens"; TGI has no such flag; did you mean --max-total-tokens?',
        ),
        (
            {"extra_args": ["--max-model-len", "1"]},
            "extra_args[0]: got \"--max-model-len\"; that is vLLM's; TGI's is max_total_tokens",
        ),
        ({"extra_args": ["--flash-attention"]}, 'extra_args[0]: got "--flash-attention"; TGI has no --flash-attention'),
        ({"extra_args": ["--api-key", "abc"]}, "extra_args[0]: a credential must not be written in plain text"),
    ],
)
def test_settings_that_exclude_each_other_are_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        TgiEngine(**fields)
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"max_batch_prefill_tokens": 1024, "max_input_tokens": 2048},
        {"dtype": "float16", "quantize": "bitsandbytes-nf4"},
        {"kv_cache_dtype": "fp8_e5m2"},
        {"kv_cache_dtype": "fp8_e5m2", "attention": "paged"},
        {"rope_factor": 2.0},
        {"prefix_caching": False, "lora_adapters": ["org/adapter@main", "mine=/data/mine"]},
        {"cuda_graphs": [], "quantize": "exl2"},
        {"version": "3.3.7", "image": "registry.example.com/tgi:3.3.7", "max_image_fetch_size": 1},
        {"image": "registry.example.com/tgi:4.0.0", "extra_args": ["--new-flag", "1"]},
    ],
)
def test_what_tgi_takes_is_not_refused(fields: dict[str, Any]) -> None:
    assert TgiEngine(**fields).launch("org/model", None, 1).args


def test_extra_arguments_come_last() -> None:
    engine = TgiEngine(image="registry.example.com/tgi:new", extra_args=("--new-flag", "1"))
    assert engine.launch("org/model", None, 1).args[-2:] == ("--new-flag", "1")


def test_no_cuda_graphs_are_passed_as_an_argument() -> None:
    """As a variable, CUDA_GRAPHS=0 would reach the shards, which take it for a batch size."""
    launch = TgiEngine(cuda_graphs=()).launch("org/model", None, 1)
    assert launch.args[launch.args.index("--cuda-graphs") + 1] == "0"
    assert "CUDA_GRAPHS" not in launch.env


def test_a_variable_that_a_field_sets_is_refused() -> None:
    with pytest.raises(ConfigError) as refusal:
        ModelServerConfig(model="org/model", engine=TgiEngine(), env={"NUM_SHARD": "2", "PORT": "80", "OTHER": "x"})
    assert str(refusal.value).splitlines() == [
        "env.NUM_SHARD: sets TGI's --num-shard; write engine.num_shard",
        (
            "env.PORT: sets TGI's --port; the model server serves on 8080 inside the pod; the Service's port "
            "is service.port"
        ),
    ]


def test_what_decides_the_memory_travels_with_the_launch() -> None:
    engine = TgiEngine(
        quantize="gptq",
        max_total_tokens=4096,
        max_batch_prefill_tokens=2048,
        max_batch_total_tokens=16384,
        max_concurrent_requests=200,
        cuda_memory_fraction=0.9,
        kv_cache_dtype="fp8_e5m2",
        lora_adapters=("org/a", "org/b"),
    )
    demand = engine.launch("org/model", None, 4).demand
    assert demand is not None
    assert (demand.engine, demand.model, demand.tensor_parallel, demand.quantization) == ("tgi", "org/model", 4, "gptq")
    assert (demand.request_tokens, demand.step_tokens, demand.cache_tokens) == (4096, 2048, 16384)
    assert demand.requests is None, "requests in flight include the ones that wait"
    assert (demand.memory_fraction, demand.kv_cache_dtype, demand.adapters) == (0.9, "fp8_e5m2", 2)


@pytest.mark.parametrize(
    ("fields", "graphs"),
    [({}, None), ({"cuda_graphs": []}, False), ({"cuda_graphs": [1]}, True), ({"quantize": "exl2"}, False)],
)
def test_whether_cuda_graphs_take_memory_is_known(fields: dict[str, Any], graphs: bool | None) -> None:
    demand = TgiEngine(**fields).launch("org/model", None, 1).demand
    assert demand is not None
    assert demand.cuda_graphs is graphs


def test_the_image_for_amd_gpus_has_a_tag_of_its_own() -> None:
    launch = TgiEngine(max_total_tokens=4096).on_amd().launch("org/model", None, 1)
    assert launch.image == "ghcr.io/huggingface/text-generation-inference:3.3.6-rocm"
    assert launch.args[launch.args.index("--max-total-tokens") + 1] == "4096"
    assert launch.min_compute_capability == 0
    assert "TRITON_LIBCUDA_PATH" not in launch.env


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"quantize": "awq"}, "quantize: got awq; its kernels are CUDA's; write quantize: gptq, which converts AWQ"),
        ({"quantize": "marlin"}, "quantize: got marlin; its kernels are CUDA's; use weights quantized by gptq"),
        ({"quantize": "eetq"}, "quantize: got eetq; the image has no EETQ"),
        ({"quantize": "bitsandbytes-nf4"}, "quantize: got bitsandbytes-nf4; the image has no bitsandbytes"),
        ({"kv_cache_dtype": "fp8_e5m2"}, "kv_cache_dtype: got fp8_e5m2; AMD GPUs have no such KV cache"),
        ({"attention": "flashinfer"}, "attention: got flashinfer; it is CUDA's; leave attention out"),
        ({"prefix_caching": True}, "prefix_caching: paged attention cannot share prefixes"),
        (
            {"max_input_tokens": 2048, "max_batch_prefill_tokens": 1024},
            "max_batch_prefill_tokens: got 1024; must be at least max_input_tokens, which is 2048: attention is paged",
        ),
        ({"version": "3.3.5"}, 'version: got "3.3.5"; its registry very probably has no such tag'),
    ],
)
def test_what_amd_gpus_cannot_do_is_refused_there_and_only_there(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        TgiOnRocm(**fields)
    assert said in str(refusal.value)
    if "version" not in fields and "prefix_caching" not in fields:
        assert TgiEngine(**fields)


def test_every_reason_against_amd_gpus_is_about_a_value_that_exists() -> None:
    schema = TgiEngine.model_json_schema()["properties"]
    for row in table.engine_rows("tgi", "rocm_refusals"):
        assert row["value"] in schema[row["field"]]["anyOf"][0]["enum"]
        assert rocm_refusal(row["field"], row["value"]) == row["reason"]
