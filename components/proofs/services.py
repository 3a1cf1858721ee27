"""Traffic, Services: selectors and ports that lead to no pod."""

from __future__ import annotations

from collections.abc import Iterator

from ..reading.index import Index
from ..reading.workload import listed, namespace_of, pairs, place
from .rule import Fault, rule


@rule("service-selects-nothing", "traffic", "error")
def service_selects_nothing(index: Index) -> Iterator[Fault]:
    """A Service whose selector matches no pod of the plan.

    It has no endpoints: callers are refused, and `pulumi up` waits for endpoints until it times out. All label pairs
    must be on the pod template, in the Service's own namespace. Source:
    kubernetes.io/docs/concepts/services-networking/service.

    Fix: give the Service labels that the pods carry.
    """
    for part, item in index.objects("Service"):
        selector = item.properties.get("spec", {}).get("selector")
        if selector and not index.behind(item):
            pods = index.in_namespace(namespace_of(item))
            near = [{key: pod.labels[key] for key in selector if key in pod.labels} for pod in pods]
            carried = sorted({pairs(labels) for labels in near if labels})
            yield Fault(
                place(part),
                f"Service {item.object_name} selects {pairs(selector)}, which no pod in {namespace_of(item)} carries",
                (f"pods there carry: {listed(carried)}",) if carried else (),
            )


@rule("unknown-target-port", "traffic", "error")
def unknown_target_port(index: Index) -> Iterator[Fault]:
    """A Service that leads to a port name its pods do not have.

    Pods without a container port of that name are left out of the endpoints: with a canary whose port is called
    otherwise, all requests silently go to the other version. Source:
    kubernetes.io/docs/concepts/services-networking/service, "Port definitions".

    Fix: call the container port as the Service does.
    """
    for part, item in index.objects("Service"):
        for port in item.properties.get("spec", {}).get("ports", ()):
            target = port.get("targetPort")
            for pod in index.behind(item) if isinstance(target, str) else ():
                ports = (entry for container in pod.every_container for entry in container.get("ports", ()))
                names = [entry["name"] for entry in ports if "name" in entry]
                if target not in names:
                    yield Fault(
                        place(part),
                        f"Service {item.object_name} leads to the container port {target}, which {pod.subject} does "
                        f"not name (it has {', '.join(names) or 'none'}): its pods would get no requests",
                        (f"name the container port {target}",),
                    )


RULES = (service_selects_nothing, unknown_target_port)
"""In the order they are told."""
