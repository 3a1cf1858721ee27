"""Rules of network policies that are the same whatever a pod runs: finding names, and calling public addresses."""

from __future__ import annotations

from functools import cache
from typing import Any

from ..core.manifest import Shared

NODE_LOCAL_DNS = "169.254.20.10/32"
"""NodeLocal DNSCache: default on GKE Standard since 1.34.1-gke.3720000, always on Autopilot."""
CLOUD_DNS = "169.254.169.254/32"
"""Cloud DNS answers at the metadata server's address; only port 53 is opened here."""

SERVICE_DNS = ("34.118.224.10/32", "10.96.0.10/32")
"""The DNS Service's own address in GKE's default Service range and in kubeadm's, for networks that judge a packet
before its address is translated (gke-labs/kube-agents@f4e8b934)."""

_PRIVATE = ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"]


def tcp(port: int) -> dict[str, Any]:
    """A policy's port."""
    return {"protocol": "TCP", "port": port}


def addresses(cidr: str, excluded: list[str] | None = None) -> dict[str, Any]:
    """A policy's peer: a range of addresses, less those of the `excluded` ranges."""
    return {"ipBlock": {"cidr": cidr, "except": list(excluded)} if excluded else {"cidr": cidr}}


def in_namespaces(*names: str) -> dict[str, Any]:
    """A policy's peer: every pod of the namespaces, which Kubernetes labels with their names."""
    key = "kubernetes.io/metadata.name"
    if len(names) == 1:
        return {"namespaceSelector": {"matchLabels": {key: names[0]}}}
    return {"namespaceSelector": {"matchExpressions": [{"key": key, "operator": "In", "values": list(names)}]}}


@cache
def dns_egress() -> Shared:
    """An egress rule that lets pods resolve names on every GKE flavour.

    It names the kube-dns and NodeLocal pods as well as their link-local addresses, because on Dataplane V2 an
    `ipBlock` never matches a pod (cilium semantics, tektoncd/operator#4000).
    """
    peers = [
        *(
            {**in_namespaces("kube-system"), "podSelector": {"matchLabels": {"k8s-app": app}}}
            for app in ("kube-dns", "node-local-dns")
        ),
        *({"ipBlock": {"cidr": cidr}} for cidr in (NODE_LOCAL_DNS, CLOUD_DNS, *SERVICE_DNS)),
    ]
    return Shared(to=peers, ports=[{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}])


@cache
def public_https() -> Shared:
    """An egress rule to port 443 of every public address: the Hub's and Cloud Storage's change."""
    return Shared(to=[addresses("0.0.0.0/0", _PRIVATE)], ports=[tcp(443)])
