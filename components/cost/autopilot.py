"""Autopilot clusters, which bill what pods ask for instead of nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..catalog.prices import Prices
from ..core.errors import dotted
from ..core.plan import GPU, Plan, Usage
from ..core.quantity import GIB
from ..gpu.cluster import CLUSTER
from ..kinds.names import DAEMON_SET, ENDING
from ..reading.index import Index
from .demand import expectations
from .line import Line, Quantity
from .machine_price import PricedComponent, priced
from .volumes import line_of

_SPOT = "cloud.google.com/gke-spot"
_SOLD = (("cpu", "vcpu", "vCPU", 1.0), ("memory", "memory-gib", "GiB of memory", GIB),
         ("ephemeral-storage", "ephemeral-storage-gib", "GiB of ephemeral storage", GIB))  # fmt: skip
"""What is billed: the resource, the price's name, its words, and how much one unit is."""
_LEAST = {"cpu": 250, "memory": round(0.5 * GIB * 1000)}
"""Thousandths of what a pod is billed for at least (cloud.google.com/kubernetes-engine/pricing)."""


def is_autopilot(plan: Plan) -> bool:
    """Whether the cluster is Autopilot: the stack makes it so, or nodes with GPUs carry no taint."""
    made = any(item.type == CLUSTER and item.properties.get("enableAutopilot") for _, item in plan.items())
    return made or any(node.accelerator and not node.taints for node in plan.nodes)


def pod_lines(index: Index, prices: Prices, region: str, usage: Mapping[str, Usage]) -> Iterator[Line]:
    """The lines of every workload whose pods run for as long as the plan stands."""
    expectation = expectations(index.workloads, usage)
    for pod in index.workloads:
        if pod.kind in (*ENDING, DAEMON_SET) or not pod.runs:
            continue
        at, name = dotted(pod.part.path) or pod.part.key, pod.item.object_name
        expected = expectation[id(pod)]
        asked = pod.template.asked
        if asked.get(GPU):
            why = "no price of Autopilot pods with GPUs: their machine, and a premium on it"
            found = PricedComponent(
                "gpu", f"pods of {name} with {asked[GPU] // 1000} GPU", 1, "hour", None, unknown=why
            )
            yield line_of(found, at, Quantity(pod.least, pod.most, expected))
            continue
        way = "spot" if _SPOT in pod.template.node_selector else "on-demand"
        for resource, sold, words, unit in _SOLD:
            amount = max(asked.get(resource, 0), _LEAST.get(resource, 0)) / 1000 / unit
            if amount:
                found = priced(prices, "autopilot", sold, region, way, kind="node", what=f"{words} of {name}")
                counts = Quantity(
                    pod.least * amount, pod.most * amount, None if expected is None else expected * amount
                )
                yield line_of(found, at, counts, way)
