"""TGI's flags, and what its image needs to run hardened."""

from __future__ import annotations

import pytest

from components.core.errors import ConfigError
from components.engines.tgi.config import TgiEngine


def arguments(engine: TgiEngine, gpus: int = 1) -> dict[str, str]:
    args = engine.launch("org/model", "0" * 40, gpus).args
    return dict(zip(args[::2], args[1::2], strict=False))


def test_the_source_documents_flags_reach_the_launcher_under_their_real_names() -> None:
    given = arguments(
        TgiEngine(
            max_concurrent_requests=256,
            max_batch_prefill_tokens=8192,
            max_total_tokens=4096,
            max_input_tokens=3072,
            max_batch_total_tokens=32768,
            quantize="gptq",
            otlp_endpoint="http://jaeger:4317",
            otlp_service_name="tgi-llama",
            max_waiting_tokens=20,
            waiting_served_ratio=1.2,
        ),
        gpus=4,
    )
    assert given["--max-concurrent-requests"] == "256"
    assert given["--max-input-tokens"] == "3072"
    assert "--max-input-length" not in given, "TGI's old name; setting both is an error"
    assert given["--quantize"] == "gptq"
    assert given["--waiting-served-ratio"] == "1.2"
    assert given["--otlp-endpoint"] == "http://jaeger:4317"
    assert given["--revision"] == "0" * 40


def test_the_shard_count_is_always_passed() -> None:
    assert arguments(TgiEngine(), gpus=4)["--num-shard"] == "4"
    assert arguments(TgiEngine(num_shard=2), gpus=4)["--num-shard"] == "2"


def test_an_omitted_flag_is_left_to_tgi() -> None:
    assert set(arguments(TgiEngine())) == {"--model-id", "--revision", "--num-shard", "--graceful-termination-timeout"}


def test_a_star_goes_by_variable_because_the_entrypoint_would_expand_it() -> None:
    launch = TgiEngine(cors_allow_origin=("*",)).launch("org/model", None, 1)
    assert launch.env["CORS_ALLOW_ORIGIN"] == "*"
    assert not any("*" in argument for argument in launch.args)


def test_named_origins_go_as_repeated_flags() -> None:
    launch = TgiEngine(cors_allow_origin=("https://a.io", "https://b.io")).launch("org/model", None, 1)
    assert launch.args.count("--cors-allow-origin") == 2
    assert "CORS_ALLOW_ORIGIN" not in launch.env


def test_code_from_the_hub_runs_only_when_asked_for() -> None:
    assert "--trust-remote-code" not in TgiEngine().launch("org/model", None, 1).args
    assert "--trust-remote-code" in TgiEngine(trust_remote_code=True).launch("org/model", None, 1).args


def test_no_argument_would_be_split_by_the_unquoted_entrypoint() -> None:
    launch = TgiEngine(otlp_service_name="tgi-llama", cors_allow_origin=("https://a.io",)).launch("a/b", "main", 1)
    assert not any(set(argument) & set(" *?[\t\n") for argument in launch.args)


def test_the_digest_is_added_where_one_is_known_and_never_invented() -> None:
    assert "@sha256:" in TgiEngine(version="sha-db931fc").launch("a/b", None, 1).image
    assert TgiEngine(version="3.3.6").launch("a/b", None, 1).image.endswith(":3.3.6")


def test_root_is_the_image_s_only_user_and_its_files_stay_read_only() -> None:
    launch = TgiEngine().launch("a/b", None, 1)
    assert launch.security.user == 0
    assert launch.security.read_only_root
    assert launch.working_dir == "/tmp"
    assert "LD_LIBRARY_PATH" not in launch.env, "it would hide libpython from the launcher"
    assert launch.env["NCCL_CUMEM_HOST_ENABLE"] == "0"
    assert launch.env["USAGE_STATS"] == "off"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"version": "3.3.5"}, 'version: got "3.3.5"; its registry very probably has no such tag'),
        ({"version": "3.4.0"}, 'version: got "3.4.0"; it never existed'),
        ({"version": "3.3.7"}, 'version: got "3.3.7"; nobody has been seen pulling that tag'),
        ({"max_input_tokens": 4096, "max_total_tokens": 4096}, "max_input_tokens: got 4096; must be less than"),
        (
            {"max_total_tokens": 4096, "max_batch_total_tokens": 2048},
            "max_total_tokens: got 4096; must be at most max_batch_total_tokens, which is 2048",
        ),
        ({"dtype": "float16", "quantize": "awq"}, "dtype: dtype float16 cannot be combined with quantize awq"),
        ({"version": "not a tag!"}, 'version: got "not a tag!"; must be an image tag such as 3.3.6'),
        ({"flash_attention": True}, "flash_attention: unknown field: TGI has no --flash-attention"),
        ({"paged_attention": True}, "paged_attention: unknown field: TGI has no --paged-attention"),
        ({"max_input_length": 3072}, "max_input_length: unknown field: it is TGI's old name; write max_input_tokens"),
        ({"max_totl_tokens": 1}, "max_totl_tokens: unknown field; did you mean max_total_tokens?"),
        ({"dtype": "float32"}, 'dtype: got "float32"; '),
        ({"max_total_tokens": "4096"}, 'max_total_tokens: got "4096"; must be a whole number'),
        ({"trust_remote_code": "yes"}, 'trust_remote_code: got "yes"; must be true or false'),
        ({"cors_allow_origin": ["*", "https://a.io"]}, "cors_allow_origin: `*` allows every origin already"),
        (
            {"otlp_endpoint": "jaeger:4317"},
            'otlp_endpoint: got "jaeger:4317"; must be a URL with a port of 1 to 65535, such as',
        ),
    ],
)
def test_a_wrong_flag_is_refused_with_the_fix(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        TgiEngine(**fields)
    assert said in str(refusal.value)


def test_a_mirror_of_a_refused_tag_can_be_tried() -> None:
    image = "registry.example.com/tgi:3.3.7"
    assert TgiEngine(version="3.3.7", image=image).launch("a/b", None, 1).image == image


@pytest.mark.parametrize(("num_shard", "gpus"), [(2, 1), (None, 2)])
def test_exl2_weights_are_not_sharded_however_the_shards_come_about(num_shard: int | None, gpus: int) -> None:
    with pytest.raises(ConfigError, match=r"engine\.num_shard: exl2 weights cannot be sharded; got 2 shards, use 1"):
        TgiEngine(quantize="exl2", num_shard=num_shard).launch("a/b", None, gpus)
