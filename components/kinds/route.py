"""What a route says, whoever leads the requests: hosts, gateways, and rules with the Services they send them to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from . import names
from .lenient import entries, inside, pairs, text, words

SERVICE_SUFFIX = ".svc.cluster.local"
"""Ends the whole name of a Service, `llama.production.svc.cluster.local`."""
MESH = "mesh"
"""The gateway of callers with sidecars, as Istio calls it."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_SECTIONS: tuple[Section, ...] = ("http", "tls", "tcp")

Section = Literal["http", "tls", "tcp"]
ServiceName = tuple[str, str]
"""Namespace and name."""


class Destination(NamedTuple):
    """One place a rule sends requests to.

    Attributes:
        kind: what it is: `Service`, or what else a HTTPRoute names, such as `InferencePool`.
        host: as the route names it.
        service: the Service that means; `None` for a host outside the cluster, and for no Service.
        subset: the subset of its pods; empty for all.
        port: number of the Service's port; `None` where the route names none.
        weight: its share as the route has it; `None` where it has none.
        mirror: whether it gets a copy of each request, and nobody waits for its answer.
    """

    kind: str
    host: str
    service: ServiceName | None
    subset: str
    port: int | None
    weight: int | None
    mirror: bool = False

    @property
    def takes_requests(self) -> bool:
        """Whether any share of requests goes there; a share of 0 stands by."""
        return self.weight != 0


class RoutingRule(NamedTuple):
    """One rule of a route.

    Attributes:
        section: what it is about; rules of each are numbered on their own.
        number: its place there, from 0.
        destinations: where it sends requests, mirrors last.
        matches_all: whether it matches every request.
        timeout_seconds: how long an answer may take; 0 where nothing limits it.
    """

    section: Section
    number: int
    destinations: tuple[Destination, ...]
    matches_all: bool
    timeout_seconds: float

    @property
    def shares(self) -> tuple[Destination, ...]:
        """The destinations that share the rule's requests."""
        return tuple(one for one in self.destinations if not one.mirror)


class Route(NamedTuple):
    """What a route says.

    Attributes:
        kind: the object's, `VirtualService` or `HTTPRoute`.
        hosts: host names it is for, each whole: `llama.production.svc.cluster.local` for `llama`.
        gateways: where requests come in: `namespace/name`, or `mesh`.
        rules: in order; the first that matches decides.
    """

    kind: str
    hosts: tuple[str, ...]
    gateways: tuple[str, ...]
    rules: tuple[RoutingRule, ...]


def route_of(kind: str, manifest: Mapping[str, Any], namespace: str) -> Route | None:
    """What a route says; `None` for an object of any other kind.

    Args:
        kind: the object's kind.
        manifest: the object.
        namespace: where it is.
    """
    spec = inside(manifest, "spec")
    match kind:
        case names.VIRTUAL_SERVICE:
            gateways = words(spec.get("gateways")) or (MESH,)
            return Route(
                kind,
                tuple(_whole_name(host, namespace) for host in words(spec.get("hosts"))),
                tuple(name if name == MESH or "/" in name else f"{namespace}/{name}" for name in gateways),
                tuple(_istio_rules(spec, namespace)),
            )
        case names.HTTP_ROUTE:
            return Route(
                kind,
                words(spec.get("hostnames")),
                tuple(
                    f"{text(parent.get('namespace'), namespace)}/{text(parent.get('name'))}"
                    for parent in entries(spec.get("parentRefs"))
                ),
                tuple(_gateway_rules(spec, namespace)),
            )
    return None


def service_of(host: str, namespace: str) -> ServiceName | None:
    """Namespace and name of the Service that Istio understands by a host; `None` for a host outside the cluster."""
    if "." not in host:
        return namespace, host
    if not host.endswith(SERVICE_SUFFIX):
        return None
    name, _, where = host.removesuffix(SERVICE_SUFFIX).partition(".")
    return (where, name) if where and "." not in where else None


def seconds(duration: object) -> float:
    """A duration as routes write it (`90s`, `1m30s`) in seconds; 0 when there is none or it is switched off."""
    return sum(float(amount) * _UNITS[unit] for amount, unit in _DURATION.findall(text(duration)))


class Subsets(NamedTuple):
    """What a DestinationRule says of a host.

    Attributes:
        host: as it names it.
        service: the Service that means; `None` for a host outside the cluster.
        labels: of each subset's pods, by its name.
    """

    host: str
    service: ServiceName | None
    labels: Mapping[str, Mapping[str, Any]]


def subsets_of(manifest: Mapping[str, Any], namespace: str) -> Subsets:
    """What a DestinationRule says."""
    spec = inside(manifest, "spec")
    host = text(spec.get("host"))
    labels: dict[str, Mapping[str, Any]] = {}
    for subset in entries(spec.get("subsets")):
        labels.setdefault(text(subset.get("name")), pairs(subset.get("labels")))
    return Subsets(host, service_of(host, namespace), labels)


def outside_hosts(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The hosts outside the cluster that a ServiceEntry makes known."""
    return words(inside(manifest, "spec").get("hosts"))


def _whole_name(host: str, namespace: str) -> str:
    return host if "." in host or host == "*" else f"{host}.{namespace}{SERVICE_SUFFIX}"


def _istio_rules(spec: Mapping[str, Any], namespace: str) -> Iterator[RoutingRule]:
    for section in _SECTIONS:
        for number, rule in enumerate(entries(spec.get(section))):
            shares = [
                _istio_destination(inside(entry, "destination"), entry.get("weight"), namespace)
                for entry in entries(rule.get("route"))
            ]
            copies = [inside(rule, "mirror")] if rule.get("mirror") else []
            copies += [inside(entry, "destination") for entry in entries(rule.get("mirrors"))]
            shares += [_istio_destination(copy, None, namespace)._replace(mirror=True) for copy in copies]
            matches = entries(rule.get("match"))
            yield RoutingRule(section, number, tuple(shares), not all(matches or ({},)), seconds(rule.get("timeout")))


def _istio_destination(to: Mapping[str, Any], weight: Any, namespace: str) -> Destination:
    host = text(to.get("host"))
    port = _count(inside(to, "port").get("number"))
    return Destination("Service", host, service_of(host, namespace), text(to.get("subset")), port, _count(weight))


def _gateway_rules(spec: Mapping[str, Any], namespace: str) -> Iterator[RoutingRule]:
    for number, rule in enumerate(entries(spec.get("rules"))):
        shares = [_gateway_destination(entry, namespace) for entry in entries(rule.get("backendRefs"))]
        copies = [inside(step, "requestMirror", "backendRef") for step in entries(rule.get("filters"))]
        mirrors = (_gateway_destination(copy, namespace) for copy in copies if copy)
        shares += [mirror._replace(weight=None, mirror=True) for mirror in mirrors]
        matches = entries(rule.get("matches"))
        # Each match that names no path has the path prefix `/` (gateway.networking.k8s.io/v1, HTTPRouteMatch).
        yield RoutingRule(
            "http",
            number,
            tuple(shares),
            not matches or any(_matches_all(match) for match in matches),
            seconds(inside(rule, "timeouts").get("request")),
        )


def _gateway_destination(to: Mapping[str, Any], namespace: str) -> Destination:
    kind, name, where = text(to.get("kind"), "Service"), text(to.get("name")), text(to.get("namespace"), namespace)
    return Destination(
        kind,
        name if where == namespace else f"{name}.{where}",
        (where, name) if kind == "Service" else None,
        "",
        _count(to.get("port")),
        _count(to.get("weight")),
    )


def _matches_all(match: Mapping[str, Any]) -> bool:
    path = inside(match, "path")
    anything = text(path.get("type"), "PathPrefix") == "PathPrefix" and text(path.get("value"), "/") == "/"
    return anything and not any(match.get(field) for field in ("headers", "queryParams", "method"))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
