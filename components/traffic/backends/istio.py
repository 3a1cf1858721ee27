"""Istio routes: a VirtualService, the DestinationRule that defines its subsets, and the Gateway that is asked for."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ...core.config import Config, Count, DnsLabel, DnsName, LabelKey, LabelValue, defaults, patterned
from ...core.manifest import metadata, object_item, without_none
from ...core.names import physical_name
from ...core.plan import Part
from ..route import RouteRule, RouteSettings, RouteTarget

API = "networking.istio.io/v1"
"""The CRDs of istio.io/api v1.31.1 serve and store it, and still serve the v1beta1 of older examples."""
GatewayName = Annotated[
    str, patterned(r"^(mesh|[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$", "mesh, or namespace/name")
]


class GatewayConfig(Config):
    """A door into the mesh that the stack makes, on an ingress gateway that is there."""

    selector: dict[LabelKey, LabelValue] = Field(default_factory=lambda: {"istio": "ingressgateway"})
    """Labels of the ingress gateway's pods. Omitted: istio: ingressgateway."""
    namespace: DnsLabel = "istio-ingress"
    """Namespace of the ingress gateway's pods, which may then call the model. Omitted: istio-ingress."""
    tls_secret: DnsName | None = None
    """Secret with the certificate, in the gateway's namespace. Omitted: plain HTTP on port 80."""


class LoadBalancing(Config):
    """How pods of one subset share requests."""

    simple: Literal["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM"] = "LEAST_REQUEST"
    """Istio's own names. Omitted: LEAST_REQUEST, because generations differ in length."""
    max_connections: Count | None = None
    """TCP connections to the model. Omitted: Istio's default, no limit in practice."""
    max_pending_requests: Count | None = None
    """Requests that wait for a connection; more are answered 503. Omitted: Istio's default."""


class IstioRoute(RouteSettings):
    """A route to one model through Istio."""

    COMPONENT: ClassVar[str] = "VirtualService"
    TITLE: ClassVar[str] = "Istio"
    NEEDS: ClassVar[tuple[str, ...]] = ("istio",)
    WAITS_FOR: ClassVar[tuple[str, ...]] = ("istio", "istio_ingress")

    kind: Literal["istio"] = "istio"
    """What implements the route: Istio. Omitted: istio."""
    gateway: GatewayConfig | None = None
    """A gateway of the route's own. Omitted: none is made."""
    gateways: tuple[GatewayName, ...] = ()
    """Gateways that are there, `namespace/name`; `mesh` is for callers with sidecars. The model lets in callers from
    the namespace of the Gateway object; where the gateway's pods run in another, name that one in the model's
    `network.callers`. Omitted: the route's own gateway, otherwise mesh."""
    load_balancing: LoadBalancing = defaults(LoadBalancing)
    """How pods share requests. Omitted: fewest open requests first."""

    @property
    def callers(self) -> tuple[str, ...]:
        """Namespaces of the gateways."""
        own = (self.gateway.namespace,) if self.gateway else ()
        return (*own, *(gateway.partition("/")[0] for gateway in self.gateways if "/" in gateway))

    def door(self, name: str) -> str:
        """Its gateways; the mesh where it has none."""
        return f"gateway {self.gateway.namespace}/{name}" if self.gateway else ", ".join(self.gateways) or "mesh"

    def part(
        self, name: str, target: RouteTarget, *, after: tuple[str, ...] = (), path: tuple[str | int, ...] = ()
    ) -> Part:
        """A VirtualService and its DestinationRule, both with the route's name; the gateway's carries it too."""
        items = []
        gateways = list(self.gateways)
        if self.gateway:
            items.append(object_item("gateway", name, _gateway(name, self, self.gateway)))
            gateways.insert(0, f"{self.gateway.namespace}/{name}")
        items.append(object_item("destination-rule", name, _destination_rule(name, self, target)))
        manifest = {
            "apiVersion": API,
            "kind": "VirtualService",
            "metadata": metadata(name, target.namespace),
            "spec": {
                "hosts": list(self.hosts),
                "gateways": gateways or ["mesh"],
                "http": [_http(rule, self, target) for rule in self.rules],
            },
        }
        # The rule that uses subsets comes after the one that defines them, or Envoy answers 503 in between.
        items.append(object_item("virtual-service", name, manifest, after=("destination-rule",)))
        outputs = {"hosts": list(self.hosts), "namespace": target.namespace, "gateways": gateways or ["mesh"]}
        return Part(self.COMPONENT, name, tuple(items), outputs, after, path)


def _http(rule: RouteRule, config: IstioRoute, target: RouteTarget) -> dict[str, Any]:
    match = without_none(
        headers={name: header.model_dump(exclude_none=True) for name, header in rule.headers.items()} or None,
        uri={"prefix": rule.path_prefix} if rule.path_prefix else None,
    )
    return without_none(
        match=[match] if match else None,
        route=[
            {
                "destination": without_none(
                    host=target.host, subset=name if target.subsets else None, port={"number": target.port}
                ),
                "weight": weight,
            }
            for name, weight in rule.to.items()
        ],
        timeout=f"{config.timeout_seconds}s" if config.timeout_seconds else None,
        # Istio retries twice by default, and each retry would run the generation again.
        retries={"attempts": 0},
    )


def _destination_rule(name: str, config: IstioRoute, target: RouteTarget) -> dict[str, Any]:
    balancing = config.load_balancing
    pool = without_none(
        tcp={"maxConnections": balancing.max_connections} if balancing.max_connections else None,
        http={"http1MaxPendingRequests": balancing.max_pending_requests} if balancing.max_pending_requests else None,
    )
    return {
        "apiVersion": API,
        "kind": "DestinationRule",
        "metadata": metadata(name, target.namespace),
        "spec": without_none(
            host=target.host,
            trafficPolicy=without_none(loadBalancer={"simple": balancing.simple}, connectionPool=pool or None),
            subsets=[{"name": subset, "labels": dict(labels)} for subset, labels in target.subsets.items()] or None,
        ),
    }


def _gateway(name: str, config: IstioRoute, gateway: GatewayConfig) -> dict[str, Any]:
    server: dict[str, Any] = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": list(config.hosts)}
    if gateway.tls_secret:
        server |= {
            "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
            "tls": {"mode": "SIMPLE", "credentialName": gateway.tls_secret},
        }
    return {
        "apiVersion": API,
        "kind": "Gateway",
        "metadata": metadata(physical_name(name), gateway.namespace),
        "spec": {"selector": dict(gateway.selector), "servers": [server]},
    }
