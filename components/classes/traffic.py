"""Pulumi components of the traffic domain."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from ..traffic.backends.istio import IstioRoute
from ..traffic.route import RouteTarget
from .component import Component


class VirtualService(Component):
    """An Istio route with the DestinationRule that defines its subsets.

    Args:
        name: the route's name; both objects carry it.
        config: its settings.
        namespace: namespace of the model it leads to.
        host: the model's Service in the cluster's DNS, such as `chat.inference.svc.cluster.local`.
        port: port of that Service. Omitted: 80.
        subsets: subsets' names, each with the pod labels that define it. Omitted: the model has one version.
        opts: Pulumi options.
    """

    def __init__(
        self,
        name: str,
        config: IstioRoute,
        *,
        namespace: str,
        host: str,
        port: int = 80,
        subsets: Mapping[str, Mapping[str, str]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        target = RouteTarget(namespace, host, port, subsets or {})
        super().__init__(config.part(name, target), opts=opts)
        self.config = config
