"""What a Service says: which pods it leads to, by which ports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .lenient import entries, inside, pairs, text

CLUSTER_IP = "ClusterIP"
LOAD_BALANCER = "LoadBalancer"


class ServicePort(NamedTuple):
    """One port of a Service.

    Attributes:
        number: the port that callers name.
        target: the container's port it leads to, by number or name; its own number where it says nothing.
    """

    number: Any
    target: Any


class Service(NamedTuple):
    """What a Service says.

    Attributes:
        selector: labels that its pods carry; empty for one whose endpoints somebody else writes.
        ports: its ports.
        type: `ClusterIP` where it says nothing.
    """

    selector: Mapping[str, Any]
    ports: tuple[ServicePort, ...]
    type: str


def service(manifest: Mapping[str, Any]) -> Service:
    """What a Service says."""
    spec = inside(manifest, "spec")
    return Service(
        pairs(spec.get("selector")),
        tuple(
            ServicePort(port.get("port"), port.get("targetPort", port.get("port")))
            for port in entries(spec.get("ports"))
        ),
        text(spec.get("type"), CLUSTER_IP),
    )
