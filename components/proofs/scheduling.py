"""Scheduling: pods that no node of their pools can ever hold, and pools too small for all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache

from ..catalog.machines import machine_types
from ..catalog.node_reservations import allocatable
from ..core.errors import Path, dotted
from ..core.plan import GPU, NodeShape
from ..core.words import listed
from ..gpu.node_pool import ACCELERATOR_LABEL
from ..gpu.node_shape import FAMILY_LABEL
from ..kinds.names import DAEMON_SET
from ..reading.index import Index
from ..reading.scheduler import (
    Resources,
    Verdict,
    amount_text,
    choice,
    selection_keys,
    selection_misfits,
    shortages,
    taint_misfits,
)
from ..reading.workload import Workload
from . import gpus
from .rule import Fault, rule

_FIELDS: Mapping[str, Path] = {
    "cpu": ("resources", "cpu"),
    "memory": ("resources", "memory"),
    "ephemeral-storage": ("cache", "size"),
    GPU: ("gpus",),
}
_FAR_POOLS = 3
"""Pools a pod does not select that are still told one by one."""
_DISK_GB = 200
"""Boot disk a pool gets by default; advice on machine types reckons with it."""


@rule("unschedulable-pod", "scheduling", "error")
def unschedulable_pod(index: Index) -> Iterator[Fault]:
    """A pod that no node of any of its pools can ever hold.

    The scheduler would leave it Pending for ever, and the cluster autoscaler would add no node, because a new one
    would not hold it either. Every pool is judged as kube-scheduler does: nodeSelector and required node affinity,
    taints, then CPU, memory, ephemeral storage and GPUs against what GKE leaves to pods (allocatable, less the plan's
    own DaemonSets). Source: kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler.

    Pods that ask for no GPU and for no pool are judged where the stack makes the cluster. One that was there before, or
    an Autopilot one, has nodes that the plan does not know.

    Fix: ask for less than a node has, or lead the pod to a pool that has more.
    """
    without_gpus = {node.pool for node in index.plan.nodes if GPU not in node.allocatable}
    for verdict in index.scheduler.verdicts:
        if not verdict.fits:
            plain = without_gpus if GPU in verdict.asked else set()
            near = [pool for pool, misfits in verdict.misfits.items() if misfits[0].filter != "label"]
            # Pools that the pod selects come first: what they lack is what its author wants to know.
            far = [pool for pool in verdict.misfits if pool not in near and (pool not in plain or not near)]
            told = [
                f"{pool}: {', '.join(misfit.reason for misfit in verdict.misfits[pool])}"
                for pool in (*near, *far[:_FAR_POOLS])
            ]
            rest = len(far) - _FAR_POOLS
            more = f"; {rest} more that it does not select" if rest > 0 else ""
            yield Fault(
                verdict.pod.at(*_field(verdict)),
                f"{verdict.pod.subject}: 0/{len(verdict.misfits)} pools can hold a pod: {'; '.join(told)}{more}",
                tuple(_ways_to_fit(index, verdict)),
            )


@rule("daemonset-misses-pool", "scheduling", "error")
def daemonset_misses_pool(index: Index) -> Iterator[Fault]:
    """A DaemonSet that selects a pool by its labels and yet never runs there.

    The DaemonSet controller makes no pod for a node whose taints it does not tolerate, and says nothing: the exporter
    or agent is simply missing on that pool. NVIDIA's own chart tolerates no GPU taint, so it runs on no GPU node.
    Source: kubernetes.io/docs/concepts/workloads/controllers/daemonset, "Taints and tolerations".

    Fix: tolerate the pool's taints, or do not select it.
    """
    for pod in index.workloads:
        if pod.kind != DAEMON_SET or not selection_keys(pod.template) & {ACCELERATOR_LABEL}:
            continue
        asked = pod.template.asked
        missed: dict[str, list[str]] = defaultdict(list)
        for node in index.plan.nodes:
            room = {name: round(amount * 1000) for name, amount in node.allocatable.items()}
            if not selection_misfits(pod, node) and (misfits := (*taint_misfits(pod, node), *shortages(asked, room))):
                missed[", ".join(misfit.reason for misfit in misfits)].append(node.pool)
        for reason, pools in missed.items():
            yield Fault(
                pod.at(),
                f"{pod.subject} selects {listed(pools)} but never runs there: {reason}",
                ("tolerate their taints", "exclude these pools from its node affinity"),
            )


RULES = (unschedulable_pod, daemonset_misses_pool)
"""In the order they are told."""


def _field(verdict: Verdict[Workload]) -> Path:
    """The setting that keeps the pod off the pools it selects."""
    near = [misfit for misfits in verdict.misfits.values() for misfit in misfits if misfit.filter == "resource"]
    keys = {misfit.key for misfit in near}
    return _FIELDS[keys.pop()] if len(keys) == 1 else ("resources",) if keys else ("runs_on",)


def _ways_to_fit(index: Index, verdict: Verdict[Workload]) -> Iterator[str]:
    scheduler, asked = index.scheduler, verdict.asked
    roomy = [
        node.pool
        for node in scheduler.nodes
        if not shortages(asked, scheduler.room[node.pool])
        and gpus.suits(verdict.pod, node)
        and (GPU in asked or not node.accelerator)
    ]
    if roomy:
        yield f"runs_on: {choice(roomy)}, with room for it"
    lacking = {
        node.pool: [misfit.key for misfit in verdict.misfits[node.pool] if misfit.filter == "resource"]
        for node in scheduler.nodes
    }
    near = [node for node in scheduler.nodes if lacking[node.pool]]
    if not near:
        return
    best = min(near, key=lambda node: len(lacking[node.pool]))
    room = scheduler.room[best.pool]
    for key in lacking[best.pool]:
        if room.get(key):
            setting = ".".join(map(str, _FIELDS[key]))
            yield f"{setting}: at most {amount_text(key, room[key])}, what a node of {best.pool} has"
    pool = dotted(best.path or ("node_pools", best.pool))
    if lacking[best.pool] == ["ephemeral-storage"]:
        yield f"a larger disk_size_gb in {pool}"
    elif machine := _machine_for(best, asked):
        yield f"machine_type: {machine} in {pool}"
    if not best.accelerator:
        yield "a pool of its own in node_pools, named in runs_on"


@cache
def _rooms_of(accelerator: str, family: str) -> tuple[tuple[str, Resources], ...]:
    """What each machine type with a GPU, or of a family without any, leaves to pods, smallest first."""
    found = []
    for machine in sorted(machine_types().values(), key=lambda machine: (machine.vcpus, machine.memory_gib)):
        if accelerator in machine.gpus or (not accelerator and not machine.gpus and machine.family == family):
            room = allocatable(machine, disk_gb=_DISK_GB, local_ssds=0)
            if accelerator:
                room[GPU] = float(max(machine.gpus[accelerator]))
            found.append((machine.name, {name: round(amount * 1000) for name, amount in room.items()}))
    return tuple(found)


def _machine_for(node: NodeShape, asked: Resources) -> str | None:
    """The smallest machine type like the pool's that would hold the pod."""
    rooms = _rooms_of(node.accelerator, node.labels.get(FAMILY_LABEL, ""))
    return next((name for name, room in rooms if not shortages(asked, room)), None)
