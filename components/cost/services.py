"""What a cluster costs beside its nodes: the control plane and load balancers."""

from __future__ import annotations

from collections.abc import Iterator

from ..catalog.prices import Prices
from ..core.errors import dotted
from ..core.plan import Plan
from ..gpu.cluster import CLUSTER
from ..kinds.service import LOAD_BALANCER
from ..reading.index import Index
from .line import Line, Quantity
from .machine_price import priced
from .volumes import line_of

_INCLUDED = 5
"""Forwarding rules that cost as much as one (cloud.google.com/load-balancing/pricing)."""
_GATEWAY_CHART = "gateway"
"""Istio's chart of an ingress gateway, whose Service is a load balancer unless its values say otherwise."""


def control_plane_lines(plan: Plan, prices: Prices, region: str) -> Iterator[Line]:
    """The fee for a cluster that the stack makes; the free tier of a billing account is not counted."""
    for part, item in plan.items():
        if item.type == CLUSTER:
            what = "control plane"
            found = priced(prices, "fee", "gke-cluster", region, "", kind="control-plane", what=what)
            yield line_of(found, dotted(part.path) or part.key, Quantity(1, 1, 1))


def load_balancer_lines(index: Index, prices: Prices, region: str) -> Iterator[Line]:
    """A line for the first load balancer, which pays for five, and one for each beyond the fifth.

    Counted are Services of type LoadBalancer and Istio's ingress gateway. The traffic through them is not.
    """
    places = [
        (dotted(service.part.path) or service.part.key, f"{service.item.namespace}/{service.name}")
        for service in index.every_service
        if service.says.type == LOAD_BALANCER
    ]
    for part, item in index.objects("chart"):
        service = item.properties.get("values", {}).get("service", {})
        if item.properties.get("chart") == _GATEWAY_CHART and service.get("type", LOAD_BALANCER) == LOAD_BALANCER:
            places.append((dotted(part.path) or part.key, item.object_name))
    for number, (at, name) in enumerate(places):
        if 0 < number < _INCLUDED:
            continue
        sold = "forwarding-rule-further" if number else "forwarding-rules-first-five"
        found = priced(prices, "fee", sold, region, "", kind="load-balancer", what=f"load balancer of {name}")
        yield line_of(found, at, Quantity(1, 1, 1))
