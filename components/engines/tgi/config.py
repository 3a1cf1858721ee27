"""Text Generation Inference as an engine.

TGI is in maintenance mode and its authors recommend vLLM or SGLang (huggingface/text-generation-inference
README.md@v3.3.7); it is here because the source document runs on it, and as one engine among several.

Flags are those of v3.3.5 to v3.3.7, which do not differ (launcher/src/main.rs, docs/source/reference/launcher.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from ...catalog import metrics
from ...catalog.quantization import methods_of
from ...core.demand import Demand
from ...core.errors import MisfitError
from .. import images
from ..engine import Launch, Probe, Security
from ..flag_tables import flags_of
from ..flags import FlagHints
from .flags import TgiFlags
from .rules import REPOSITORY, misfits, splits

PORT = 8080
"""Not the image's 80: without capabilities it cannot be bound under containerd 1.7 (containerd config_unix.go)."""
CACHE = "/data"
_SCRATCH = "/tmp"  # noqa: S108 - a path inside the container, an emptyDir of its own
_BUILT_FOR = 8.0
"""Lowest CUDA compute capability: the Dockerfile's TORCH_CUDA_ARCH_LIST is 8.0;8.6;9.0+PTX."""


class TgiEngine(TgiFlags):
    """Text Generation Inference, the flags of its launcher. An omitted one keeps TGI's own default."""

    unknown_field_hints: ClassVar[Mapping[str, str]] = FlagHints("tgi")
    needs_gpu: ClassVar[bool] = True

    @model_validator(mode="after")
    def _fields_fit(self) -> TgiEngine:
        MisfitError.raise_all(list(misfits(self)))
        return self

    def on_amd(self) -> TgiEngine:
        """The same settings for AMD GPUs.

        Raises:
            ConfigError: for settings that the image for AMD GPUs cannot do.
        """
        if self.image is not None:
            message = f'got "{self.image}", which nobody knows to be built for AMD GPUs; leave it out'
            raise MisfitError(message, at=("engine", "image"))
        return TgiOnRocm(**{name: getattr(self, name) for name in self.model_fields_set})

    def launch(self, model: str, revision: str | None, gpus: int) -> Launch:
        """How TGI serves `model`; values that a shell would change go by variable.

        Raises:
            MisfitError: for exl2 weights on more than one GPU.
        """
        shards = self.num_shard or gpus
        if self.quantize == "exl2" and shards > 1:
            raise MisfitError(f"exl2 weights cannot be sharded; got {shards} shards, use 1", at=("engine", "num_shard"))
        given: dict[str, Any] = {"model_id": model, "revision": revision, "num_shard": shards}
        arguments, variables = _settings(self, given)
        return Launch(
            container="tgi",
            image=self.image or images.image("tgi", REPOSITORY, self.tag),
            args=(*arguments, *self.extra_args),
            env=self._environment() | variables,
            port=PORT,
            # The entrypoint and binaries are absolute, and the router saves the tokenizer into "out" below its
            # working directory at every start (router/src/server.rs py_resolve_tokenizer): /usr/src is read-only.
            working_dir=_SCRATCH,
            cache_path=CACHE,
            probes=(
                # The web server listens only once weights are loaded, so nothing answers for minutes.
                Probe("/health", period_seconds=10, timeout_seconds=10, failure_threshold=180),
                Probe("/health", period_seconds=5, timeout_seconds=5, failure_threshold=3),
                # A long prefill holds up the health call, which runs in the same loop as decoding.
                Probe("/health", period_seconds=30, timeout_seconds=10, failure_threshold=6),
            ),
            drain_seconds=self.graceful_termination_timeout,
            # The image's Python is under /root, which is 0700: no other uid starts it
            # (huggingface/text-generation-inference#3082, open). Without DAC_OVERRIDE, root needs the group.
            security=Security(user=0, group=0, fs_group=0, read_only_root=True),
            metrics=metrics.emitted("tgi"),
            roles=metrics.roles_of("tgi"),
            min_compute_capability=self._min_compute_capability(),
            egress_ports=(int(self.otlp_endpoint.rpartition(":")[2]),) if self.otlp_endpoint else (),
            # Dockerfile@v3.3.6: VIRTUAL_ENV, which has huggingface_hub 0.30 (server/uv.lock).
            python="/usr/src/.venv/bin/python",
            demand=self._demand(model, shards),
        )

    def _min_compute_capability(self) -> float:
        if self.platform == "rocm":
            return 0.0
        method = methods_of("tgi").get(self.quantize or "")
        major, minor = method.min_compute_capability if method else (0, 0)
        return max(_BUILT_FOR, major + minor / 10)

    def _demand(self, model: str, shards: int) -> Demand:
        return Demand(
            engine="tgi",
            version=self.version,
            model=model,
            tensor_parallel=shards,
            quantization=self.quantize,
            dtype=self.dtype,
            kv_cache_dtype=self.kv_cache_dtype,
            memory_fraction=self.cuda_memory_fraction,
            request_tokens=self.max_total_tokens,
            input_tokens=self.max_input_tokens,
            step_tokens=self.max_batch_prefill_tokens,
            cache_tokens=self.max_batch_total_tokens,
            # Not max_concurrent_requests, which counts the ones that wait.
            requests=self.max_batch_size,
            cuda_graphs=False
            if self.quantize == "exl2"
            else None
            if self.cuda_graphs is None
            else bool(self.cuda_graphs),
            adapters=len(self.lora_adapters),
        )

    def _environment(self) -> dict[str, str]:
        """Variables the hardened pod needs."""
        env = {
            # As the image has it; both its Python and its router keep models in hub/ below (Dockerfile@v3.3.7, and
            # huggingface/hf-hub@v0.4.1 src/lib.rs Cache::from_env). Images before 2.3.0 kept them in /data itself.
            "HF_HOME": CACHE,
            "HOME": f"{_SCRATCH}/home",
            "USER": "tgi",
            # Before NCCL 2.26.5 host allocation needs NUMA calls that RuntimeDefault seccomp blocks; the image pins
            # 2.25.1 (NVIDIA/nccl cudawrap.cc@v2.25.1, containerd seccomp_default.go).
            "NCCL_CUMEM_HOST_ENABLE": "0",
            "OUTLINES_CACHE_DIR": f"{_SCRATCH}/outlines",
            "PORT": str(PORT),
            "TORCHINDUCTOR_CACHE_DIR": f"{_SCRATCH}/inductor",
            "TRITON_CACHE_DIR": f"{_SCRATCH}/triton",
            # ldconfig cannot write under a read-only root, and triton asks this first (triton 3.3.0).
            "TRITON_LIBCUDA_PATH": "/usr/local/nvidia/lib64",
            # Otherwise TGI reports its start and use to huggingface.co (router/src/usage_stats.rs).
            "USAGE_STATS": "off",
        }
        if self.platform == "rocm":
            del env["NCCL_CUMEM_HOST_ENABLE"], env["TRITON_LIBCUDA_PATH"]
        return env


class TgiOnRocm(TgiEngine):
    """TGI's image for AMD GPUs. No stack file can name it: GKE has no such GPUs."""

    platform: ClassVar[Literal["cuda", "rocm"]] = "rocm"


def _settings(engine: TgiEngine, given: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """What was set, as arguments in the order of TGI's reference, and as variables where an argument would not do.

    Args:
        engine: the settings.
        given: what does not stand in them, or not as it is passed.
    """
    arguments: list[str] = []
    variables: dict[str, str] = {}
    values = {**vars(engine), **given}
    for word, flag in flags_of("tgi").items():
        value = values.get(word)
        if value is None or (flag.field != word and word not in given):
            continue
        texts = _texts(word, value)
        if flag.flag and isinstance(value, bool):
            arguments += [flag.flag] if value else []
        elif flag.flag and not any(map(splits, texts)):
            arguments += [text for each in texts for text in (flag.flag, each)]
        elif texts:
            variables[flag.variable] = texts[0]
    return arguments, variables


def _texts(word: str, value: Any) -> list[str]:
    """A value as the launcher parses it, one text for each time its flag is given."""
    match value:
        case bool():
            return ["true" if value else "false"]
        case tuple() if word == "cors_allow_origin":
            return [*value]
        case ():
            # Without the flag TGI has its own list; "0" is its word for no graphs. No adapters are no flag.
            return ["0"] if word == "cuda_graphs" else []
        case tuple():
            return [",".join(map(str, value))]
        case _:
            return [str(value)]
