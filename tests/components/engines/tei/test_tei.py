"""TEI's flags, the image for each GPU, and what it needs to run hardened."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from components.catalog.accelerators import accelerators
from components.catalog.metrics import role
from components.core.errors import ConfigError
from components.core.plan import GPU, Item, Part
from components.engines.flag_tables import flags_of
from components.engines.tei.config import TeiEngine
from components.engines.tei.variants import variant, variants
from components.gpu.node_pool import GpuNodePoolConfig, Nodes
from components.gpu.node_shape import node_shape
from components.serving.config import ModelServerConfig
from components.serving.model_server import model_server
from components.serving.site import Site

REAL = Path(__file__).with_name("data") / "tei-1.9.3-flags.txt"
OURS = {"kind", "version", "variant", "image", "drain_seconds", "extra_args"}
"""Fields that are no flags of TEI's."""
STARTS_ON = {
    "turing": {(7, 5)},
    "ampere-80": {(8, 0), (8, 6), (8, 9)},
    "ampere-86": {(8, 6), (8, 9)},
    "ada-lovelace": {(8, 9)},
    "hopper": {(9, 0)},
    "blackwell-100": {(10, 0)},
    "blackwell-120": {(12, 0)},
    "cuda": {(7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (10, 0), (12, 0)},
}
"""huggingface/text-embeddings-inference@v1.9.3 backends/candle/src/compute_cap.rs, compute_cap_matching."""


def real_flags() -> set[str]:
    lines = REAL.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line.startswith("--")}


def arguments(engine: TeiEngine, gpus: int = 1) -> list[str]:
    return list(engine.launch("BAAI/bge-m3", "0" * 40, gpus).args)


def deployment(part: Part) -> Item:
    return next(item for item in part.items if item.kind == "Deployment")


def test_every_flag_is_modelled_or_absent_with_a_reason() -> None:
    table = flags_of("tei").values()
    assert {flag.flag for flag in table if flag.flag} == real_flags()
    assert {flag.field for flag in table if not flag.absent} == set(TeiEngine.model_fields) - OURS
    assert all(flag.field or len(flag.absent) > 20 for flag in table)


def test_flags_reach_the_router_under_their_real_names() -> None:
    engine = TeiEngine(
        tokenization_workers=2,
        dtype="float16",
        served_model_name="bge",
        pooling="last-token",
        max_concurrent_requests=256,
        max_batch_tokens=32768,
        max_batch_requests=64,
        max_client_batch_size=128,
        auto_truncate=False,
        default_prompt="query: ",
        dense_path="2_Dense",
        use_flash_attention=True,
        payload_limit=4_000_000,
        disable_spans=True,
        otlp_endpoint="http://jaeger.tracing:4317",
        otlp_service_name="bge",
        cors_allow_origin=("https://a.io", "https://b.io"),
    )
    words = arguments(engine)
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= real_flags()
    assert "--default-prompt=query: " in words
    for flag, value in (
        ("--pooling", "last-token"),
        ("--auto-truncate", "false"),
        ("--max-batch-tokens", "32768"),
        ("--revision", "0" * 40),
        ("--cors-allow-origin", "https://a.io"),
    ):
        assert words[words.index(flag) + 1] == value
    assert words.count("--cors-allow-origin") == 2
    launch = engine.launch("BAAI/bge-m3", None, 1)
    assert launch.env["USE_FLASH_ATTENTION"] == "True"
    assert launch.egress_ports == (4317,)


def test_an_omitted_flag_is_left_to_tei() -> None:
    flags = {word for word in arguments(TeiEngine()) if word.startswith("--")}
    assert flags == {"--model-id", "--revision", "--hostname", "--port", "--json-output"}


def test_the_pods_own_hostname_is_not_taken_for_the_flag() -> None:
    words = arguments(TeiEngine())
    assert words[words.index("--hostname") + 1] == "0.0.0.0"  # noqa: S104 - who may call is for the NetworkPolicy
    assert words[words.index("--port") + 1] == "8080", "80 needs a capability that the pod has not"


def test_a_prompt_is_handed_over_as_it_is_written() -> None:
    assert "--default-prompt=- $$(NOW): " in arguments(TeiEngine(default_prompt="- $(NOW): "))


def test_the_variants_are_those_of_the_field() -> None:
    (literal, _) = get_args(TeiEngine.model_fields["variant"].annotation)
    assert {found.name for found in variants()} == set(get_args(literal))


@pytest.mark.parametrize("name", sorted(STARTS_ON))
def test_a_variant_is_proved_for_exactly_the_gpus_its_binary_starts_on(name: str) -> None:
    chosen = variant(name)
    low, high = _capability(chosen.min_compute_capability), _capability(chosen.max_compute_capability)
    assert {capability for capability in STARTS_ON["cuda"] if low <= capability <= high} == STARTS_ON[name]


def test_there_is_an_image_for_every_gpu_that_can_be_rented() -> None:
    assert {gpu.compute_capability for gpu in accelerators().values()} <= STARTS_ON["cuda"]


def _capability(number: float) -> tuple[int, int]:
    major, minor = f"{number:.1f}".split(".")
    return int(major), int(minor)


@pytest.mark.parametrize(
    ("fields", "gpus", "tag"),
    [
        ({}, 1, "cuda-1.9.3@sha256:249a0bc8"),
        ({}, 0, "cpu-1.9.3@sha256:ad950d30"),
        ({"variant": "ada-lovelace"}, 1, "89-1.9.3@sha256:e47e625c"),
        ({"variant": "ampere-80"}, 1, "1.9.3"),
        ({"variant": "turing", "version": "1.9.4"}, 1, "turing-1.9.4"),
    ],
)
def test_the_image_follows_the_gpu(fields: dict[str, Any], gpus: int, tag: str) -> None:
    image = TeiEngine(**fields).launch("a/b", None, gpus).image
    assert image.partition(":")[2].startswith(tag)


def test_a_pool_without_gpus_gets_the_image_for_cpus_and_a_pool_with_them_one_gpu(l4_site: Site) -> None:
    config = ModelServerConfig(model="BAAI/bge-m3", engine={"kind": "tei"})
    pool = GpuNodePoolConfig(machine_type="n2-standard-8", nodes=Nodes(max=2))
    on_cpu = model_server("embed", config, Site(nodes=(node_shape("cpu", pool, location="us-central1"),)))
    on_gpu = model_server("embed", config, l4_site)
    (container,) = deployment(on_cpu).properties["spec"]["template"]["spec"]["containers"]
    assert ":cpu-" in container["image"]
    assert GPU not in container["resources"]["limits"]
    assert [track.demand for track in on_cpu.tracks] == [None]
    (container,) = deployment(on_gpu).properties["spec"]["template"]["spec"]["containers"]
    assert ":cuda-" in container["image"]
    assert container["resources"]["limits"][GPU] == 1
    assert [track.demand.engine for track in on_gpu.tracks if track.demand] == ["tei"]


@pytest.mark.parametrize(
    ("fields", "gpus", "said"),
    [
        ({}, 2, "gpus: got 2; TEI uses one GPU"),
        ({"variant": "cpu"}, 1, 'engine.variant: got "cpu" with 1 GPU, which would idle'),
        ({"variant": "cuda"}, 0, 'engine.variant: got "cuda" without a GPU'),
        ({"dtype": "float16"}, 0, "engine.dtype: is for GPUs"),
        ({"use_flash_attention": False}, 0, "engine.use_flash_attention: is for GPUs"),
    ],
)
def test_what_does_not_go_with_the_gpus_is_refused(fields: dict[str, Any], gpus: int, said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        TeiEngine(**fields).launch("a/b", None, gpus)
    assert said in str(refusal.value)


def test_any_uid_runs_it_with_a_read_only_root() -> None:
    for gpus in (0, 1):
        launch = TeiEngine().launch("a/b", None, gpus)
        assert launch.security.level == "restricted"
        assert launch.security.read_only_root
        assert launch.working_dir == "", "the entrypoint is relative to the image's own"
        assert launch.env["HUGGINGFACE_HUB_CACHE"] == f"{launch.env['HF_HOME']}/hub" == f"{launch.cache_path}/hub"
        assert launch.env["HOME"].startswith(f"{launch.scratch[0]}/")


def test_gkes_driver_is_found_on_gpus_and_the_cpu_images_libraries_stay() -> None:
    with_gpu, without = (TeiEngine().launch("a/b", None, gpus).env for gpus in (1, 0))
    assert with_gpu["PATH"].startswith("/usr/local/nvidia/bin:"), "the entrypoint stops without nvidia-smi"
    assert with_gpu["LD_LIBRARY_PATH"].startswith("/usr/local/nvidia/lib64:")
    assert not {"PATH", "LD_LIBRARY_PATH"} & without.keys(), "it preloads a library from the image's own path"


def test_the_pod_gets_time_for_what_is_open_and_is_scaled_by_its_queue() -> None:
    launch = TeiEngine(drain_seconds=45).launch("a/b", None, 0)
    assert launch.drain_seconds == 45
    assert launch.roles["waiting_requests"] == role("tei", "waiting_requests") == "te_queue_size"
    assert launch.metrics[launch.roles["waiting_requests"]] == "gauge"
    assert {probe.path for probe in launch.probes} == {"/health"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"version": "1.8.3"}, 'version: got "1.8.3"; these are the flags and images of 1.9'),
        ({"version": "cuda-1.9"}, 'version: got "cuda-1.9"; must be a release such as 1.9.3'),
        ({"version": "1.9.1", "auto_truncate": True}, "auto_truncate: TEI 1.9.1 has no --auto-truncate"),
        ({"default_prompt": "q: ", "default_prompt_name": "q"}, "default_prompt: cannot be combined with"),
        ({"variant": "cpu", "dtype": "float16"}, "TEI's ONNX backend for CPUs has only float32"),
        ({"variant": "cpu", "use_flash_attention": True}, "use_flash_attention: is for GPUs, and variant is cpu"),
        ({"dtype": "float32", "use_flash_attention": True}, "use_flash_attention: needs float16"),
        ({"cors_allow_origin": ("*", "https://a.io")}, "cors_allow_origin: `*` allows every origin already"),
        ({"dtype": "bfloat16"}, 'dtype: got "bfloat16"; did you mean float16?'),
        ({"extra_args": ("--port=80",)}, "it serves on 8080 inside the pod"),
        ({"extra_args": ("--polling", "cls")}, "TEI has no such flag; did you mean --pooling?"),
        ({"extra_args": ("--pooling", "cls")}, "write engine.pooling"),
        ({"num_shard": 2}, "num_shard: unknown field: TEI uses one GPU"),
        ({"max_model_len": 512}, "max_model_len: unknown field: an input is as long as the model allows"),
        ({"api_key": "x"}, "write secret_env: {API_KEY: {name: …, key: …}} next to engine"),
    ],
)
def test_a_wrong_flag_is_refused_with_the_fix(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        TeiEngine(**fields)
    assert said in str(refusal.value)


def test_a_flag_of_a_release_to_come_is_handed_on() -> None:
    assert arguments(TeiEngine(version="1.10.0", extra_args=("--new-flag", "1")))[-2:] == ["--new-flag", "1"]


def test_a_field_cannot_be_set_a_second_time_by_variable() -> None:
    server = {"model": "BAAI/bge-m3", "engine": {"kind": "tei"}}
    with pytest.raises(ConfigError, match=r"env\.MAX_BATCH_TOKENS: sets TEI's --max-batch-tokens; write engine\.max_"):
        ModelServerConfig(**server, env={"MAX_BATCH_TOKENS": "1"})
    key = {"API_KEY": {"name": "clients", "key": "token"}}
    assert ModelServerConfig(**server, secret_env=key).secret_env["API_KEY"].name == "clients"
