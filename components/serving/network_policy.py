"""Who may call a model server's pods, and whom they may call: everything else is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field

from ..core.config import Cidr, Config, DnsLabel, Flag, Port
from ..core.manifest import metadata, object_item
from ..core.plan import Item
from ..tenancy.network import addresses, dns_egress, in_namespaces, public_https, tcp

_LOAD_BALANCERS = ["35.191.0.0/16", "130.211.0.0/22"]
"""Google's load balancers and their health checks (cloud.google.com/load-balancing/docs/health-checks)."""


class EgressConfig(Config):
    """Something in the cluster that the pods call."""

    namespace: DnsLabel
    """Its namespace."""
    ports: Annotated[tuple[Port, ...], Field(min_length=1)]
    """Its TCP ports, as its pods listen on them."""


class NetworkConfig(Config):
    """Traffic to and from the pods, besides what their service needs."""

    callers: tuple[DnsLabel, ...] = ()
    """Namespaces that may call the pods. Their own may, and so may the gateways and Prometheus of the stack.
    Omitted: no others."""
    caller_ranges: tuple[Cidr, ...] = ()
    """Addresses outside the cluster that may call. Omitted: none but a LoadBalancer's clients."""
    egress: tuple[EgressConfig, ...] = ()
    """What else in the cluster the pods may call, such as a database. Omitted: nothing but DNS and a trace collector
    that the engine names."""
    internet: Flag | None = None
    """Whether the pods may call public addresses on port 443, to fetch models. Omitted: they may, unless they are
    offline. Hub downloads come from changing addresses, which a NetworkPolicy cannot name
    (huggingface.co/.well-known/meta.json)."""


def network_policy_item(
    server: str,
    namespace: str,
    config: NetworkConfig,
    *,
    balanced: bool,
    callers: Iterable[str] = (),
    cluster_ports: Iterable[int] = (),
    google_apis: bool = False,
    internet: bool = True,
    cache_ranges: Iterable[str] = (),
    peers: bool = False,
) -> Item:
    """The NetworkPolicy of a model server.

    Args:
        server: the model server's name; its pods carry it as `app`.
        namespace: their namespace.
        config: what the user allows besides.
        balanced: whether a LoadBalancer brings clients from outside.
        callers: further namespaces that may call: gateways, Prometheus.
        cluster_ports: TCP ports that the pods may call anywhere in the cluster.
        google_apis: whether the pods use Workload Identity and so need the metadata server.
        internet: whether the pods may call public addresses on port 443.
        cache_ranges: addresses that a model cache is read from, on port 443.
        peers: whether its pods talk to each other, as those of a replica that spans nodes do, on ports that they and
            NCCL choose at start.
    """
    names = sorted({*config.callers, *callers} - {namespace})
    sources: list[dict[str, Any]] = [{"podSelector": {}}, *(in_namespaces(name) for name in names)]
    sources += [addresses(cidr) for cidr in config.caller_ranges]
    if balanced and not config.caller_ranges:
        sources.append(addresses("0.0.0.0/0"))
    elif balanced:
        sources += [addresses(cidr) for cidr in _LOAD_BALANCERS]
    egress: list[dict[str, Any]] = [dns_egress()]
    if internet:
        egress.append(public_https())
    if cache_ranges:
        egress.append({"to": [addresses(cidr) for cidr in cache_ranges], "ports": [tcp(443)]})
    egress += [
        {"to": [in_namespaces(rule.namespace)], "ports": [tcp(port) for port in rule.ports]} for rule in config.egress
    ]
    ports = sorted(set(cluster_ports))
    if ports:
        egress.append({"to": [{"namespaceSelector": {}}], "ports": [tcp(port) for port in ports]})
    if google_apis:
        egress += _metadata_server()
    ingress: list[dict[str, Any]] = [{"from": sources, "ports": [{"protocol": "TCP", "port": "http"}]}]
    if peers:
        own = {"podSelector": {"matchLabels": {"app": server}}}
        ingress.append({"from": [own]})
        egress.append({"to": [own]})
    manifest = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(server, namespace, {"app": server}),
        "spec": {
            "podSelector": {"matchLabels": {"app": server}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": egress,
        },
    }
    return object_item("network-policy", server, manifest)


def _metadata_server() -> list[dict[str, Any]]:
    """Workload Identity's metadata server, with and without Dataplane V2 (gke-labs/kube-agents#777, #805)."""
    return [
        {"to": [addresses("169.254.169.254/32")], "ports": [tcp(80)]},
        {"to": [addresses("169.254.169.252/32")], "ports": [tcp(987), tcp(988)]},
    ]
