"""Any container as an engine: an image, its command, its port, its probes.

For servers of your own (how arr-coc-vlm runs) and for engines that have no typed model here yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from ...catalog import metrics
from ...core.config import Config, Count, DnsLabel, EnvName, Flag, Image, Number, Port, Seconds, defaults, patterned
from ...core.errors import MisfitError, Problem
from ...core.secrets import PLAINTEXT_ADVICE, hands_over_secret, looks_secret, states_secret
from ..engine import AbsolutePath, Engine, Launch, Probe, Security
from ..typed import TYPED

MetricName = Annotated[str, patterned(r"^[a-zA-Z_:][a-zA-Z0-9_:]*$", "a Prometheus metric name")]


if TYPE_CHECKING:
    LikeEngine = str
else:
    LikeEngine = Literal[tuple(engine.kind for engine in TYPED)]
"""The `kind` of an engine that is typed here, whose metrics are therefore known."""
_LONGEST = 7 * 24 * 3600
"""Seconds a probe may let a container fail; as long as our other durations, and far below what fits a Deployment."""
_USER = 10001
"""uid for images of one's own: not root, and not a user of common base images."""


class ProbeConfig(Config):
    """One HTTP probe."""

    path: Annotated[str, patterned(r"^/[!-~]*$", "a URL path such as /v1/health")] = "/health"
    """Path that answers 200 when all is well. Omitted: /health."""
    period_seconds: Annotated[Seconds, Field(ge=1)]
    """Seconds between calls."""
    timeout_seconds: Annotated[Seconds, Field(ge=1)] = 5
    """Seconds to wait for the answer. Omitted: 5."""
    failure_threshold: Count
    """Failures in a row before Kubernetes acts."""
    initial_delay_seconds: Seconds = 0
    """Seconds before the first call. Omitted: 0."""

    @model_validator(mode="after")
    def _acts_in_time(self) -> ProbeConfig:
        budget = self.probe().budget_seconds
        if budget > _LONGEST:
            message = f"got {self.failure_threshold}; every {self.period_seconds} s that is {budget:,} s, and a week"
            raise MisfitError(f"{message} ({_LONGEST:,} s) is the most: lower one of them", at=("failure_threshold",))
        return self

    def probe(self) -> Probe:
        """The probe as the model server uses it."""
        return Probe(
            self.path, self.period_seconds, self.timeout_seconds, self.failure_threshold, self.initial_delay_seconds
        )


class ProbesConfig(Config):
    """How Kubernetes watches the container."""

    startup: ProbeConfig = ProbeConfig(period_seconds=10, failure_threshold=180)
    """Holds the other two back while the model loads. Omitted: /health every 10 s, for 30 minutes."""
    readiness: ProbeConfig = ProbeConfig(period_seconds=5, failure_threshold=3)
    """Takes the pod out of its Service. Omitted: /health every 5 s, three times."""
    liveness: ProbeConfig = ProbeConfig(period_seconds=30, timeout_seconds=10, failure_threshold=6)
    """Restarts the container, which costs a whole load. Omitted: /health every 30 s, six times."""


class MetricsConfig(Config):
    """What the container tells Prometheus."""

    path: Annotated[str, patterned(r"^/[!-~]*$", "a URL path such as /v1/health")] = "/metrics"
    """Where. Omitted: /metrics."""
    like: LikeEngine | None = None
    """The engine whose metrics it emits, when it is one of those in an image of your own. Omitted: only `names`."""
    names: dict[MetricName, Literal["gauge", "counter", "histogram", "summary"]] = Field(default_factory=dict)
    """Further metrics it emits. Autoscalers and alerts may name these and no others. Omitted: none."""


class CustomEngine(Engine):
    """Any container that serves HTTP."""

    needs_gpu: ClassVar[bool] = False

    kind: Literal["custom"] = "custom"
    """The engine's name."""
    image: Image
    """Image reference; pin it with a tag and, where you know it, a digest."""
    container: DnsLabel = "server"
    """The container's name. Omitted: server."""
    command: tuple[str, ...] = ()
    """Replaces the image's entrypoint. Omitted: the image's."""
    args: tuple[str, ...] = ()
    """Arguments. `$(MODEL_ID)` and `$(MODEL_REVISION)` stand for the model's. Omitted: the image's."""
    env: dict[EnvName, str] = Field(default_factory=dict)
    """Environment variables. Secrets do not belong here: see hf_token. Omitted: only ours."""
    port: Port = 8080
    """HTTP port inside the pod. Omitted: 8080."""
    working_dir: AbsolutePath | None = None
    """Working directory. Omitted: the image's."""
    cache_path: AbsolutePath = "/models"
    """Where model files are kept; HF_HOME points there. Omitted: /models."""
    scratch: tuple[AbsolutePath, ...] = ("/tmp", "/home/server")  # noqa: S108 - paths inside the container
    """What else it must be able to write; HOME is the last. Omitted: /tmp and /home/server."""
    probes: ProbesConfig = defaults(ProbesConfig)
    """How Kubernetes watches it. Omitted: /health, 30 minutes to start."""
    drain_seconds: Seconds = 30
    """Seconds it finishes open requests after SIGTERM; tell the server the same. Omitted: 30."""
    metrics: MetricsConfig | None = None
    """What it tells Prometheus. Omitted: nothing is scraped."""
    reads_hub_token: Flag = True
    """Whether HF_TOKEN is given to it when the model server has an hf_token. Omitted: it is."""
    min_compute_capability: Annotated[Number, Field(ge=3, le=20)] | None = None
    """Lowest CUDA compute capability the image is built for, such as 8.0. Omitted: not checked."""

    @model_validator(mode="after")
    def _fields_fit(self) -> CustomEngine:
        problems = [
            Problem(("env", name), PLAINTEXT_ADVICE) for name, value in self.env.items() if states_secret(name, value)
        ]
        for field, words in (("command", self.command), ("args", self.args)):
            for number, (word, following) in enumerate(zip(words, (*words[1:], ""), strict=False)):
                if looks_secret(word) or (hands_over_secret(word, following) and not looks_secret(following)):
                    problems.append(Problem((field, number), PLAINTEXT_ADVICE))
        mounted = ("/dev/shm", self.cache_path)  # noqa: S108 - paths inside the container
        for number, path in enumerate(self.scratch):
            if path in (*mounted, *self.scratch[:number]):
                problems.append(Problem(("scratch", number), f'"{path}" is mounted already; name each path once'))
        MisfitError.raise_all(problems)
        return self

    def launch(self, model: str, revision: str | None, gpus: int) -> Launch:  # noqa: ARG002 - the image knows its GPUs
        """The container as configured, with our variables before its own."""
        env = {"MODEL_ID": model} if model else {}
        if revision:
            env["MODEL_REVISION"] = revision
        # Without USER, torch's getpwuid() fails at import for a uid the image does not know (vllm-project/vllm#44548).
        env |= {"HF_HOME": self.cache_path, "HOME": self.scratch[-1] if self.scratch else "/", "USER": self.container}
        return Launch(
            container=self.container,
            image=self.image,
            command=self.command,
            args=self.args,
            env=env | self.env,
            port=self.port,
            working_dir=self.working_dir or "",
            cache_path=self.cache_path,
            scratch=self.scratch,
            probes=(self.probes.startup.probe(), self.probes.readiness.probe(), self.probes.liveness.probe()),
            drain_seconds=self.drain_seconds,
            security=Security(user=_USER, fs_group=_USER),
            token_env="HF_TOKEN" if self.reads_hub_token else "",
            metrics_path=self.metrics.path if self.metrics else "",
            metrics=_emitted(self.metrics),
            roles=metrics.roles_of(self.metrics.like) if self.metrics and self.metrics.like else {},
            min_compute_capability=self.min_compute_capability or 0.0,
        )


def _emitted(config: MetricsConfig | None) -> dict[str, str]:
    if config is None:
        return {}
    return {**(metrics.emitted(config.like) if config.like else {}), **config.names}
