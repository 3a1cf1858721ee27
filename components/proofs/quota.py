"""Quotas: namespaces that let in fewer pods than the plan always has there, or less storage than it claims."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from ..core.plan import GPU
from ..core.quantity import number
from ..core.words import listed
from ..kinds.lenient import thousandths
from ..kinds.names import DAEMON_SET
from ..kinds.policy import quota
from ..kinds.volume import VolumeClaim, claim_of
from ..reading.index import Index
from ..reading.scheduler import amount_text
from ..reading.workload import place
from .rule import Fault, rule

_FIELDS = {f"requests.{GPU}": "gpus", "requests.cpu": "cpu", "requests.memory": "memory", "requests.storage": "storage"}
"""What our own quotas count, by the setting that says it; `pods` is called alike."""
_STORAGE = "requests.storage"


@rule("quota-too-small", "scheduling", "error")
def quota_too_small(index: Index) -> Iterator[Fault]:
    """A namespace whose quota is less than its pods or volume claims ask for together.

    The API server refuses the pod or the claim that goes beyond it: "exceeded quota". Counted are the pods there always
    are (`replicas`, or an autoscaler's minimum; of a DaemonSet one), both colours of a blue-green model among them, and
    every claim, those that are made for each pod too. Source: kubernetes.io/docs/concepts/policy/resource-quotas.

    Fix: raise the quota, lower replicas or what each of them asks for, or move a model to another namespace.
    """
    for part, item in index.objects("ResourceQuota"):
        asked = _asked(index, item.namespace)
        for resource, limit in quota(item.properties).hard.items():
            wanted = asked.get(resource, {})
            total, most = sum(wanted.values()), round(number(limit) * 1000)
            if total > most:
                who = listed(f"{name} {_text(resource, amount)}" for name, amount in wanted.items() if amount)
                yield Fault(
                    place(part, "quota", _FIELDS.get(resource, resource)),
                    f"namespace {item.namespace} lets its pods have {limit} of {resource}, and they ask for "
                    f"{_text(resource, total)} in all ({who})",
                    (
                        f"raise it to {_text(resource, total)} or more",
                        "lower replicas or what each of them asks for",
                        "move one of them to another namespace",
                    ),
                )


RULES = (quota_too_small,)
"""In the order they are told."""


def _asked(index: Index, namespace: str) -> dict[str, dict[str, int]]:
    """What the objects of a namespace ask for in thousandths, by what a quota counts and who asks."""
    found: dict[str, dict[str, int]] = {"pods": {}, _STORAGE: {}}
    for pod in index.in_namespace(namespace):
        count = 1 if pod.kind == DAEMON_SET else pod.least
        name = pod.item.object_name
        found["pods"][name] = count * 1000
        for resource, amount in pod.template.asked.items():
            found.setdefault(f"requests.{resource}", {})[name] = count * amount
        claims = [volume.template for volume in pod.template.volumes if volume.template is not None]
        found[_STORAGE][name] = count * sum(_claimed(claim) for claim in claims)
    for _, item in index.objects("PersistentVolumeClaim"):
        if item.namespace == namespace:
            found[_STORAGE][item.object_name] = _claimed(claim_of(item.properties))
    return found


def _claimed(claim: VolumeClaim) -> int:
    return thousandths(claim.size) or 0


def _text(resource: str, amount: int) -> str:
    if resource == "pods":
        return f"{amount // 1000} pods"
    name = resource.removeprefix("requests.")
    # Storage is told as bytes are; what is asked is rounded up, so that it always looks like more than the quota.
    return amount_text("memory" if name == "storage" else name, amount, ceil).replace("memory", name)
