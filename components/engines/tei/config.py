"""Text Embeddings Inference as an engine: embeddings, rerankers, classifiers, on a GPU or without one.

Flags are those of v1.9.0 to v1.9.3 (huggingface/text-embeddings-inference router/src/main.rs).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ...catalog import metrics
from ...core.config import CollectorUrl, Count, Flag, Image, Seconds, patterned
from ...core.demand import Demand
from ...core.errors import MisfitError, Problem
from .. import images
from ..engine import Engine, Launch, Probe, Security
from ..flags import FlagHints, extra_arguments_misfits, release_misfits
from .variants import variant

REPOSITORY = "ghcr.io/huggingface/text-embeddings-inference"
PORT = 8080
"""Not the image's 80: without capabilities it cannot be bound under containerd 1.7 (containerd config_unix.go)."""
CACHE = "/data"
_SCRATCH = "/tmp"  # noqa: S108 - a path inside the container, an emptyDir of its own
_DEBIAN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_USER = 10001
"""Any uid starts its one binary, which belongs to root and is readable by all (Dockerfile-cuda@v1.9.3)."""


class TeiEngine(Engine):
    """Text Embeddings Inference, the flags of its router. An omitted one keeps TEI's own default."""

    unknown_field_hints: ClassVar[Mapping[str, str]] = FlagHints("tei")
    needs_gpu: ClassVar[bool] = False

    kind: Literal["tei"] = "tei"
    """The engine's name."""
    version: Annotated[str, patterned(r"^\d+\.\d+\.\d+$", "a release such as 1.9.3")] = "1.9.3"
    """Release, at least 1.9.0. Omitted: 1.9.3, the newest whose images' digests were found published."""
    variant: (
        Literal[
            "cpu", "cuda", "turing", "ampere-80", "ampere-86", "ada-lovelace", "hopper", "blackwell-100",
            "blackwell-120",
        ]
        | None
    ) = None  # fmt: skip
    """Which of TEI's images: `cpu`, `cuda` for every GPU, or the smaller one of a single kind of GPU, which starts on
    no other kind. Omitted: cuda where the model server has a GPU, otherwise cpu."""
    image: Image | None = None
    """Another image with that variant in it, such as a mirror in Artifact Registry. Omitted: the official one."""
    tokenization_workers: Count | None = None
    """Processes that turn text into tokens. Omitted: one less than the node's cores, at most 64."""
    dtype: Literal["float16", "float32"] | None = None
    """Data type of the weights. Omitted: float16 on GPUs (float32 for Gemma 3), float32 on CPUs."""
    served_model_name: Annotated[str, patterned(r"^[\w./:-]+$", "letters, digits, dots, dashes and slashes")] | None = (
        None
    )
    """Name in the OpenAI API. Omitted: the model's."""
    pooling: Literal["cls", "mean", "splade", "last-token"] | None = None
    """How token embeddings become one. Omitted: as the model's 1_Pooling/config.json says."""
    max_concurrent_requests: Count | None = None
    """Requests in flight; one more is answered 429. Omitted: 512."""
    max_batch_tokens: Count | None = None
    """Tokens of a batch, which decide its memory; longer inputs are cut to it or refused. Omitted: 16384."""
    max_batch_requests: Count | None = None
    """Inputs in a batch. Omitted: as many as max_batch_tokens holds; on CPUs what the backend takes."""
    max_client_batch_size: Count | None = None
    """Inputs a client may send at once. Omitted: 32."""
    auto_truncate: Flag | None = None
    """Cut inputs that are too long; false refuses them, and starts only where max_batch_tokens holds the model's
    longest input. Omitted: they are cut."""
    default_prompt_name: Annotated[str, patterned(r"^[\w.-]+$", "letters, digits, dots and dashes")] | None = None
    """Prompt of the model's own list that is put before each input. Omitted: none."""
    default_prompt: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    """Text that is put before each input, such as "query: ". Omitted: none."""
    dense_path: Annotated[str, patterned(r"^\w[\w.-]*$", "a folder of the model such as 2_Dense")] | None = None
    """The model's folder with its last, dense layer. Omitted: as its modules.json says."""
    use_flash_attention: Flag | None = None
    """Whether flash attention is used on a GPU. Omitted: it is, but not in Turing's own image, because it is imprecise
    there; write false for a T4 with variant cuda."""
    payload_limit: Count | None = None
    """Largest request in bytes. Omitted: 2,000,000."""
    json_output: Flag = True
    """Write the log as JSON. Omitted: JSON, as the image's own command does."""
    disable_spans: Flag = False
    """Leave the trace's spans out of the log. Omitted: they are in it."""
    otlp_endpoint: CollectorUrl | None = None
    """Trace collector, OTLP over gRPC, such as http://jaeger.tracing:4317. Omitted: no traces."""
    otlp_service_name: Annotated[str, patterned(r"^[\w.-]+$", "letters, digits, dots and dashes")] | None = None
    """Name in traces. Omitted: text-embeddings-inference.server."""
    cors_allow_origin: tuple[
        Annotated[str, patterned(r"^(\*|https?://[\w.:-]+)$", "`*` or an origin such as https://a.io")], ...
    ] = ()
    """Origins browsers may call from; `*` alone allows all. Omitted: any."""
    drain_seconds: Annotated[Seconds, Field(ge=1, le=3600)] = 30
    """Seconds a pod gets to finish open requests after SIGTERM; TEI itself waits without a limit. Omitted: 30."""
    extra_args: tuple[str, ...] = ()
    """Further arguments, for flags that have no field here. Omitted: none."""

    @model_validator(mode="after")
    def _fields_fit(self) -> TeiEngine:
        MisfitError.raise_all(list(self._misfits()))
        return self

    def _misfits(self) -> Iterator[Problem]:
        release = tuple(map(int, self.version.split(".")))
        if release < (1, 9, 0):
            fix = "use 1.9.0 or newer, or kind: custom with its image and args"
            yield Problem(("version",), f'got "{self.version}"; these are the flags and images of 1.9; {fix}')
        yield from release_misfits("tei", self.version, self.model_fields_set)
        if self.default_prompt and self.default_prompt_name:
            yield Problem(("default_prompt",), "cannot be combined with default_prompt_name; drop one")
        if self.variant == "cpu":
            if self.dtype == "float16":
                yield Problem(("dtype",), 'got "float16"; TEI\'s ONNX backend for CPUs has only float32; leave it out')
            if self.use_flash_attention is not None:
                yield Problem(("use_flash_attention",), "is for GPUs, and variant is cpu; leave it out")
        if self.use_flash_attention and self.dtype == "float32":
            yield Problem(("use_flash_attention",), "needs float16, and dtype is float32; drop one")
        if "*" in self.cors_allow_origin and len(self.cors_allow_origin) > 1:
            yield Problem(("cors_allow_origin",), "`*` allows every origin already; write it alone")
        yield from extra_arguments_misfits("tei", self.extra_args, complete=release <= (1, 9, 3))

    def named(self, model: str) -> Self:
        """Told the model's name, unless it has one already: from a folder it would take the path."""
        return self if self.served_model_name is not None else self.model_copy(update={"served_model_name": model})

    def launch(self, model: str, revision: str | None, gpus: int) -> Launch:
        """How TEI serves `model`.

        Raises:
            MisfitError: for more than one GPU, or a variant that does not go with the GPUs.
        """
        self._refuse(gpus)
        chosen = variant(self.variant or ("cuda" if gpus else "cpu"))
        return Launch(
            container="tei",
            image=self.image or images.image("tei", REPOSITORY, f"{chosen.tag_prefix}{self.version}"),
            # No working directory: the entrypoint is ./entrypoint.sh, relative to the image's own.
            args=tuple(self._arguments(model, revision)),
            env=self._environment(gpus),
            port=PORT,
            cache_path=CACHE,
            probes=(
                # The server listens only once the model is loaded and warm.
                Probe("/health", period_seconds=5, timeout_seconds=5, failure_threshold=180),
                Probe("/health", period_seconds=5, timeout_seconds=5, failure_threshold=3),
                Probe("/health", period_seconds=15, timeout_seconds=5, failure_threshold=5),
            ),
            drain_seconds=self.drain_seconds,
            security=Security(user=_USER, group=_USER, fs_group=_USER, read_only_root=True),
            metrics=metrics.emitted("tei"),
            roles=metrics.roles_of("tei"),
            min_compute_capability=chosen.min_compute_capability,
            max_compute_capability=chosen.max_compute_capability,
            egress_ports=(int(self.otlp_endpoint.rpartition(":")[2]),) if self.otlp_endpoint else (),
            demand=self._demand(model) if gpus else None,
            # router/src/lib.rs@v1.9.3 asks the Hub for every file that hf-hub 0.4.2 does not find, and neither knows
            # HF_HUB_OFFLINE; given a folder, it asks for none.
            asks_hub=True,
        )

    def _refuse(self, gpus: int) -> None:
        if gpus > 1:
            raise MisfitError(f"got {gpus}; TEI uses one GPU: write gpus: 1, and more replicas", at=("gpus",))
        if self.variant == "cpu" and gpus:
            fix = "write gpus: 0, or leave variant out"
            raise MisfitError(f'got "cpu" with {gpus} GPU, which would idle; {fix}', at=("engine", "variant"))
        if self.variant not in (None, "cpu") and not gpus:
            fix = "write gpus: 1 and a pool that has them, or leave variant out"
            raise MisfitError(
                f'got "{self.variant}" without a GPU, and it stops at start; {fix}', ("engine", "variant")
            )
        if not gpus and (self.dtype == "float16" or self.use_flash_attention is not None):
            field = "dtype" if self.dtype == "float16" else "use_flash_attention"
            raise MisfitError("is for GPUs, and the model server has none; leave it out", at=("engine", field))

    def _arguments(self, model: str, revision: str | None) -> Iterator[str]:
        flags: dict[str, str | int | None] = {
            "--model-id": model,
            "--revision": revision,
            # HOSTNAME, which each pod has, would set it (clap's `env`): TEI then warns and listens everywhere.
            "--hostname": "0.0.0.0",  # noqa: S104 - the pod's own address; who may call is the NetworkPolicy's
            "--port": PORT,
            "--tokenization-workers": self.tokenization_workers,
            "--dtype": self.dtype,
            "--served-model-name": self.served_model_name,
            "--pooling": self.pooling,
            "--max-concurrent-requests": self.max_concurrent_requests,
            "--max-batch-tokens": self.max_batch_tokens,
            "--max-batch-requests": self.max_batch_requests,
            "--max-client-batch-size": self.max_client_batch_size,
            "--auto-truncate": None if self.auto_truncate is None else str(self.auto_truncate).lower(),
            "--default-prompt-name": self.default_prompt_name,
            "--dense-path": self.dense_path,
            "--payload-limit": self.payload_limit,
            "--otlp-endpoint": self.otlp_endpoint,
            "--otlp-service-name": self.otlp_service_name,
        }
        for flag, value in flags.items():
            if value is not None:
                yield from (flag, str(value))
        if self.default_prompt:
            # One word, because a prompt may begin with a dash; Kubernetes reads `$(NAME)` as a variable otherwise.
            yield "--default-prompt=" + self.default_prompt.replace("$(", "$$(")
        for origin in self.cors_allow_origin:
            yield from ("--cors-allow-origin", origin)
        if self.json_output:
            yield "--json-output"
        if self.disable_spans:
            yield "--disable-spans"
        yield from self.extra_args

    def _environment(self, gpus: int) -> dict[str, str]:
        env = {
            "HF_HOME": CACHE,
            "HOME": f"{_SCRATCH}/home",
            # Where `hf download` with that HF_HOME keeps a model; the image's own is the folder above.
            "HUGGINGFACE_HUB_CACHE": f"{CACHE}/hub",
            "USER": "tei",
        }
        if not gpus:
            return env
        if self.use_flash_attention is not None:
            env["USE_FLASH_ATTENTION"] = str(self.use_flash_attention)
        # CUDA's base images since 12.8 have lost GKE's driver folder, and since 1.9.0 the entrypoint stops without
        # nvidia-smi (huggingface/text-embeddings-inference#877; GoogleCloudPlatform/compute-gpu-installation#46).
        return env | {
            "LD_LIBRARY_PATH": "/usr/local/nvidia/lib64:/usr/local/cuda/lib64",
            "PATH": f"/usr/local/nvidia/bin:/usr/local/cuda/bin:{_DEBIAN_PATH}",
        }

    def _demand(self, model: str) -> Demand:
        return Demand(
            engine="tei",
            version=self.version,
            model=model,
            dtype=self.dtype,
            step_tokens=self.max_batch_tokens,
            requests=self.max_batch_requests,
            cuda_graphs=False,
        )
