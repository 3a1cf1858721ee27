"""Traffic: routes that lead nowhere, Services that select nothing, and what Istio does with routes that overlap."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..core.errors import Path, did_you_mean, nearest
from ..core.plan import Item, Part
from ..reading.index import Index
from ..reading.workload import Workload, has_labels, listed, namespace_of, pairs, place
from ..traffic.backends.registry import ROUTES
from .rule import Fault, rule

_CLUSTER = ".svc.cluster.local"
_WHOLE = 100
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class Destination(NamedTuple):
    """One place a route sends requests to, and the rule it stands in."""

    part: Part
    route: Item
    section: str
    number: int
    rule: Mapping[str, Any]
    host: str
    subset: str
    port: int | None
    weight: int | None

    @property
    def subject(self) -> str:
        """How messages name the route."""
        return f"VirtualService {self.route.object_name}"

    @property
    def service(self) -> tuple[str, str] | None:
        """Namespace and name of the Service it means; None for a host outside the cluster."""
        return service_of(self.host, namespace_of(self.route))

    @property
    def takes_requests(self) -> bool:
        """Whether any share of requests goes there; a share of 0 stands by."""
        return self.weight != 0

    def at(self) -> Path:
        """Where its rule stands in the configuration."""
        steps = ("rules", self.number, "to", self.subset) if self.subset else ("rules", self.number)
        return place(self.part, *steps) if self.part.kind in ROUTES else place(self.part)


@rule("unknown-host", "traffic", "error")
def unknown_host(index: Index) -> Iterator[Fault]:
    """A route to a host that nothing in the plan answers.

    Envoy has no endpoints for it and answers 503. Istio completes a name without dots with the route's own namespace
    and takes any other name as it is, so `llama.production` means nothing to it: the whole name is
    `llama.production.svc.cluster.local`. Source: istio.io/latest/docs/reference/config/networking/virtual-service,
    Destination.

    Fix: name a Service of the plan, or add a ServiceEntry for a host outside the cluster.
    """
    outside = {host for _, item in index.objects("ServiceEntry") for host in item.properties["spec"].get("hosts", ())}
    names = [f"{name}.{namespace}{_CLUSTER}" for namespace, name in index.services]
    for found in _destinations(index):
        service = found.service
        if found.host not in outside and (service is None or service not in index.services):
            yield Fault(
                found.at(),
                f"{found.subject} sends requests to {found.host}, which is no Service of this environment: "
                "they would be answered 503",
                (_near_host(found.host, names),),
            )


@rule("unknown-port", "traffic", "error")
def unknown_port(index: Index) -> Iterator[Fault]:
    """A route to a port its Service does not have.

    Envoy has no cluster for that port and answers 503. A Service with several ports needs one to be named. Source:
    istio.io/latest/docs/reference/config/networking/virtual-service, Destination.

    Fix: name a port of the Service: the one clients call, not the container's.
    """
    for found in _destinations(index):
        if (known := index.services.get(found.service or ("", ""))) is None:
            continue
        service = known[1]
        ports = [port["port"] for port in service.properties["spec"].get("ports", ())]
        if found.port not in ports and not (found.port is None and len(ports) == 1):
            what = f"port {found.port}" if found.port else "no port"
            listing = ", ".join(map(str, ports)) or "none"
            yield Fault(
                found.at(),
                f"{found.subject} names {what} of Service {service.object_name}, which has {listing}: requests would "
                "be answered 503",
                tuple(f"use port {port}" for port in ports),
            )


@rule("unknown-subset", "traffic", "error")
def unknown_subset(index: Index) -> Iterator[Fault]:
    """A route to a subset that no DestinationRule of its host defines.

    Envoy has no cluster for it and answers 503. Source: istio.io/latest/docs/ops/common-problems/network-issues,
    "503 errors after setting destination rule".

    Fix: define the subset, or name one that is defined.
    """
    subsets = _subsets(index)
    for found in _destinations(index):
        service = found.service
        defined = subsets.get(service, {}) if service else {}
        if found.subset and service in index.services and found.subset not in defined:
            yield Fault(
                found.at(),
                f"{found.subject} sends requests to subset {found.subset} of {found.host}, which no DestinationRule "
                "defines: they would be answered 503",
                (did_you_mean(found.subset, defined, "a subset"),),
            )


@rule("empty-subset", "traffic", "error")
def empty_subset(index: Index) -> Iterator[Fault]:
    """A route that gives requests to a subset without pods.

    A subset holds those endpoints of its Service whose pods carry all its labels: the Service must select them too.
    So the standby colour of a blue-green pair is an empty subset, because the Service selects the active colour only;
    requests to it are answered 503. A subset with a share of 0 may be empty. Source:
    istio.io/latest/docs/reference/config/networking/destination-rule, Subset.

    Fix: give the subset labels that pods behind the Service carry, or give it no share.
    """
    subsets = _subsets(index)
    for found in _destinations(index):
        service = index.services.get(found.service or ("", ""))
        labels = subsets.get(found.service or ("", ""), {}).get(found.subset)
        if service is None or labels is None or not found.takes_requests:
            continue
        selector = service[1].properties["spec"].get("selector")
        pods = index.behind(service[1])
        if selector and not any(pod.runs and has_labels(pod.labels, labels) for pod in pods):
            share = f"{found.weight} % of its requests" if found.weight is not None else "its requests"
            yield Fault(
                found.at(),
                f"{found.subject} sends {share} to subset {found.subset}, but no pod carries both {pairs(labels)} and "
                f"what Service {service[1].object_name} selects ({pairs(selector)}): they would be answered 503",
                tuple(_fuller(subsets[found.service or ("", "")], pods, found.subset)),
            )


@rule("weights-not-100", "traffic", "error")
def weights_not_100(index: Index) -> Iterator[Fault]:
    """Shares of a route that do not sum to 100.

    Istio takes them as proportions, so 90 and 20 become 82 % and 18 % without a word, and a sum of 0 is refused.
    Source: istio.io/latest/docs/reference/config/networking/virtual-service, HTTPRouteDestination.weight.

    Fix: make the shares sum to 100.
    """
    for part, item in index.objects("VirtualService"):
        for section, number, routing in _rules(item):
            weights = [entry.get("weight") for entry in routing.get("route", ())]
            shares = [weight or 0 for weight in weights]
            if len(weights) < 2 and None in (*weights, None) and sum(shares) in (0, _WHOLE):  # noqa: PLR2004 - a lone one
                continue
            if sum(shares) != _WHOLE:
                yield Fault(
                    place(part, "rules", number, "to") if part.kind in ROUTES else place(part),
                    f"VirtualService {item.object_name}: the shares of {section} rule {number + 1} sum to "
                    f"{sum(shares)} ({' + '.join(map(str, shares))}), not 100",
                    ("make them sum to 100",),
                )


@rule("host-routed-twice", "traffic", "error")
def host_routed_twice(index: Index) -> Iterator[Fault]:
    """Two VirtualServices for one host on one gateway.

    At a gateway Istio merges them in the order they were created, so which rule decides depends on history and changes
    when one is replaced; for sidecars (`mesh`) it takes one and ignores the other. Sources:
    istio.io/latest/docs/ops/best-practices/traffic-management, "Split large virtual services"; analysis message
    IST0109.

    Fix: write one route with all rules, in the order they should decide.
    """
    seen: dict[tuple[str, str], Item] = {}
    for part, item in index.objects("VirtualService"):
        spec = item.properties["spec"]
        for gateway in spec.get("gateways") or ("mesh",):
            for host in spec.get("hosts", ()):
                first = seen.setdefault((_gateway(gateway, item), _whole_name(host, item)), item)
                if first is not item:
                    yield Fault(
                        place(part, "hosts") if part.kind in ROUTES else place(part),
                        f"{host} is routed by VirtualService {first.object_name} and by {item.object_name} on the same "
                        f"gateway ({gateway}): Istio {_MERGE[gateway == 'mesh']}",
                        (f"move its rules into {first.object_name}", "give one of them another host"),
                    )


@rule("host-ruled-twice", "traffic", "warning")
def host_ruled_twice(index: Index) -> Iterator[Fault]:
    """Two DestinationRules for one Service.

    Istio merges their subsets, and keeps the load balancing and connection limits of the older rule only; a subset
    defined by both is taken from the older one. Source: istio.io/latest/docs/ops/best-practices/traffic-management,
    "Multiple virtual services and destination rules for the same host".

    Fix: keep one route a model, with all its rules.
    """
    seen: dict[tuple[str, str], Item] = {}
    for part, item in index.objects("DestinationRule"):
        host = item.properties["spec"]["host"]
        service = service_of(host, namespace_of(item)) or ("", host)
        first = seen.setdefault(service, item)
        if first is not item:
            yield Fault(
                place(part),
                f"DestinationRules {first.object_name} and {item.object_name} are both about {host}: Istio keeps the "
                "load balancing of the older one only",
                (f"move its rules into the route {first.object_name}",),
            )


@rule("no-default-route", "traffic", "warning")
def no_default_route(index: Index) -> Iterator[Fault]:
    """A route whose last rule does not match every request.

    What matches no rule is answered 404. That may be meant for an API with known paths; with header rules it usually
    is not. Source: istio.io/latest/docs/ops/best-practices/traffic-management, "Set default routes for services".

    Fix: end with a rule without conditions.
    """
    for part, item in index.objects("VirtualService"):
        rules = item.properties["spec"].get("http", ())
        if rules and all(rules[-1].get("match") or ({},)):
            yield Fault(
                place(part, "rules") if part.kind in ROUTES else place(part),
                f"VirtualService {item.object_name}: requests that match none of its rules are answered 404",
                ("add a last rule without headers and path_prefix",),
            )


@rule("timeout-cuts-answers", "traffic", "error")
def timeout_cuts_answers(index: Index) -> Iterator[Fault]:
    """A route that gives up before the engine behind it would.

    How long an answer may take is already written in the environment: it is what the engine is given to finish open
    requests when its pod stops. A shorter timeout cuts generations that are allowed to last, with 504 after the GPU
    has done most of the work. Counted as the pod's grace period, less its preStop sleep and 15 s to end.

    Fix: raise the timeout, leave it out, or lower the drain time.
    """
    for found in _destinations(index):
        timeout = seconds(found.rule.get("timeout", ""))
        service = index.services.get(found.service or ("", ""))
        if not timeout or service is None:
            continue
        labels = _subsets(index).get(found.service or ("", ""), {}).get(found.subset, {})
        pods = [pod for pod in index.behind(service[1]) if pod.serves and has_labels(pod.labels, labels)]
        slowest = max(pods, key=lambda pod: pod.drain_seconds, default=None)
        if slowest and timeout < slowest.drain_seconds:
            drain = slowest.drain_seconds
            yield Fault(
                place(found.part, "timeout_seconds") if found.part.kind in ROUTES else place(found.part),
                f"{found.subject} answers 504 after {timeout:g} s, but {slowest.subject} lets requests last {drain} s "
                "when it stops",
                (f"timeout_seconds: {drain} or more", "leave timeout_seconds out: an answer may stream for minutes"),
            )


RULES = (
    unknown_host,
    unknown_port,
    unknown_subset,
    empty_subset,
    weights_not_100,
    host_routed_twice,
    timeout_cuts_answers,
    host_ruled_twice,
    no_default_route,
)
"""In the order they are told."""

_MERGE = {
    False: "merges them in the order they were created",
    True: "takes one for sidecars and ignores the other",
}


def service_of(host: str, namespace: str) -> tuple[str, str] | None:
    """Namespace and name of the Service that Istio understands by a host; None for a host outside the cluster."""
    if "." not in host:
        return namespace, host
    if not host.endswith(_CLUSTER):
        return None
    name, _, where = host.removesuffix(_CLUSTER).partition(".")
    return (where, name) if where and "." not in where else None


def seconds(duration: str) -> float:
    """A duration as Istio writes it (`90s`, `1m30s`) in seconds; 0 when there is none or it is switched off."""
    return sum(float(amount) * _UNITS[unit] for amount, unit in _DURATION.findall(duration))


def _rules(route: Item) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    spec = route.properties.get("spec", {})
    for section in ("http", "tls", "tcp"):
        for number, routing in enumerate(spec.get(section, ())):
            yield section, number, routing


def _destinations(index: Index) -> Iterator[Destination]:
    """Every place that every route sends requests to, mirrors included."""
    for part, item in index.objects("VirtualService"):
        for section, number, routing in _rules(item):
            mirrors = [{"destination": routing["mirror"]}] if "mirror" in routing else []
            for entry in (*routing.get("route", ()), *mirrors, *routing.get("mirrors", ())):
                to = entry["destination"]
                port = to.get("port", {}).get("number")
                weight = entry.get("weight")
                yield Destination(part, item, section, number, routing, to["host"], to.get("subset", ""), port, weight)


def _subsets(index: Index) -> Mapping[tuple[str, str], Mapping[str, Mapping[str, str]]]:
    """The subsets of each Service by name, with their labels."""
    return index.once("subsets", _find_subsets)


def _find_subsets(index: Index) -> Mapping[tuple[str, str], Mapping[str, Mapping[str, str]]]:
    found: dict[tuple[str, str], dict[str, Mapping[str, str]]] = defaultdict(dict)
    for _, item in index.objects("DestinationRule"):
        spec = item.properties["spec"]
        if service := service_of(spec["host"], namespace_of(item)):
            for subset in spec.get("subsets", ()):
                found[service].setdefault(subset["name"], subset.get("labels", {}))
    return found


def _near_host(host: str, names: list[str]) -> str:
    match = nearest(host, names)
    return f"did you mean {match}?" if match else f"use a host of: {listed(names)}"


def _fuller(subsets: Mapping[str, Mapping[str, str]], pods: list[Workload], empty: str) -> Iterator[str]:
    running = [pod for pod in pods if pod.runs]
    full = [name for name, labels in subsets.items() if any(has_labels(pod.labels, labels) for pod in running)]
    if full:
        yield f"send them to {' or '.join(full)}, which has pods"
    if any(pod.part.kind == "BlueGreen" for pod in pods) and "color" in subsets[empty]:
        yield f"rollout.active: {subsets[empty]['color']}, which moves all requests there"
    yield f"give {empty} the share 0 until the Service selects its pods"


def _gateway(gateway: str, route: Item) -> str:
    return gateway if gateway == "mesh" or "/" in gateway else f"{namespace_of(route)}/{gateway}"


def _whole_name(host: str, route: Item) -> str:
    return host if "." in host or host == "*" else f"{host}.{namespace_of(route)}{_CLUSTER}"
