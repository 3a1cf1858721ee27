"""The Service in front of a model server's pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ..core.config import Cidr, Config, Flag, Port
from ..core.manifest import metadata, object_item, without_none
from ..core.plan import Item


class ServiceConfig(Config):
    """How clients reach the pods."""

    type: Literal["ClusterIP", "LoadBalancer"] = "ClusterIP"
    """ClusterIP serves the cluster only; LoadBalancer asks the cloud for an address. Omitted: ClusterIP."""
    port: Port = 80
    """Port clients call; it leads to the container's own. Omitted: 80."""
    internal: Flag = True
    """Whether a LoadBalancer is reachable from the VPC only. Omitted: it is; false puts it on the internet."""
    allowed_ranges: tuple[Cidr, ...] = ()
    """Addresses a LoadBalancer answers. Omitted: every address that reaches it."""


def service_item(
    server: str,
    namespace: str,
    config: ServiceConfig,
    selector: Mapping[str, str],
    *,
    after: tuple[str, ...],
    timeout_seconds: int,
) -> Item:
    """The Service of a model server.

    Pulumi waits for a Service as long as any endpoint is not ready, hence the timeout: a model loads for minutes
    (pulumi-kubernetes@94977969 provider/pkg/await/service.go).
    """
    balanced = config.type == "LoadBalancer"
    spec: dict[str, Any] = without_none(
        type=config.type,
        selector=dict(selector),
        # A named port with its protocol is what Istio and gateways read.
        ports=[
            {"name": "http", "appProtocol": "http", "protocol": "TCP", "port": config.port, "targetPort": "http"},
        ],
        sessionAffinity="None",
        # Otherwise a second node forwards the call under its own address, and no NetworkPolicy knows the client.
        externalTrafficPolicy="Local" if balanced else None,
        loadBalancerSourceRanges=list(config.allowed_ranges) if balanced and config.allowed_ranges else None,
    )
    annotations = {"networking.gke.io/load-balancer-type": "Internal"} if balanced and config.internal else None
    manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(server, namespace, {"app": server}, annotations),
        "spec": spec,
    }
    return object_item("service", server, manifest, after=after, timeout_seconds=timeout_seconds)


def service_host(server: str, namespace: str) -> str:
    """The Service's name in the cluster's DNS."""
    return f"{server}.{namespace}.svc.cluster.local"


def service_url(server: str, namespace: str, config: ServiceConfig) -> str:
    """Where clients in the cluster call the Service."""
    port = "" if config.port == 80 else f":{config.port}"  # noqa: PLR2004 - http's own port
    return f"http://{service_host(server, namespace)}{port}"
