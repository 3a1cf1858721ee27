"""Traffic, Services: selectors and ports that lead to no pod."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.words import listed
from ..reading.index import Index
from ..reading.workload import pairs, place
from .rule import Fault, rule


@rule("service-selects-nothing", "traffic", "error")
def service_selects_nothing(index: Index) -> Iterator[Fault]:
    """A Service whose selector matches no pod of the plan.

    It has no endpoints: callers are refused, and `pulumi up` waits for endpoints until it times out. All label pairs
    must be on the pod template, in the Service's own namespace. Source:
    kubernetes.io/docs/concepts/services-networking/service.

    Fix: give the Service labels that the pods carry.
    """
    for service in index.every_service:
        selector, namespace = service.says.selector, service.namespace
        if selector and not index.behind(service):
            pods = index.in_namespace(namespace)
            near = [{key: pod.labels[key] for key in selector if key in pod.labels} for pod in pods]
            carried = sorted({pairs(labels) for labels in near if labels})
            yield Fault(
                place(service.part),
                f"Service {service.name} selects {pairs(selector)}, which no pod in {namespace} carries",
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
    for service in index.every_service:
        for target in (port.target for port in service.says.ports):
            for pod in index.behind(service) if isinstance(target, str) else ():
                names = [port.name for container in pod.every_container for port in container.ports if port.name]
                if target not in names:
                    yield Fault(
                        place(service.part),
                        f"Service {service.name} leads to the container port {target}, which {pod.subject} does "
                        f"not name (it has {', '.join(names) or 'none'}): its pods would get no requests",
                        (f"name the container port {target}",),
                    )


RULES = (service_selects_nothing, unknown_target_port)
"""In the order they are told."""
