"""Istio routes: weights, header matches and subsets, with the DestinationRule that defines the subsets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ..core.config import (
    Config,
    Count,
    DnsLabel,
    DnsName,
    HostName,
    LabelKey,
    LabelValue,
    Percent,
    Seconds,
    defaults,
    patterned,
)
from ..core.errors import MisfitError, Problem
from ..core.manifest import metadata, object_item, without_none
from ..core.names import physical_name
from ..core.plan import Part

API = "networking.istio.io/v1"
"""The CRDs of istio.io/api v1.31.1 serve and store it, and still serve the v1beta1 of older examples."""
_WHOLE = 100
GatewayName = Annotated[
    str, patterned(r"^(mesh|[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$", "mesh, or namespace/name")
]


class HeaderMatch(Config):
    """A header's value; exactly one of the three."""

    exact: str | None = None
    """The whole value."""
    prefix: str | None = None
    """Its beginning."""
    regex: str | None = None
    """A regular expression (RE2) for the whole of it."""

    @model_validator(mode="after")
    def _one_way(self) -> HeaderMatch:
        ways = [way for way in ("exact", "prefix", "regex") if getattr(self, way) is not None]
        if len(ways) != 1:
            raise MisfitError(f"got {' and '.join(ways) or 'none'}; give exactly one of exact, prefix, regex")
        return self


class RouteRule(Config):
    """Where matching requests go; the first rule that matches decides."""

    headers: dict[Annotated[str, patterned(r"^[a-z0-9-]+$", "a header name in lower case")], HeaderMatch] = Field(
        default_factory=dict
    )
    """Headers that must all match. Omitted: every request matches."""
    path_prefix: Annotated[str, patterned(r"^/[!-~]*$", "a URL path such as /v1/health")] | None = None
    """How the path must begin. Omitted: any path."""
    to: Annotated[dict[DnsLabel, Percent], Field(min_length=1)]
    """Subsets and their shares in per cent, which sum to 100."""

    @model_validator(mode="after")
    def _weights_sum(self) -> RouteRule:
        total = sum(self.to.values())
        if total != _WHOLE:
            parts = " + ".join(str(weight) for weight in self.to.values())
            raise MisfitError(f"weights sum to {total} ({parts}); must be 100 in all", at=("to",))
        return self


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


class RouteConfig(Config):
    """A route to one model."""

    model: DnsLabel
    """The model's name in `models`."""
    hosts: Annotated[tuple[HostName, ...], Field(min_length=1)]
    """Host names clients use."""
    gateway: GatewayConfig | None = None
    """A gateway of the route's own. Omitted: none is made."""
    gateways: tuple[GatewayName, ...] = ()
    """Gateways that are there, `namespace/name`; `mesh` is for callers with sidecars. The model lets in callers from
    the namespace of the Gateway object; where the gateway's pods run in another, name that one in the model's
    `network.callers`. Omitted: the route's own gateway, otherwise mesh."""
    subsets: dict[DnsLabel, DnsLabel] = Field(default_factory=dict)
    """Names for the model's versions, such as v1: stable. Omitted: the versions' own names."""
    rules: Annotated[tuple[RouteRule, ...], Field(min_length=1)]
    """Rules in order; the last one should match every request."""
    timeout_seconds: Seconds | None = None
    """Longest answer. Omitted: no limit, because a generation streams for minutes."""
    load_balancing: LoadBalancing = defaults(LoadBalancing)
    """How pods share requests. Omitted: fewest open requests first."""

    @model_validator(mode="after")
    def _rules_are_reachable(self) -> RouteConfig:
        open_rules = [n for n, rule in enumerate(self.rules) if not rule.headers and not rule.path_prefix]
        first = open_rules[0] if open_rules else len(self.rules)
        MisfitError.raise_all(
            [
                Problem(("rules", number), f"is never reached: rules[{first}] matches every request; move it up")
                for number in range(first + 1, len(self.rules))
            ]
        )
        return self


def virtual_service(
    name: str,
    config: RouteConfig,
    *,
    namespace: str,
    host: str,
    port: int,
    subsets: Mapping[str, Mapping[str, str]],
    after: tuple[str, ...] = (),
    path: tuple[str | int, ...] = (),
) -> Part:
    """A VirtualService and its DestinationRule.

    Args:
        name: the route's name; both objects carry it.
        config: its settings.
        namespace: namespace of the model, and of both objects.
        host: the model's Service in the cluster's DNS.
        port: port of that Service.
        subsets: the subsets' names, each with the pod labels that define it; empty when there is one version.
        after: keys of the parts that come first.
        path: where the settings stand in the stack file.
    """
    items = []
    gateways = list(config.gateways)
    if config.gateway:
        items.append(object_item("gateway", name, _gateway(name, config, config.gateway)))
        gateways.insert(0, f"{config.gateway.namespace}/{name}")
    items.append(object_item("destination-rule", name, _destination_rule(name, config, namespace, host, subsets)))
    manifest = {
        "apiVersion": API,
        "kind": "VirtualService",
        "metadata": metadata(name, namespace),
        "spec": {
            "hosts": list(config.hosts),
            "gateways": gateways or ["mesh"],
            "http": [_http(rule, config, host, port, subsets) for rule in config.rules],
        },
    }
    # The rule that uses subsets comes after the one that defines them, or Envoy answers 503 in between.
    items.append(object_item("virtual-service", name, manifest, after=("destination-rule",)))
    outputs = {"hosts": list(config.hosts), "namespace": namespace, "gateways": gateways or ["mesh"]}
    return Part("VirtualService", name, tuple(items), outputs, after, path)


def _http(
    rule: RouteRule, config: RouteConfig, host: str, port: int, subsets: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    match = without_none(
        headers={name: header.model_dump(exclude_none=True) for name, header in rule.headers.items()} or None,
        uri={"prefix": rule.path_prefix} if rule.path_prefix else None,
    )
    return without_none(
        match=[match] if match else None,
        route=[
            {
                "destination": without_none(host=host, subset=name if subsets else None, port={"number": port}),
                "weight": weight,
            }
            for name, weight in rule.to.items()
        ],
        timeout=f"{config.timeout_seconds}s" if config.timeout_seconds else None,
        # Istio retries twice by default, and each retry would run the generation again.
        retries={"attempts": 0},
    )


def _destination_rule(
    name: str, config: RouteConfig, namespace: str, host: str, subsets: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    balancing = config.load_balancing
    pool = without_none(
        tcp={"maxConnections": balancing.max_connections} if balancing.max_connections else None,
        http={"http1MaxPendingRequests": balancing.max_pending_requests} if balancing.max_pending_requests else None,
    )
    return {
        "apiVersion": API,
        "kind": "DestinationRule",
        "metadata": metadata(name, namespace),
        "spec": without_none(
            host=host,
            trafficPolicy=without_none(loadBalancer={"simple": balancing.simple}, connectionPool=pool or None),
            subsets=[{"name": subset, "labels": dict(labels)} for subset, labels in subsets.items()] or None,
        ),
    }


def _gateway(name: str, config: RouteConfig, gateway: GatewayConfig) -> dict[str, Any]:
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
