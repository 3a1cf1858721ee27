"""SGLang as an engine.

Its flags are in `sglang_flags.py`; those of other releases than v0.5.20 to v0.5.23 are not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from ..catalog import images, metrics
from ..catalog.engine_flags import flags_of, mistakes_of, words_of
from ..catalog.quantization import methods_of
from ..config import EnvName, Seconds
from ..errors import MisfitError, Problem
from ..fit.demand import Demand
from .engine import Launch, Probe, Security
from .flags import FlagHints, extra_arguments_misfits, release_misfits
from .sglang_flags import SglangFlags, arguments

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
        MisfitError.raise_all([*self._release_misfits(), *self._misfits()])
        return self

    @property
    def release(self) -> tuple[int, ...]:
        """The release as numbers that compare, `(0, 5, 20)`."""
        return tuple(map(int, re.findall(r"\d+", self.version)[:3]))

    def _release_misfits(self) -> Iterator[Problem]:
        if self.release < _OLDEST:
            fix = "use v0.5.20 or newer, or kind: custom with its image and args"
            yield Problem(("version",), f'got "{self.version}"; these flags and probes begin with v0.5.20; {fix}')
        elif self.image is None and (reason := images.refusal(REPOSITORY, self.version)):
            usable = ", ".join(images.usable_tags(REPOSITORY))
            yield Problem(("version",), f'got "{self.version}"; {reason}; use one of: {usable}')
        yield from release_misfits("sglang", f"v{_text(self.release)}", self.model_fields_set)
        yield from extra_arguments_misfits("sglang", self.extra_args)
        yield from _abbreviations(self.extra_args)

    def _misfits(self) -> Iterator[Problem]:
        yield from self._memory_misfits()
        yield from self._parallel_misfits()
        yield from self._speculation_misfits()
        yield from self._adapter_misfits()
        if self.enable_trace != bool(self.otlp_traces_endpoint):
            at, other = (
                ("otlp_traces_endpoint", "enable_trace")
                if self.enable_trace
                else ("enable_trace", "otlp_traces_endpoint")
            )
            yield Problem((at,), f"is missing, and {other} alone sends no traces; write both")
        if self.otlp_service_name and not self.enable_trace:
            yield Problem(("otlp_service_name",), "names traces, and enable_trace is false; write it too")
        if self.log_requests_level is not None and not self.log_requests:
            yield Problem(("log_requests_level",), "says how much of a request is logged; write log_requests: true too")

    def _memory_misfits(self) -> Iterator[Problem]:
        if (longest := self.context_length) and (held := self.max_total_tokens) and longest > held:
            yield Problem(("context_length",), f"got {longest}; must be at most max_total_tokens, which is {held}")
        if (chunk := self.chunked_prefill_size) is not None and chunk > 0 and (page := self.page_size) and chunk % page:
            nearest = max(page, chunk // page * page)
            yield Problem(
                ("chunked_prefill_size",), f"got {chunk}; must be a multiple of page_size, which is {page}: {nearest}"
            )
        if self.chunked_prefill_size == 0:
            yield Problem(("chunked_prefill_size",), "got 0; write -1 for whole prompts, or a number of tokens")
        if self.enable_mixed_chunk and self.chunked_prefill_size == -1:
            yield Problem(("enable_mixed_chunk",), "mixes chunks of prompts, and chunked_prefill_size is -1; drop one")
        if self.enable_hierarchical_cache and self.disable_radix_cache:
            yield Problem(("enable_hierarchical_cache",), "needs the radix cache; drop disable_radix_cache")
        for field in ("hicache_ratio", "hicache_size"):
            if getattr(self, field) is not None and not self.enable_hierarchical_cache:
                yield Problem((field,), "sizes the hierarchical cache; write enable_hierarchical_cache: true too")
        if self.hicache_ratio is not None and self.hicache_size is not None:
            yield Problem(("hicache_ratio",), "is not used beside hicache_size; drop one")
        if self.schedule_policy not in (None, "fcfs", "lof") and self.enable_priority_scheduling:
            message = f'got "{self.schedule_policy}"; with enable_priority_scheduling it must be fcfs or lof'
            yield Problem(("schedule_policy",), message)

    def _parallel_misfits(self) -> Iterator[Problem]:
        if (split := self.tp_size) and (experts := self.ep_size) and experts not in (1, split):
            yield Problem(("ep_size",), f"got {experts}; must be 1 or tp_size, which is {split}")
        if (split := self.tp_size) and (groups := self.attn_dp_size) and split % groups:
            yield Problem(("attn_dp_size",), f"got {groups}; must divide tp_size, which is {split}")
        if (self.attn_dp_size or 1) > 1 and (copies := self.dp_size or 1) > 1:
            yield Problem(("dp_size",), f"got {copies}; with attn_dp_size it must be 1; use replicas for copies")
        if (self.pp_size or 1) > 1 and self.speculative_algorithm:
            yield Problem(("speculative_algorithm",), "does not run with pp_size above 1; drop one")
        if self.enable_mixed_chunk and self.speculative_algorithm:
            yield Problem(("enable_mixed_chunk",), f"does not run with {self.speculative_algorithm}; drop one")

    def _speculation_misfits(self) -> Iterator[Problem]:
        given = [
            name
            for name in type(self).model_fields
            if name.startswith("speculative_") and getattr(self, name) is not None
        ]
        if given and not self.speculative_algorithm:
            yield Problem((given[0],), "does nothing without speculative_algorithm; write that too")
        if self.speculative_draft_model_revision and not self.speculative_draft_model_path:
            yield Problem(("speculative_draft_model_revision",), "belongs to speculative_draft_model_path; write that")
        if self.speculative_algorithm in ("STANDALONE", "EAGLE3", "DFLASH") and not self.speculative_draft_model_path:
            message = f"is missing, and {self.speculative_algorithm} has no draft without it"
            yield Problem(("speculative_draft_model_path",), message)
        if self.speculative_algorithm == "NGRAM" and self.speculative_draft_model_path:
            yield Problem(("speculative_draft_model_path",), "is not used by NGRAM, which has no draft model; drop it")
        later = self.speculative_eagle_topk or self.speculative_num_draft_tokens
        if self.speculative_algorithm in ("EAGLE", "EAGLE3", "NEXTN") and later and self.speculative_num_steps is None:
            yield Problem(
                ("speculative_num_steps",),
                "is missing; speculative_eagle_topk and speculative_num_draft_tokens are only taken together with it",
            )

    def _adapter_misfits(self) -> Iterator[Problem]:
        serves = self.enable_lora or self.lora_paths
        of_adapters = (
            "max_loras_per_batch",
            "max_loaded_loras",
            "max_lora_rank",
            "lora_target_modules",
            "lora_backend",
        )
        for field in of_adapters:
            if getattr(self, field) and not serves:
                yield Problem((field,), "is for adapters, and there are none; write lora_paths or enable_lora: true")
        if self.enable_lora and not self.lora_paths and not (self.max_lora_rank and self.lora_target_modules):
            yield Problem(("enable_lora",), "needs lora_paths, or both max_lora_rank and lora_target_modules")
        if "all" in self.lora_target_modules and len(self.lora_target_modules) > 1:
            yield Problem(("lora_target_modules",), "`all` names every layer already; write it alone")
        loaded, batch = self.max_loaded_loras, self.max_loras_per_batch or 8
        if serves and loaded and loaded < batch:
            message = f"got {loaded}; must be at least max_loras_per_batch, which is {batch}"
            yield Problem(("max_loaded_loras",), message)
        elif loaded and len(self.lora_paths) > loaded:
            message = f"got {loaded}; lora_paths names {len(self.lora_paths)}, which are loaded at start"
            yield Problem(("max_loaded_loras",), message)

    def launch(self, model: str, revision: str | None, gpus: int) -> Launch:
        """How SGLang serves `model`.

        Raises:
            MisfitError: for GPUs that pp_size and dp_size do not divide.
        """
        split = self._split(gpus)
        return Launch(
            container="sglang",
            image=self.image or images.image(REPOSITORY, self.version),
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
            queue_metric=metrics.role("sglang", "queue"),
            min_compute_capability=self._min_compute_capability(),
            secret_variables=(self.api_key_variable,) if self.api_key_variable else (),
            egress_ports=(int(self.otlp_traces_endpoint.rpartition(":")[2]),) if self.otlp_traces_endpoint else (),
            demand=self._demand(model, split),
        )

    def _min_compute_capability(self) -> float:
        method = methods_of("sglang").get(self.quantization or "")
        major, minor = method.min_compute_capability if method else (0, 0)
        return max(_OLDEST_GPU, major + minor / 10)

    def _split(self, gpus: int) -> int:
        """GPUs that a layer is split over."""
        if self.tp_size:
            return self.tp_size
        layers, copies = self.pp_size or 1, self.dp_size or 1
        groups = layers * copies
        if gpus % groups:
            message = f"got {gpus}; pp_size {layers} times dp_size {copies} is {groups}: use a multiple of it"
            raise MisfitError(message, at=("gpus",))
        return gpus // groups

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

    def _demand(self, model: str, split: int) -> Demand:
        serves = self.enable_lora or self.lora_paths
        graphs = not (self.disable_decode_cuda_graph and self.disable_prefill_cuda_graph)
        chunk = self.chunked_prefill_size
        return Demand(
            engine="sglang",
            version=_text(self.release),
            model=model,
            tensor_parallel=split,
            pipeline_parallel=self.pp_size or 1,
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


def _abbreviations(arguments: Sequence[str]) -> Iterator[Problem]:
    """Flags cut short: argparse takes `--context` for `--context-length`, which would repeat the field."""
    known = [flag.flag for flag in flags_of("sglang").values()]
    for number, argument in enumerate(arguments):
        name = argument.partition("=")[0]
        if not name.startswith("--") or name in known or words_of(name) in mistakes_of("sglang"):
            continue
        if meant := next((flag for flag in known if flag.startswith(name)), ""):
            message = f'got "{name}"; SGLang would take it for {meant}: write the flag in full, or its field'
            yield Problem(("extra_args", number), message)


_DTYPES = {"half": "float16", "float16": "float16", "bfloat16": "bfloat16", "float": "float32", "float32": "float32"}
