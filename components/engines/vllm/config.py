"""vLLM as an engine: `vllm serve` of its CUDA images, releases 0.24 to 0.33.

Its settings are in `flags`, the rules between them in `rules`. What is said about vLLM was read in wheel vllm 0.33.0
and compared with 0.24.0, 0.30.0 and 0.31.0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

from pydantic import model_validator

from ...catalog import metrics
from ...catalog.quantization import methods_of
from ...core.config import Config
from ...core.demand import Demand
from ...core.errors import MisfitError, Problem
from .. import images
from ..engine import Launch, Probe, Security
from ..flags import FlagHints, extra_arguments_misfits, release_misfits
from .flags import VllmFlags
from .rules import misfits

REPOSITORY = "vllm/vllm-openai"
PORT = 8000
MASTER_PORT = 29501
"""Where the pods of one replica meet (vllm/config/parallel.py@0.33.0 master_port)."""
CACHE = "/models"
HOME = "/home/vllm"
_SCRATCH = ("/tmp", HOME)  # noqa: S108 - paths inside the container, emptyDirs of their own
_USER = 2000
"""The user `vllm` of the image (vllm-project/vllm#40275, docs/deployment/docker.md: `--user 2000:0`). Images before it
had Python where others may read it too; USER and HOME are what such a uid lacks (vllm-project/vllm#44548)."""
_OLDEST = (0, 24)
_CAPABILITY = 7.5
"""Lowest compute capability with code in the kernels of wheels vllm 0.24.0, 0.31.0 and 0.33.0: sm_75, sm_80, sm_86,
sm_89, sm_90, sm_100, sm_120 (fat binaries of _C_stable_libtorch.abi3.so)."""
_BFLOAT16_CAPABILITY = 8.0
"""vllm/platforms/cuda.py@0.33.0, check_if_supports_dtype."""

_OURS = frozenset({"kind", "version", "image", "extra_args", "tensor_parallel_size", "pipeline_parallel_size"})
"""Fields that are no flags, or whose flags are always passed."""
_AS_JSON = frozenset({"allowed_origins", "allowed_methods", "allowed_headers"})
_WITH_COMMAS = frozenset({"disable_access_log_for_endpoints"})


class VllmEngine(VllmFlags):
    """vLLM, the flags of `vllm serve`. An omitted one keeps vLLM's own default."""

    unknown_field_hints: ClassVar[Mapping[str, str]] = FlagHints("vllm")
    needs_gpu: ClassVar[bool] = True

    @model_validator(mode="after")
    def _fields_fit(self) -> VllmEngine:
        extra = extra_arguments_misfits("vllm", self.extra_args)
        MisfitError.raise_all([*self._version_misfits(), *misfits(self), *extra])
        return self

    def _version_misfits(self) -> Iterator[Problem]:
        if self.image is None and (reason := images.refusal("vllm", REPOSITORY, self.version)):
            usable = ", ".join(images.usable_tags("vllm", REPOSITORY))
            yield Problem(("version",), f'got "{self.version}"; {reason}; use one of: {usable}')
        release = self.release
        if release and release < _OLDEST:
            text = f'got "{self.version}"; the flags known here are those of 0.24 and later; use kind: custom for it'
            yield Problem(("version",), text)
        if self.quantization == "bitsandbytes" and release and release >= (0, 30):
            text = 'got "bitsandbytes", which vLLM dropped after 0.24; use fp8 or a model quantized as awq or gptq'
            yield Problem(("quantization",), text)
        yield from release_misfits("vllm", ".".join(map(str, release or ())), self.model_fields_set)

    def named(self, model: str) -> Self:
        """Told the model's name, unless it has names already: from a folder it would take the path."""
        return self if self.served_model_name else self.model_copy(update={"served_model_name": (model,)})

    def launch(self, model: str, revision: str | None, gpus: int) -> Launch:
        """How vLLM serves `model` in one pod.

        Raises:
            MisfitError: when the GPUs are not what its parallel sizes multiply to.
        """
        return self._launch(model, revision, *self._parallel(gpus, 1))

    def launch_group(self, model: str, revision: str | None, gpus: int, nodes: int) -> tuple[Launch, Launch]:
        """How vLLM serves `model` over several nodes: processes on each, which meet at the leader's address.

        Ray is not needed for it, and not in the image (vllm/entrypoints/cli/serve.py@0.33.0 run_headless;
        --nnodes, --node-rank, --master-addr and --headless since before 0.24).

        Raises:
            MisfitError: when the GPUs are not what its parallel sizes multiply to, or for data_parallel_size.
        """
        if (self.data_parallel_size or 1) > 1:
            text = f"got {self.data_parallel_size} for a replica of {nodes} nodes; drop it and use replicas for copies"
            raise MisfitError(text, ("engine", "data_parallel_size"))
        width, stages = self._parallel(gpus, nodes)
        leader = self._launch(model, revision, width, stages)
        meeting = ("--nnodes", str(nodes), "--master-addr", "$(LWS_LEADER_ADDRESS)", "--master-port", str(MASTER_PORT))
        # GKE's pods have their cluster network on eth0; a second one, for GPUs, has no DNS and no policy.
        env = {**leader.env, "GLOO_SOCKET_IFNAME": "eth0", "NCCL_SOCKET_IFNAME": "eth0"}
        leader = replace(leader, env=env, pod_ip_env="VLLM_HOST_IP")
        # A headless pod refuses an API server.
        own = self._arguments(without="api_server_count")
        words = (*self._first(model, revision, width, stages), *own, *self.extra_args)
        return (
            replace(leader, args=(*leader.args, *meeting, "--node-rank", "0")),
            replace(leader, args=(*words, *meeting, "--node-rank", "$(LWS_WORKER_INDEX)", "--headless")),
        )

    def _parallel(self, gpus: int, nodes: int) -> tuple[int, int]:
        """Tensor and pipeline parallel size, which with data_parallel_size use every GPU; 0 GPUs are not known yet."""
        total, copies = gpus * nodes, self.data_parallel_size or 1
        stages = self.pipeline_parallel_size or nodes
        width = self.tensor_parallel_size or max(1, total // (stages * copies))
        if total and width * stages * copies != total:
            product = f"tensor_parallel_size {width} x pipeline_parallel_size {stages}"
            product += f" x data_parallel_size {copies}" if copies > 1 else ""
            text = f"{product} is {width * stages * copies} GPUs, and the replica has {total}; they must be the same"
            raise MisfitError(f"{text}: change gpus, or leave tensor_parallel_size out", ("engine",))
        return width, stages

    def _launch(self, model: str, revision: str | None, width: int, stages: int) -> Launch:
        return Launch(
            container="vllm",
            image=self.image or images.image("vllm", REPOSITORY, self.version),
            args=(*self._first(model, revision, width, stages), *self._arguments(), *self.extra_args),
            env=self._environment(),
            port=PORT,
            cache_path=CACHE,
            scratch=_SCRATCH,
            probes=(
                # The web server listens only once weights are loaded and graphs captured.
                Probe("/health", period_seconds=10, timeout_seconds=5, failure_threshold=180),
                Probe("/health", period_seconds=5, timeout_seconds=2, failure_threshold=2),
                # It answers from a flag of the engine's process, whatever runs on the GPU (serve/instrumentator).
                Probe("/health", period_seconds=10, timeout_seconds=5, failure_threshold=6),
            ),
            drain_seconds=self.shutdown_timeout,
            security=Security(user=_USER, group=0, fs_group=_USER, read_only_root=True),
            metrics={} if self.disable_log_stats else metrics.emitted("vllm"),
            roles={} if self.disable_log_stats else metrics.roles_of("vllm"),
            min_compute_capability=self._capability(),
            shared_memory_gib=self._media_gib(),
            # vllm-project/vllm docker/Dockerfile: the image's own Python has the wheel (`uv pip install --system`).
            python="python3",
            egress_ports=(_port(self.otlp_traces_endpoint),) if self.otlp_traces_endpoint else (),
            demand=self._demand(model, width, stages),
        )

    @staticmethod
    def _first(model: str, revision: str | None, width: int, stages: int) -> Iterator[str]:
        """What is always passed. The model comes first: after a list it would be one of its items."""
        yield from (model, "--port", str(PORT))
        if revision:
            yield from ("--revision", revision)
        yield from ("--tensor-parallel-size", str(width), "--pipeline-parallel-size", str(stages))

    def _arguments(self, without: str = "") -> Iterator[str]:
        """A flag for every field that is set, in the order of the fields."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name in _OURS or name == without or value is None or value in ((), {}):
                continue
            flag = "--" + name.replace("_", "-")
            if isinstance(value, bool):
                # A Flag without None is off in vLLM too; some of those have no --no- form (store_true).
                if value or type(self).model_fields[name].default is None:
                    yield flag if value else f"--no-{flag[2:]}"
                continue
            yield flag
            yield from _words(name, value)

    def _environment(self) -> dict[str, str]:
        """Variables the hardened pod needs. Compiled kernels go below HOME, as their defaults do."""
        return {
            "HF_HOME": CACHE,
            # Code from a model's repository is copied there; below HF_HOME a read-only cache would refuse it.
            "HF_MODULES_CACHE": f"{HOME}/modules",
            "HOME": HOME,
            "LOGNAME": "vllm",
            "TORCHINDUCTOR_CACHE_DIR": f"{HOME}/.cache/torchinductor",
            "TRITON_CACHE_DIR": f"{HOME}/.triton",
            # torch asks for the user's name at import, and the image may not know the uid (vllm-project/vllm#44548).
            "USER": "vllm",
            # Otherwise vLLM reports itself to stats.vllm.ai every ten minutes (vllm/usage/usage_lib.py).
            "VLLM_NO_USAGE_STATS": "1",
        }

    def _capability(self) -> float:
        """Lowest compute capability that the image, the data type and the quantization run on."""
        method = methods_of("vllm", ".".join(map(str, self.release or ()))).get(self.quantization or "")
        major, minor = method.min_compute_capability if method else (0, 0)
        kind = _BFLOAT16_CAPABILITY if self.dtype == "bfloat16" else 0.0
        return max(_CAPABILITY, kind, float(f"{major}.{minor}"))

    def _media_gib(self) -> float:
        """GiB of prepared media in shared memory: 4 where nothing is said (vllm/config/multimodal.py@0.33.0)."""
        if self.mm_processor_cache_type != "shm":
            return 0.0
        return 4.0 if self.mm_processor_cache_gb is None else float(self.mm_processor_cache_gb)

    def _demand(self, model: str, width: int, stages: int) -> Demand | None:
        if self.cpu_offload_gb or self.offload_group_size or self.kv_cache_memory_bytes:
            return None  # the words all engines share cannot say where those weights or bytes are
        guess = self.speculative_config
        return Demand(
            engine="vllm",
            version=".".join(map(str, self.release or ())),
            model=model,
            tensor_parallel=width,
            pipeline_parallel=stages,
            data_parallel=self.data_parallel_size or 1,
            quantization=self.quantization,
            dtype=_DTYPES.get(self.dtype or "auto"),
            kv_cache_dtype=self.kv_cache_dtype if self.kv_cache_dtype != "auto" else None,
            memory_fraction=self.gpu_memory_utilization,
            request_tokens=self.max_model_len if (self.max_model_len or 0) > 0 else None,
            step_tokens=self.max_num_batched_tokens,
            requests=self.max_num_active_seqs or self.max_num_seqs,
            cuda_graphs=not self.enforce_eager,
            adapters=(self.max_loras or 1) if self.enable_lora else 0,
            adapter_rank=(self.max_lora_rank or 16) if self.enable_lora else 0,
            draft_model=guess.model if guess else None,
        )


_DTYPES = {
    "half": "float16",
    "float16": "float16",
    "bfloat16": "bfloat16",
    "float": "float32",
    "float32": "float32",
}


def _words(name: str, value: Any) -> Iterator[str]:
    """A flag's value as its parser takes it (vllm/engine/arg_utils.py, entrypoints/common/cli_args.py)."""
    if isinstance(value, Config):
        yield _json(value.model_dump(exclude_none=True))
    elif name == "lora_modules":
        yield from (f"{adapter}={source}" for adapter, source in value.items())
    elif isinstance(value, dict):
        yield _json(value)
    elif name in _AS_JSON:
        yield _json(list(value))
    elif name in _WITH_COMMAS:
        yield ",".join(value)
    elif isinstance(value, tuple):
        yield from map(str, value)
    else:
        yield str(value)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _port(url: str) -> int:
    return int(url.split("://", 1)[1].partition("/")[0].rpartition(":")[2])
