"""Traffic: routes that lead nowhere, Services that select nothing, and what Istio does with routes that overlap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..core.errors import Path, did_you_mean, nearest
from ..core.words import listed
from ..kinds import names
from ..kinds.route import MESH, SERVICE_SUFFIX, Destination, Route, RoutingRule, Subsets, outside_hosts
from ..kinds.selector import has_labels
from ..reading.index import Index, Owned
from ..reading.workload import Workload, pairs, place
from ..traffic.backends.registry import ROUTES
from .rule import Fault, rule

_WHOLE = 100
_UNANSWERED = {names.VIRTUAL_SERVICE: 503, names.HTTP_ROUTE: 500}
"""What requests are answered that a route sends nowhere: by Envoy, and by any gateway of the Gateway API
(gateway-api.sigs.k8s.io/reference/spec, HTTPRouteRule.backendRefs)."""


class _Sent(NamedTuple):
    """One place a route sends requests to, and the rule it stands in."""

    route: Owned[Route]
    rule: RoutingRule
    to: Destination

    @property
    def subject(self) -> str:
        """How messages name the route."""
        return _subject(self.route)

    @property
    def answered(self) -> str:
        """What its requests are answered where they cannot be sent there."""
        return f"they would be answered {_UNANSWERED[self.route.says.kind]}"

    def at(self) -> Path:
        """Where its rule stands in the configuration."""
        number, subset = self.rule.number, self.to.subset
        return _place(self.route, *(("rules", number, "to", subset) if subset else ("rules", number)))


@rule("unknown-host", "traffic", "error")
def unknown_host(index: Index) -> Iterator[Fault]:
    """A route to a host that nothing in the plan answers.

    Envoy has no endpoints for it and answers 503. Istio completes a name without dots with the route's own namespace
    and takes any other name as it is, so `llama.production` means nothing to it: the whole name is
    `llama.production.svc.cluster.local`. Source: istio.io/latest/docs/reference/config/networking/virtual-service,
    Destination.

    Fix: name a Service of the plan, or add a ServiceEntry for a host outside the cluster.
    """
    outside = {host for _, item in index.objects("ServiceEntry") for host in outside_hosts(item.properties)}
    known = [f"{name}.{namespace}{SERVICE_SUFFIX}" for namespace, name in index.services]
    for sent in _sent(index):
        to = sent.to
        if to.kind == "Service" and to.host not in outside and to.service not in index.services:
            yield Fault(
                sent.at(),
                f"{sent.subject} sends requests to {to.host}, which is no Service of this environment: {sent.answered}",
                (_near_host(to.host, known),),
            )


@rule("unknown-port", "traffic", "error")
def unknown_port(index: Index) -> Iterator[Fault]:
    """A route to a port its Service does not have.

    Envoy has no cluster for that port and answers 503. A Service with several ports needs one to be named. Source:
    istio.io/latest/docs/reference/config/networking/virtual-service, Destination.

    Fix: name a port of the Service: the one clients call, not the container's.
    """
    for sent in _sent(index):
        if (service := index.services.get(sent.to.service or ("", ""))) is None:
            continue
        port, ports = sent.to.port, [port.number for port in service.says.ports]
        if port not in ports and not (port is None and len(ports) == 1):
            what = f"port {port}" if port else "no port"
            listing = ", ".join(map(str, ports)) or "none"
            yield Fault(
                sent.at(),
                f"{sent.subject} names {what} of Service {service.name}, which has {listing}: requests would be "
                f"answered {_UNANSWERED[sent.route.says.kind]}",
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
    for sent in _sent(index):
        to = sent.to
        defined = subsets.get(to.service, {}) if to.service else {}
        if to.subset and to.service in index.services and to.subset not in defined:
            yield Fault(
                sent.at(),
                f"{sent.subject} sends requests to subset {to.subset} of {to.host}, which no DestinationRule defines: "
                f"{sent.answered}",
                (did_you_mean(to.subset, defined, "a subset"),),
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
    for sent in _sent(index):
        to = sent.to
        service = index.services.get(to.service or ("", ""))
        labels = subsets.get(to.service or ("", ""), {}).get(to.subset)
        if service is None or labels is None or not to.takes_requests:
            continue
        selector = service.says.selector
        pods = index.behind(service)
        if selector and not any(pod.runs and has_labels(pod.labels, labels) for pod in pods):
            share = f"{to.weight} % of its requests" if to.weight is not None else "its requests"
            yield Fault(
                sent.at(),
                f"{sent.subject} sends {share} to subset {to.subset}, but no pod carries both {pairs(labels)} and what "
                f"Service {service.name} selects ({pairs(selector)}): {sent.answered}",
                tuple(_fuller(subsets[to.service or ("", "")], pods, to.subset)),
            )


@rule("weights-not-100", "traffic", "error")
def weights_not_100(index: Index) -> Iterator[Fault]:
    """Shares of a route that do not sum to 100.

    Istio takes them as proportions, so 90 and 20 become 82 % and 18 % without a word, and a sum of 0 is refused.
    Source: istio.io/latest/docs/reference/config/networking/virtual-service, HTTPRouteDestination.weight.

    Fix: make the shares sum to 100.
    """
    for route in _istio(index):
        for ruled in route.says.rules:
            weights = [to.weight for to in ruled.shares]
            shares = [weight or 0 for weight in weights]
            if len(weights) < 2 and None in (*weights, None) and sum(shares) in (0, _WHOLE):  # noqa: PLR2004 - a lone one
                continue
            if sum(shares) != _WHOLE:
                yield Fault(
                    _place(route, "rules", ruled.number, "to"),
                    f"{_subject(route)}: the shares of {ruled.section} rule {ruled.number + 1} sum to {sum(shares)} "
                    f"({' + '.join(map(str, shares))}), not 100",
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
    seen: dict[tuple[str, str], Owned[Route]] = {}
    for route in _istio(index):
        for gateway in route.says.gateways:
            for host in route.says.hosts:
                first = seen.setdefault((gateway, host), route)
                if first is not route:
                    yield Fault(
                        _place(route, "hosts"),
                        f"{host} is routed by {_subject(first)} and by {route.name} on the same gateway ({gateway}): "
                        f"Istio {_MERGE[gateway == MESH]}",
                        (f"move its rules into {first.name}", "give one of them another host"),
                    )


@rule("host-ruled-twice", "traffic", "warning")
def host_ruled_twice(index: Index) -> Iterator[Fault]:
    """Two DestinationRules for one Service.

    Istio merges their subsets, and keeps the load balancing and connection limits of the older rule only; a subset
    defined by both is taken from the older one. Source: istio.io/latest/docs/ops/best-practices/traffic-management,
    "Multiple virtual services and destination rules for the same host".

    Fix: keep one route a model, with all its rules.
    """
    seen: dict[tuple[str, str], Owned[Subsets]] = {}
    for found in index.subsets:
        host = found.says.host
        first = seen.setdefault(found.says.service or ("", host), found)
        if first is not found:
            yield Fault(
                place(found.part),
                f"DestinationRules {first.name} and {found.name} are both about {host}: Istio keeps the load balancing "
                "of the older one only",
                (f"move its rules into the route {first.name}",),
            )


@rule("no-default-route", "traffic", "warning")
def no_default_route(index: Index) -> Iterator[Fault]:
    """A route whose last rule does not match every request.

    What matches no rule is answered 404. That may be meant for an API with known paths; with header rules it usually
    is not. Source: istio.io/latest/docs/ops/best-practices/traffic-management, "Set default routes for services".

    Fix: end with a rule without conditions.
    """
    for route in index.routes:
        rules = [ruled for ruled in route.says.rules if ruled.section == "http"]
        if rules and not rules[-1].matches_all:
            yield Fault(
                _place(route, "rules"),
                f"{_subject(route)}: requests that match none of its rules are answered 404",
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
    for sent in _sent(index):
        timeout = sent.rule.timeout_seconds
        service = index.services.get(sent.to.service or ("", ""))
        if not timeout or service is None:
            continue
        labels = _subsets(index).get(sent.to.service or ("", ""), {}).get(sent.to.subset, {})
        pods = [pod for pod in index.behind(service) if pod.serves and has_labels(pod.labels, labels)]
        slowest = max(pods, key=lambda pod: pod.drain_seconds, default=None)
        if slowest and timeout < slowest.drain_seconds:
            drain = slowest.drain_seconds
            yield Fault(
                _place(sent.route, "timeout_seconds"),
                f"{sent.subject} answers 504 after {timeout:g} s, but {slowest.subject} lets requests last {drain} s "
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


def _subject(route: Owned[Route]) -> str:
    """How messages name a route."""
    return f"{route.says.kind} {route.name}"


def _place(route: Owned[Route], *field: str | int) -> Path:
    """Where a field of a route stands in the configuration; the component itself where it is no route of ours."""
    return place(route.part, *field) if route.part.kind in ROUTES else place(route.part)


def _istio(index: Index) -> Iterator[Owned[Route]]:
    """The routes that Istio takes; those of the Gateway API have shares of any sum, and merge as their API says."""
    return (route for route in index.routes if route.says.kind == names.VIRTUAL_SERVICE)


def _sent(index: Index) -> Iterator[_Sent]:
    """Every place that every route sends requests to, mirrors included."""
    for route in index.routes:
        for ruled in route.says.rules:
            for to in ruled.destinations:
                yield _Sent(route, ruled, to)


def _subsets(index: Index) -> Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]]:
    """The subsets of each Service by name, with their labels."""
    return index.once("subsets", _find_subsets)


def _find_subsets(index: Index) -> Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]]:
    found: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for one in index.subsets:
        if one.says.service:
            for name, labels in one.says.labels.items():
                found[one.says.service].setdefault(name, labels)
    return found


def _near_host(host: str, known: list[str]) -> str:
    match = nearest(host, known)
    return f"did you mean {match}?" if match else f"use a host of: {listed(known)}"


def _fuller(subsets: Mapping[str, Mapping[str, str]], pods: list[Workload], empty: str) -> Iterator[str]:
    running = [pod for pod in pods if pod.runs]
    full = [name for name, labels in subsets.items() if any(has_labels(pod.labels, labels) for pod in running)]
    if full:
        yield f"send them to {' or '.join(full)}, which has pods"
    if any(pod.part.kind == "BlueGreen" for pod in pods) and "color" in subsets[empty]:
        yield f"rollout.active: {subsets[empty]['color']}, which moves all requests there"
    yield f"give {empty} the share 0 until the Service selects its pods"
