"""The root model of a stack: everything under its `inference:` keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from components.addons.addons import AddonsConfig
from components.core.config import Config, DnsLabel, defaults, patterned
from components.core.errors import MisfitError, Path, Problem
from components.cost.ceilings import BudgetConfig, GpuQuota, quota_problems
from components.gpu.cluster import ClusterConfig
from components.gpu.compute_class import ComputeClassConfig
from components.gpu.node_pool import GpuNodePoolConfig
from components.monitoring.dcgm_exporter import DcgmExporterConfig, DcgmSource
from components.monitoring.scrape import ManagedPrometheus, NoPrometheus, PrometheusConfig
from components.rollout.model import ModelConfig
from components.tenancy.namespace import NamespaceConfig
from components.tenancy.priority_class import PriorityClassConfig
from components.traffic.backends.registry import RouteConfig

ModelName = Annotated[
    str,
    patterned(r"^[a-z]([-a-z0-9]*[a-z0-9])?$", "lower-case letters, digits and dashes, a letter first", max_length=63),
]
"""A name that can be a Service's, which must begin with a letter (RFC 1035)."""
PoolName = Annotated[
    str,
    patterned(r"^[a-z]([-a-z0-9]*[a-z0-9])?$", "lower-case letters, digits and dashes, a letter first", max_length=39),
]
"""A node pool's name: Google's limit is 40 characters (cloud.google.com/kubernetes-engine/docs/reference/rest)."""


class ObservabilityConfig(Config):
    """Who collects metrics."""

    prometheus: PrometheusConfig | None = None
    """Which Prometheus reads the models. Omitted: Google's managed one on GKE, none elsewhere."""
    dcgm: DcgmSource | None = None
    """Whose DCGM exporter reports GPUs: GKE's own, a DaemonSet of ours, or none. Two at once report twice. Omitted:
    GKE's own on clusters this stack makes, none elsewhere."""
    dcgm_exporter: DcgmExporterConfig = defaults(DcgmExporterConfig)
    """Settings of our DaemonSet. Omitted: its defaults."""


class Waiver(Config):
    """A finding the team accepts for a while."""

    rule: DnsLabel
    """The rule's id, as `infra check` prints it in brackets."""
    at: str | None = None
    """Where, such as models.llama; findings below it count. Omitted: everywhere."""
    reason: Annotated[str, Field(min_length=10, max_length=500)]
    """Why it is acceptable, for the reviewer."""
    until: str
    """Last day it holds, YYYY-MM-DD, in quotes: Pulumi turns a bare date into a time stamp."""

    @field_validator("until")
    @classmethod
    def _is_a_day(cls, value: str) -> str:
        try:
            date.fromisoformat(value)
        except ValueError:
            raise MisfitError(f'got "{value}"; must be a day of the calendar, such as "2027-01-31"') from None
        return value


class PolicyConfig(Config):
    """What the team demands and accepts."""

    waive: tuple[Waiver, ...] = ()
    """Findings accepted for a while. Omitted: none."""
    budget: BudgetConfig | None = None
    """What the environment may cost. Omitted: nothing is held against what it costs."""
    gpu_quota: dict[str, GpuQuota] = Field(default_factory=dict)
    """GPUs the project may have in the cluster's region, by GKE's name of the GPU: nvidia-l4. Omitted: not checked; so
    are GPUs that are not named."""

    @model_validator(mode="after")
    def _known_gpus(self) -> Self:
        problems = quota_problems(self.gpu_quota)
        MisfitError.raise_all([Problem(("gpu_quota", *problem.path), problem.message) for problem in problems])
        return self


class Environment(Config):
    """One environment: a cluster, its pools, and the models on it."""

    cluster: ClusterConfig
    """The cluster: made by this stack, adopted, or reached by kubeconfig."""
    node_pools: dict[PoolName, GpuNodePoolConfig] = Field(default_factory=dict)
    """Node pools by name. Omitted: none."""
    compute_classes: dict[DnsLabel, ComputeClassConfig] = Field(default_factory=dict)
    """Compute classes by name: pools and machine types in order of preference. Omitted: none."""
    namespaces: dict[DnsLabel, NamespaceConfig] = Field(default_factory=dict)
    """Namespaces by name. One that models use and that is not here is made with the strictest Pod Security level its
    engines allow. Omitted: only those."""
    priority_classes: dict[DnsLabel, PriorityClassConfig] = Field(default_factory=dict)
    """Priority classes by name. Omitted: none."""
    models: dict[ModelName, ModelConfig] = Field(default_factory=dict)
    """Models by name; a model's Service has that name. Omitted: none."""
    traffic: dict[ModelName, RouteConfig] = Field(default_factory=dict)
    """Routes by name. Omitted: none; models are reached by their Services."""
    observability: ObservabilityConfig = defaults(ObservabilityConfig)
    """Who collects metrics. Omitted: GKE's own collectors on GKE."""
    addons: AddonsConfig = defaults(AddonsConfig)
    """What the cluster has beside Kubernetes. Omitted: nothing."""
    policy: PolicyConfig = defaults(PolicyConfig)
    """What the team demands and accepts. Omitted: every proof holds without exception."""

    @property
    def on_gke(self) -> bool:
        """Whether the cluster is known to be GKE's."""
        return self.cluster.kind != "kubeconfig"

    @property
    def autopilot(self) -> bool:
        """Whether the cluster is Autopilot, which makes nodes by what pods select."""
        return self.cluster.autopilot

    @property
    def prometheus(self) -> PrometheusConfig:
        """What reads the models' metrics, the default resolved."""
        given = self.observability.prometheus
        return given or (ManagedPrometheus(kind="managed") if self.on_gke else NoPrometheus(kind="none"))

    @property
    def dcgm(self) -> DcgmSource:
        """Whose DCGM exporter reports GPUs, the default resolved."""
        return self.observability.dcgm or ("managed" if self.cluster.managed_dcgm else "none")


def secret_keys(environment: Environment) -> Iterator[tuple[Path, str]]:
    """The stack's secrets that models read, each with the place that does."""
    for name, model in environment.models.items():
        token = model.hf_token
        if token is not None and token.kind == "pulumi":
            yield ("models", name, "hf_token"), token.secret
