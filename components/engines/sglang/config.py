"""SGLang as an engine.

Its flags are in `flags.py`; those of other releases than v0.5.20 to v0.5.23 are not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from ...catalog import metrics
from ...catalog.quantization import methods_of
from ...core.config import EnvName, Seconds
from ...core.demand import Demand
from ...core.errors import MisfitError, Problem
from .. import images
from ..engine import Launch, Probe, Security
from ..flags import FlagHints, extra_arguments_misfits, release_misfits
from .catalog import attention_gpus
from .flags import SglangFlags, arguments
from .rules import abbreviations, misfits, undivided

REPOSITORY = "lmsysorg/sglang"
PORT = 30000
CACHE = "/data"
_SCRATCH = "/tmp"  # noqa: S108 - a path inside the container, an emptyDir of its own
_OLDEST = (0, 5, 20)
_OLDEST_GPU = 7.5
"""Lowest CUDA compute capability: "SGLang only supports sm75 and above" (wheel sglang-0.5.23
srt/model_executor/model_runner_components/load_model_utils.py)."""
_NOTICES_SECONDS = 15
"""It looks for the signal, and then whether requests are left, every 5 s (wheel sglang-0.5.20
srt/managers/tokenizer_manager.py, sigterm_watchdog)."""


class SglangEngine(SglangFlags):
    """SGLang, the flags of its server. An omitted one keeps SGLang's own default."""

    unknown_field_hints: ClassVar[Mapping[str, str]] = FlagHints("sglang")
    needs_gpu: ClassVar[bool] = True

    api_key_variable: EnvName | None = None
    """Variable of secret_env with the key that clients must send as a bearer token; handed over as --api-key.
    Omitted: who may call is for the NetworkPolicy and the gateway."""
    drain_seconds: Annotated[Seconds, Field(ge=1, le=3600)] = 90
    """Seconds the longest request gets to finish after SIGTERM; SGLang itself waits without a limit. Omitted: 90."""
    extra_args: tuple[str, ...] = ()
    """Further arguments, for flags that have no field here. Omitted: none."""

    @model_validator(mode="after")
    def _fields_fit(self) -> SglangEngine:
        MisfitError.raise_all([*self._release_misfits(), *misfits(self)])
        return self

    def _release_misfits(self) -> Iterator[Problem]:
        if self.release < _OLDEST:
            fix = "use v0.5.20 or newer, or kind: custom with its image and args"
            yield Problem(("version",), f'got "{self.version}"; these flags and probes begin with v0.5.20; {fix}')
        elif self.image is None and (reason := images.refusal("sglang", REPOSITORY, self.version)):
            usable = ", ".join(images.usable_tags("sglang", REPOSITORY))
            yield Problem(("version",), f'got "{self.version}"; {reason}; use one of: {usable}')
        yield from release_misfits("sglang", f"v{_text(self.release)}", self.model_fields_set)
        yield from extra_arguments_misfits("sglang", self.extra_args)
        yield from abbreviations(self.extra_args)

    def named(self, model: str) -> Self:
        """Told the model's name, unless it has one already: from a folder it would take the path."""
        return self if self.served_model_name is not None else self.model_copy(update={"served_model_name": model})

    def launch(self, model: str, revision: str | None, gpus: int) -> Launch:
        """How SGLang serves `model`.

        Raises:
            MisfitError: for GPUs that pp_size and dp_size, or groups within them, do not divide.
        """
        split = self._split(gpus)
        return Launch(
            container="sglang",
            image=self.image or images.image("sglang", REPOSITORY, self.version),
            # The image has no entrypoint of its own.
            command=("python3", "-m", "sglang.launch_server"),
            args=tuple(self._arguments(model, revision, split)),
            env=self._environment(),
            port=PORT,
            cache_path=CACHE,
            scratch=(_SCRATCH,),
            probes=(
                # /ready is a flag, false until the model is loaded and from SIGTERM on.
                Probe("/ready", period_seconds=10, timeout_seconds=5, failure_threshold=180),
                Probe("/ready", period_seconds=5, timeout_seconds=5, failure_threshold=3),
                # A flag too, by the variable below: as it comes, /health generates a token and takes a second at least.
                # Not /ping, which asks for the API key. Hangs are the watchdog's, which ends the server.
                Probe("/health", period_seconds=30, timeout_seconds=5, failure_threshold=6),
            ),
            drain_seconds=self.drain_seconds + _NOTICES_SECONDS,
            # Its Dockerfile makes no user, and bakes kernels under /root/.cache; nobody was seen running it otherwise
            # (sgl-project/sglang docker/Dockerfile@004740a9).
            security=Security(user=0, group=0, fs_group=0, read_only_root=False),
            metrics=metrics.emitted("sglang", self.release),
            roles=metrics.roles_of("sglang", self.release),
            min_compute_capability=self._min_compute_capability(),
            max_compute_capability=attention_gpus(self.attention_backend or "")[1],
            secret_variables=(self.api_key_variable,) if self.api_key_variable else (),
            egress_ports=(int(self.otlp_traces_endpoint.rpartition(":")[2]),) if self.otlp_traces_endpoint else (),
            # It is what runs the server, and where the Dockerfile installs SGLang with what it needs.
            python="python3",
            demand=self._demand(model, split),
        )

    def _min_compute_capability(self) -> float:
        method = methods_of("sglang").get(self.quantization or "")
        major, minor = method.min_compute_capability if method else (0, 0)
        return max(_OLDEST_GPU, major + minor / 10, attention_gpus(self.attention_backend or "")[0])

    def _split(self, gpus: int) -> int:
        """GPUs that a layer is split over."""
        if self.tp_size:
            return self.tp_size
        layers, copies = self.pp_size or 1, self.dp_size or 1
        groups = layers * copies
        if gpus % groups:
            message = f"got {gpus}; pp_size {layers} times dp_size {copies} is {groups}: use a multiple of it"
            raise MisfitError(message, at=("gpus",))
        split = gpus // groups
        MisfitError.raise_all([Problem(("engine", *found.path), found.message) for found in undivided(self, split)])
        return split

    def _arguments(self, model: str, revision: str | None, split: int) -> Iterator[str]:
        yield from ("--model-path", model)
        if revision:
            yield from ("--revision", revision)
        # By default it listens on 127.0.0.1, where neither probes nor the Service reach it.
        yield from ("--host", "0.0.0.0", "--port", str(PORT))  # noqa: S104 - who may call is the NetworkPolicy's
        # Without it there is no /metrics.
        yield "--enable-metrics"
        yield from arguments(self.model_copy(update={"tp_size": split}))
        if self.api_key_variable:
            yield from ("--api-key", f"$({self.api_key_variable})")
        yield from self.extra_args

    def _environment(self) -> dict[str, str]:
        return {
            "HF_HOME": CACHE,
            "USER": "sglang",
            # What it compiles, Triton's, Inductor's and FlashInfer's included (srt/environ.py).
            "SGLANG_CACHE_DIR": f"{_SCRATCH}/sglang",
            "SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION": "false",
            # py-spy needs ptrace, which the pod has not.
            "SGLANG_PYSPY_DUMP_BEFORE_CRASH": "false",
        }

    def _demand(self, model: str, split: int) -> Demand | None:
        if self.cpu_offload_gb:
            return None  # the words all engines share cannot say where those weights are
        serves = self.enable_lora or self.lora_paths
        graphs = not (self.disable_decode_cuda_graph and self.disable_prefill_cuda_graph)
        chunk = self.chunked_prefill_size
        return Demand(
            engine="sglang",
            version=_text(self.release),
            model=model,
            tensor_parallel=split,
            pipeline_parallel=self.pp_size or 1,
            data_parallel=self.dp_size or 1,
            quantization=None if self.quantization == "unquant" else self.quantization,
            dtype=_DTYPES.get(self.dtype or "auto"),
            kv_cache_dtype=None if self.kv_cache_dtype == "auto" else self.kv_cache_dtype,
            memory_fraction=self.mem_fraction_static,
            request_tokens=self.context_length,
            step_tokens=chunk if chunk and chunk > 0 else self.max_prefill_tokens,
            cache_tokens=self.max_total_tokens,
            requests=self.max_running_requests,
            cuda_graphs=None if graphs else False,
            adapters=(self.max_loras_per_batch or 8) if serves else 0,
            adapter_rank=self.max_lora_rank or 0 if serves else 0,
            draft_model=self.speculative_draft_model_path,
        )


def _text(release: tuple[int, ...]) -> str:
    return ".".join(map(str, release))


_DTYPES = {"half": "float16", "float16": "float16", "bfloat16": "bfloat16", "float": "float32", "float32": "float32"}
