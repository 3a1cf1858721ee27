"""What the types of engines, models and caches do not say: images that exist, sizes that fit, what goes with what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from components.catalog.metrics import emitted
from components.catalog.zones import zones_in_region
from components.engines.images import usable_tags
from components.engines.registry import BY_KIND
from components.engines.sglang import config as sglang
from components.engines.sglang.catalog import parsers
from components.engines.tgi import rules as tgi_rules
from components.engines.typed import TYPED
from components.engines.vllm import config as vllm
from components.weights.download import DownloadConfig
from components.weights.hyperdisk_ml import MULTI_ZONE

if TYPE_CHECKING:
    from .stacks import Author

Override = Callable[["Author", Mapping[str, Any]], Any]
"""A field's value, given the author and what stands around it."""
OMIT = object()
"""In place of a value: the field is left out after all."""
_API_KEY = "API_KEY"
_COMMITS = ("0" * 40, "0123456789abcdef0123456789abcdef01234567")
_MIRROR = "example.com/mirror/"
_TAG = "a" * 63
_RELEASE = (0, 5, 20)
_SHAPE = {
    "num_hidden_layers": (1, 24), "hidden_size": (64, 1024), "intermediate_size": (256, 4096),
    "num_attention_heads": (1, 16), "vocab_size": (1, 32000), "num_key_value_heads": (1, 4), "head_dim": (64, 128),
    "max_position_embeddings": (512, 8192), "parameters": (1, 10**8), "num_experts": (0, 4),
    "num_experts_per_tok": (0, 2), "moe_intermediate_size": (0, 128), "sliding_window": (0, 512),
    "sliding_layers": (0, 1), "kv_lora_rank": (0, 64), "qk_rope_head_dim": (0, 64), "vision_parameters": (0, 10**6),
}  # fmt: skip
"""Shapes of models so small that they fit every GPU."""
LIKELY = {
    "NodeDisk": ("size",),
    "HyperdiskMlCache": ("disk", "snapshot", "zones"),
    "DownloadConfig": ("image",),
    "Claim": ("download",),
    "ModelConfig": ("namespace", "runs_on", "secret_env", "cache", "revision"),
    "ArchitectureConfig": ("max_position_embeddings",),
}
"""Optional fields without which little else of them is right."""


def of(*choices: Any) -> Override:
    """One of some values."""
    return lambda author, about: author.one(*choices)


def _kind(about: Mapping[str, Any]) -> str:
    """The kind of the engine of the model server that a field belongs to."""
    return str(about.get("engine", {}).get("kind", ""))


def _nodes(author: Author, about: Mapping[str, Any]) -> Any:
    return author.one(1, 2, 3) if _kind(about) == "vllm" and about.get("gpus", 1) else OMIT


def _topology(author: Author, about: Mapping[str, Any]) -> Any:
    labels = ("cloud.google.com/gke-nodepool", "topology.kubernetes.io/zone", "a.io/rack")
    return author.one(*labels) if about.get("nodes", 1) > 1 else OMIT


def _gpus(author: Author, about: Mapping[str, Any]) -> Any:
    engine = BY_KIND.get(_kind(about))
    return author.one(*((1, 1, 1, 2, 4) if engine and engine.config.needs_gpu else (0, 1, 1, 1, 2)))


def _parser(field: str) -> Override:
    return of("auto", *parsers(field, _RELEASE)[:2])


def _metrics(author: Author, about: Mapping[str, Any]) -> Any:
    names = emitted(author.one(*(engine.kind for engine in TYPED)))
    name = author.one(*(name for name, kind in names.items() if kind in ("gauge", "counter")))
    return {name: author.one(0.001, 1, 7.5, 1e6)}


def _secret_env(author: Author, about: Mapping[str, Any]) -> Any:
    """Variables of Secrets, of which the engine may hand one on."""
    key = {"name": author.one("keys", "a.b"), "key": author.one("api-key", "A_b")}
    return dict.fromkeys({about["engine"].get("api_key_variable", "OTHER"), author.one("OTHER", "_x")}, key)


def _disk(author: Author, about: Mapping[str, Any]) -> Any:
    zone = author.one(MULTI_ZONE, "us-central1-a", "europe-west4-b")
    return f"projects/a-b/zones/{zone}/disks/{author.one('weights', 'a' * 63)}" if author.one(True, False) else OMIT


def _snapshot(author: Author, about: Mapping[str, Any]) -> Any:
    return OMIT if "disk" in about else author.one("weights", "a.b", "a" * 253)


def _disk_zones(author: Author, about: Mapping[str, Any]) -> Any:
    zone = about.get("disk", MULTI_ZONE).split("/")[-3:][0]
    if zone != MULTI_ZONE:
        return OMIT
    return list(author.one(*(zones_in_region("nvidia-l4", region) for region in ("us-central1", "europe-west4"))))


def _from_snapshot(author: Author, about: Mapping[str, Any]) -> Any:
    return OMIT if "disk" in about else author.one(400, 2_097_152)


def _download(author: Author, about: Mapping[str, Any]) -> Any:
    """Every other claim is filled by a Job."""
    return author.model(DownloadConfig, {}) if author.one(True, False) else OMIT


OVERRIDES: Mapping[str, Override] = {
    "VllmEngine.version": of(*usable_tags("vllm", vllm.REPOSITORY), "v0.33.0"),
    "SglangEngine.version": of(*usable_tags("sglang", sglang.REPOSITORY), "v0.5.23"),
    "TgiEngine.version": of(*(tag for tag in usable_tags("tgi", tgi_rules.REPOSITORY) if "rocm" not in tag)),
    "TeiEngine.version": of("1.9.3", "1.9.3", "1.9.0"),
    # The names say which image it is a mirror of.
    "TgiEngine.image": of(f"{tgi_rules.REPOSITORY}:3.3.6", f"{_MIRROR}text-generation-inference:{_TAG}"),
    "VllmEngine.image": of(f"{_MIRROR}vllm-openai:{_TAG}"),
    "SglangEngine.image": of(f"{_MIRROR}sglang:{_TAG}"),
    "TeiEngine.image": of(f"{_MIRROR}text-embeddings-inference:{_TAG}"),
    "DownloadConfig.image": of(f"{_MIRROR}python:{_TAG}"),
    **{f"VllmEngine.{name}_parallel_size": of(1, 1, 1, 2) for name in ("tensor", "pipeline", "data", "decode_context")},
    **{f"SglangEngine.{name}_size": of(1, 1, 1, 2) for name in ("tp", "pp", "dp", "ep", "attn_dp")},
    **{f"SglangEngine.{name}": _parser(name) for name in ("tool_call_parser", "reasoning_parser")},
    "TgiEngine.num_shard": of(1, 1, 2),
    "TeiEngine.variant": of("cpu", "cuda", "cuda", "ampere-86", "ada-lovelace"),
    **{f"ArchitectureConfig.{name}": of(*sizes) for name, sizes in _SHAPE.items()},
    "ArchitectureConfig.quantization": of("awq", "fp8", "mxfp4"),
    "ModelServerConfig.model": of("Qwen/Qwen3-0.6B", "Qwen/Qwen3-8B", "BAAI/bge-large-en-v1.5", "a", "a/b", "a" * 200),
    **{f"{name}.revision": of(*_COMMITS, *_COMMITS, "main", "refs/pr/1") for name in ("ModelServerConfig", "Variant")},
    "ModelServerConfig.gpus": _gpus,
    "ModelServerConfig.nodes": _nodes,
    "ModelServerConfig.exclusive_topology": _topology,
    "HpaConfig.pod_metrics": _metrics,
    "SglangEngine.api_key_variable": of(_API_KEY),
    "ModelServerConfig.secret_env": _secret_env,
    "NodeDisk.size": of("1Gi", "1.5Gi", "500M", "1024Ki", "9999999999999Ei"),
    "SpeculativeConfig.method": of("ngram", "ngram", "suffix", "mtp", "eagle"),
    "Claim.download": _download,
    "Claim.access_mode": of("ReadWriteMany", "ReadWriteMany", "ReadWriteOnce"),
    "HyperdiskMlCache.disk": _disk,
    "HyperdiskMlCache.snapshot": _snapshot,
    "HyperdiskMlCache.zones": _disk_zones,
    "HyperdiskMlCache.throughput_mib": _from_snapshot,
    "ImageCache.reference": of(f"a@sha256:{'0' * 64}", f"a.io:5000/b/{'c' * 200}:1@sha256:{'f' * 64}"),
}
"""Values of fields whose type does not say enough, by model and field."""
