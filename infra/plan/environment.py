"""The root model of a stack: everything under its `inference:` keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.addons.addons import AddonsConfig
from components.core.config import Config, DnsLabel, defaults, patterned
from components.gpu.cluster import ClusterConfig
from components.gpu.compute_class import ComputeClassConfig, class_pools
from components.gpu.node_pool import GpuNodePoolConfig
from components.monitoring.collect.dcgm_exporter import DcgmSource
from components.monitoring.collect.scrape import ManagedPrometheus, NoPrometheus, PrometheusConfig
from components.monitoring.observability import ObservabilityConfig
from components.rollout.model import ModelConfig
from components.tenancy.namespace import NamespaceConfig
from components.tenancy.priority_class import PriorityClassConfig
from components.traffic.backends.registry import RouteConfig

from .policy import PolicyConfig

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

    def targets(self, model: ModelConfig) -> tuple[dict[str, GpuNodePoolConfig], str | None]:
        """The pools a model runs on, in order and by name, and the compute class when `runs_on` names one."""
        if model.runs_on and model.runs_on[0] in self.compute_classes:
            chosen = model.runs_on[0]
            return class_pools(chosen, self.compute_classes[chosen], self.node_pools), chosen
        return {name: self.node_pools[name] for name in model.runs_on}, None

    @property
    def prometheus(self) -> PrometheusConfig:
        """What reads the models' metrics, the default resolved."""
        given = self.observability.prometheus
        return given or (ManagedPrometheus(kind="managed") if self.on_gke else NoPrometheus(kind="none"))

    @property
    def dcgm(self) -> DcgmSource:
        """Whose DCGM exporter reports GPUs, the default resolved."""
        return self.observability.dcgm or ("managed" if self.cluster.managed_dcgm else "none")
