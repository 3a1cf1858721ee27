"""Text Generation Inference as an engine.

TGI is in maintenance mode and its authors recommend vLLM or SGLang (huggingface/text-generation-inference
README.md@v3.3.7); it is here because the source document runs on it, and as one engine among several.

Flags are those of v3.3.5 to v3.3.7, which do not differ (launcher/src/main.rs, docs/source/reference/launcher.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from ..catalog import images, metrics
from ..config import MAX_PORT, Config, Count, Flag, Image, Number, Seconds, Size, patterned
from ..errors import MisfitError, Problem
from .engine import Launch, Probe, Security

REPOSITORY = "ghcr.io/huggingface/text-generation-inference"
PORT = 8080
"""Not the image's 80: without capabilities it cannot be bound under containerd 1.7 (containerd config_unix.go)."""
CACHE = "/data"
_SCRATCH = "/tmp"  # noqa: S108 - a path inside the container, an emptyDir of its own

_NOT_FLAGS = {
    "flash_attention": "TGI has no --flash-attention; it picks the kernel by GPU; leave it out",
    "paged_attention": "TGI has no --paged-attention; it picks the kernel by GPU; leave it out",
    "continuous_batching": "TGI always batches continuously; leave it out",
    "max_input_length": "it is TGI's old name; write max_input_tokens",
    "tensor_parallel_size": "that is vLLM's; TGI's is num_shard",
    "max_model_len": "that is vLLM's; TGI's is max_total_tokens",
    "gpu_memory_utilization": "that is vLLM's; TGI's is cuda_memory_fraction",
    "shm_size": "it is Docker's; write shared_memory next to engine",
    "port": f"the model server serves on {PORT} inside the pod; the Service's port is service.port",
}


class TgiEngine(Config):
    """Text Generation Inference, the flags of its launcher. An omitted one keeps TGI's own default."""

    unknown_field_hints: ClassVar[dict[str, str]] = _NOT_FLAGS
    needs_gpu: ClassVar[bool] = True

    kind: Literal["tgi"] = "tgi"
    """The engine's name."""
    version: Annotated[str, patterned(r"^\w[\w.-]{0,127}$", "an image tag such as 3.3.6")] = "3.3.6"
    """Image tag. Omitted: 3.3.6, the newest release whose image was seen to be pulled. Mind that a tag can move;
    the digest is added where one is known."""
    image: Image | None = None
    """Another image with TGI in it, such as a mirror in Artifact Registry. Omitted: the official one at `version`."""
    num_shard: Count | None = None
    """GPUs the model is split over. Omitted: as many as the model server has. Always passed, because TGI before
    3.3.7 counts all visible GPUs as one (huggingface/text-generation-inference#3346)."""
    quantize: (
        Literal[
            "awq", "compressed-tensors", "eetq", "exl2", "gptq", "marlin", "bitsandbytes-nf4", "bitsandbytes-fp4", "fp8"
        ]
        | None
    ) = None
    """Quantization. awq, gptq, marlin and exl2 need weights quantized beforehand. Omitted: none."""
    dtype: Literal["float16", "bfloat16"] | None = None
    """Data type of the weights; not together with quantize. Omitted: the model's own."""
    kv_cache_dtype: Literal["fp8_e4m3fn", "fp8_e5m2"] | None = None
    """Data type of the KV cache. Omitted: the model's."""
    max_concurrent_requests: Count | None = None
    """Requests in flight; one more is answered 429. Omitted: 128."""
    max_input_tokens: Count | None = None
    """Longest prompt in tokens. Omitted: one less than max_total_tokens."""
    max_total_tokens: Count | None = None
    """Longest prompt plus answer in tokens. Omitted: what fits the GPU, at most the model's context."""
    max_batch_prefill_tokens: Count | None = None
    """Prompt tokens of one prefill. Omitted: TGI computes it from the GPU."""
    max_batch_total_tokens: Count | None = None
    """Tokens of all requests in a batch together. Omitted: as many as free GPU memory holds."""
    max_waiting_tokens: Size | None = None
    """Decode steps after which waiting requests are forced in. Omitted: 20."""
    waiting_served_ratio: Annotated[Number, Field(gt=0)] | None = None
    """Share of waiting to running requests from which a batch is paused to let them in. Omitted: 0.3."""
    cuda_memory_fraction: Annotated[Number, Field(gt=0, le=1)] | None = None
    """Share of GPU memory TGI may use. Omitted: 1.0."""
    trust_remote_code: Flag = False
    """Run code from the model's repository. Omitted: refused, because that code is not ours."""
    cors_allow_origin: tuple[
        Annotated[str, patterned(r"^(\*|https?://[\w.:-]+)$", "`*` or an origin such as https://a.io")], ...
    ] = ()
    """Origins browsers may call from; `*` alone allows all. Omitted: none."""
    otlp_endpoint: (
        Annotated[str, patterned(r"^https?://[\w.-]+:\d{1,5}$", "a URL such as http://jaeger.tracing:4317")] | None
    ) = None
    """Trace collector, OTLP over gRPC, such as http://jaeger.tracing:4317. Omitted: no traces."""
    otlp_service_name: Annotated[str, patterned(r"^[\w.-]+$", "letters, digits, dots and dashes")] | None = None
    """Name in traces. Omitted: text-generation-inference.router."""
    graceful_termination_timeout: Annotated[Seconds, Field(ge=1, le=3600)] = 90
    """Seconds to finish open requests after SIGTERM. Omitted: 90, TGI's default."""

    @model_validator(mode="after")
    def _fields_fit(self) -> TgiEngine:
        MisfitError.raise_all(list(self._misfits()))
        return self

    def _misfits(self) -> Iterator[Problem]:
        if self.image is None and (reason := images.refusal(REPOSITORY, self.version)):
            usable = ", ".join(images.usable_tags(REPOSITORY))
            yield Problem(("version",), f'got "{self.version}"; {reason}; use one of: {usable}')
        if self.dtype and self.quantize:
            yield Problem(("dtype",), f"dtype {self.dtype} cannot be combined with quantize {self.quantize}; drop one")
        if (lower := self.max_input_tokens) and (upper := self.max_total_tokens) and lower >= upper:
            yield Problem(("max_input_tokens",), f"got {lower}; must be less than max_total_tokens, which is {upper}")
        if (lower := self.max_total_tokens) and (upper := self.max_batch_total_tokens) and lower > upper:
            yield Problem(
                ("max_total_tokens",), f"got {lower}; must be at most max_batch_total_tokens, which is {upper}"
            )
        if (endpoint := self.otlp_endpoint) and not 1 <= int(endpoint.rpartition(":")[2]) <= MAX_PORT:
            yield Problem(("otlp_endpoint",), f'got "{endpoint}"; its port must be 1 to {MAX_PORT}')
        if "*" in self.cors_allow_origin and len(self.cors_allow_origin) > 1:
            yield Problem(("cors_allow_origin",), "`*` allows every origin already; write it alone")

    def launch(self, model: str, revision: str | None, gpus: int) -> Launch:
        """How TGI serves `model`; values with spaces or globs go by variable, see `_environment`.

        Raises:
            MisfitError: for exl2 weights on more than one GPU.
        """
        shards = self.num_shard or gpus
        if self.quantize == "exl2" and shards > 1:
            raise MisfitError(f"exl2 weights cannot be sharded; got {shards} shards, use 1", at=("engine", "num_shard"))
        return Launch(
            container="tgi",
            image=self.image or images.image(REPOSITORY, self.version),
            args=tuple(self._arguments(model, revision, shards)),
            env=self._environment(),
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
            queue_metric=metrics.role("tgi", "queue"),
            # Dockerfile: TORCH_CUDA_ARCH_LIST="8.0;8.6;9.0+PTX".
            min_compute_capability=8.0,
            egress_ports=(int(self.otlp_endpoint.rpartition(":")[2]),) if self.otlp_endpoint else (),
        )

    def _arguments(self, model: str, revision: str | None, shards: int) -> list[str]:
        flags: dict[str, str | int | float | None] = {
            "--model-id": model,
            "--revision": revision,
            "--num-shard": shards,
            "--quantize": self.quantize,
            "--dtype": self.dtype,
            "--kv-cache-dtype": self.kv_cache_dtype,
            "--max-concurrent-requests": self.max_concurrent_requests,
            "--max-input-tokens": self.max_input_tokens,
            "--max-total-tokens": self.max_total_tokens,
            "--max-batch-prefill-tokens": self.max_batch_prefill_tokens,
            "--max-batch-total-tokens": self.max_batch_total_tokens,
            "--max-waiting-tokens": self.max_waiting_tokens,
            "--waiting-served-ratio": self.waiting_served_ratio,
            "--cuda-memory-fraction": self.cuda_memory_fraction,
            "--otlp-endpoint": self.otlp_endpoint,
            "--otlp-service-name": self.otlp_service_name,
            "--graceful-termination-timeout": self.graceful_termination_timeout,
        }
        arguments = [text for flag, value in flags.items() if value is not None for text in (flag, str(value))]
        if "*" not in self.cors_allow_origin:
            arguments += [text for origin in self.cors_allow_origin for text in ("--cors-allow-origin", origin)]
        return [*arguments, "--trust-remote-code"] if self.trust_remote_code else arguments

    def _environment(self) -> dict[str, str]:
        """Variables the hardened pod needs, and the one setting that an argument would break.

        tgi-entrypoint.sh passes `$@` unquoted, so the shell would expand a `*` to file names.
        """
        env = {
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
        if "*" in self.cors_allow_origin:
            env["CORS_ALLOW_ORIGIN"] = "*"
        return env
