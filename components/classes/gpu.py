"""Clusters, node pools and compute classes as Pulumi components."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pulumi

from ..core.plan import Late
from ..gpu.cluster import GkeClusterConfig, GkeExistingConfig, gke_cluster
from ..gpu.compute_class import ComputeClassConfig, compute_class
from ..gpu.kubeconfig import gke_kubeconfig
from ..gpu.node_pool import GpuNodePoolConfig, node_pool
from ..gpu.node_shape import node_shape
from .component import Component


class GkeCluster(Component):
    """A GKE cluster with its system node pool, or one that is there already.

    Args:
        name: the component's name.
        config: the cluster's settings; outputs follow from them.
        opts: Pulumi options. GPU pools that depend on the component wait for the system pool.
    """

    def __init__(
        self,
        name: str,
        config: GkeClusterConfig | GkeExistingConfig,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        self.config = config
        super().__init__(gke_cluster(config, name=name), opts=opts)

    @property
    def name(self) -> pulumi.Output[str]:
        """The cluster's name, known when the cluster is there."""
        return self.output("name")

    @property
    def endpoint(self) -> pulumi.Output[str]:
        """Address of the control plane; only of a cluster that is created here."""
        return self.output("endpoint")

    @property
    def ca_certificate(self) -> pulumi.Output[str]:
        """The control plane's certificate authority, base64; only of a cluster that is created here."""
        return self.output("ca_certificate")

    @property
    def kubeconfig(self) -> pulumi.Output[str]:
        """How kubectl and a Kubernetes provider reach it; holds no credential. Only of a cluster created here.

        Give the provider `cluster_identifier=cluster.identifier` too: without it, a kubeconfig that is not known yet
        replaces every object.
        """
        known = pulumi.Output.all(self.endpoint, self.ca_certificate)
        return known.apply(lambda both: json.dumps(gke_kubeconfig(both[0], both[1], self.config.name)))

    @property
    def identifier(self) -> pulumi.Output[str]:
        """What tells a Kubernetes provider this cluster from another; known at preview."""
        return self.output("identifier")

    @property
    def workload_pool(self) -> pulumi.Output[str]:
        """The Workload Identity pool."""
        return self.output("workload_pool")


class GpuNodePool(Component):
    """A node pool, with GPUs or without.

    Args:
        name: the pool's name; also the value of its nodes' label `cloud.google.com/gke-nodepool`.
        config: its settings.
        cluster: the cluster, as its component or by name. Given the component, the pool waits for its system pool.
        project: Google Cloud project. Omitted: the cluster component's, or the provider's.
        location: the cluster's region or zone. Omitted: the cluster component's, or the provider's.
        opts: Pulumi options.
    """

    def __init__(
        self,
        name: str,
        config: GpuNodePoolConfig,
        *,
        cluster: GkeCluster | pulumi.Input[str],
        project: str | None = None,
        location: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        self.config = config
        zones: tuple[str, ...] = ()
        if isinstance(cluster, GkeCluster):
            project, location, zones = cluster.config.project, cluster.config.location, cluster.config.zones
            opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[cluster]))
            cluster = cluster.name
        part = node_pool(name, config, cluster=Late("cluster"), project=project, location=location, cluster_zones=zones)
        self.shape = node_shape(name, config, location=location or "", cluster_zones=zones)
        super().__init__(part, values={"cluster": cluster}, opts=opts)

    @property
    def name(self) -> pulumi.Output[str]:
        """The pool's name."""
        return self.output("name")


class ComputeClass(Component):
    """An order of preference among machines.

    Args:
        name: the class's name; pods select it by `cloud.google.com/compute-class`.
        config: its settings.
        pools: the node pools its choices name, by key.
        opts: Pulumi options.
    """

    def __init__(
        self,
        name: str,
        config: ComputeClassConfig,
        *,
        pools: Mapping[str, GpuNodePoolConfig] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        self.config = config
        super().__init__(compute_class(name, config, pools=pools or {}), opts=opts)

    @property
    def name(self) -> pulumi.Output[str]:
        """The class's name."""
        return self.output("name")
