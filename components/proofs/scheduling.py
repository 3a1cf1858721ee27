"""Scheduling: pods that no node of their pools can ever hold, and pools too small for all of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from ..catalog.accelerators import accelerators
from ..catalog.machines import machine_types
from ..catalog.node_reservations import allocatable
from ..catalog.zones import ZONES_COMMAND, lacks, region_of, zones_by_accelerator, zones_in_region
from ..errors import Path
from ..gpu.node_pool import ACCELERATOR_LABEL
from ..plan import NodeShape
from .index import Index
from .rule import Fault, rule
from .scheduler import (
    GPU,
    ZONE,
    Need,
    Resources,
    Verdict,
    amount_text,
    nodes_needed,
    requests,
    selected_values,
    selection_keys,
    selection_misfits,
    shortages,
    taint_misfits,
)
from .workload import Workload, listed, place

CAPABILITY = "inference/min-compute-capability"
"""Annotation of a pod: lowest CUDA compute capability its image is built for."""
SHARING_LABEL = "cloud.google.com/gke-gpu-sharing-strategy"
_FIELDS: Mapping[str, Path] = {
    "cpu": ("resources", "cpu"),
    "memory": ("resources", "memory"),
    "ephemeral-storage": ("cache", "size"),
    GPU: ("gpus",),
}
_DISK_GB = 200
"""Boot disk a pool gets by default; advice on machine types reckons with it."""
_SHARDS = frozenset({
    "--num-shard", "--tensor-parallel-size", "-tp", "--tp-size", "--tp",
    "--pipeline-parallel-size", "-pp", "--pp-size", "--data-parallel-size", "-dp",
})  # fmt: skip
"""Flags of TGI, vLLM and SGLang that say over how many GPUs a model is split or copied; their product counts."""


@rule("unschedulable-pod", "scheduling", "error")
def unschedulable_pod(index: Index) -> Iterator[Fault]:
    """A pod that no node of any of its pools can ever hold.

    The scheduler would leave it Pending for ever, and the cluster autoscaler would add no node, because a new one
    would not hold it either. Every pool is judged as kube-scheduler does: nodeSelector and required node affinity,
    taints, then CPU, memory, ephemeral storage and GPUs against what GKE leaves to pods (allocatable, less the plan's
    own DaemonSets). Source: kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler.

    Pods that ask for no GPU and for no pool are not judged: the cluster has nodes that the plan does not know.

    Fix: ask for less than a node has, or lead the pod to a pool that has more.
    """
    for verdict in index.scheduler.verdicts:
        if not verdict.fits:
            # Pools that the pod selects come first: what they lack is what its author wants to know.
            reasons = sorted(verdict.misfits.items(), key=lambda entry: entry[1][0].filter == "label")
            told = [f"{pool}: {', '.join(misfit.reason for misfit in misfits)}" for pool, misfits in reasons]
            yield Fault(
                verdict.pod.at(*_field(verdict)),
                f"{verdict.pod.subject}: 0/{len(told)} pools can hold a pod: {'; '.join(told)}",
                tuple(_ways_to_fit(index, verdict)),
            )


@rule("pool-too-small", "scheduling", "error")
def pool_too_small(index: Index) -> Iterator[Fault]:
    """Pods that fit only certain pools, and need more nodes than those pools may have.

    Counted at the replicas that always exist (`replicas`, or an autoscaler's minimum), all workloads together whose
    pods fit nowhere else. The number of nodes is a lower bound, so what is refused cannot be packed in any way; some
    pods would stay Pending for ever. Source: Fekete and Schepers, "New classes of fast lower bounds for bin packing
    problems", Mathematical Programming 91, 2001.

    Fix: raise the pool's `nodes.max`, lower replicas, or let some of the pods run on another pool too.
    """
    for pools, members, need, most in _overfull(index, always=True):
        yield Fault(
            _blame(pools, members),
            f"pods that fit only {_names(pools)} need at least {need.nodes} nodes for their {_noun(need.resource)} "
            f"({_demand(members, need.resource, always=True)}), but {_limit(pools, most)}",
            (
                f"raise nodes.max of {_names(pools)} by {need.nodes - most}",
                "lower replicas, or autoscaling.min where it is set",
                "name another pool in runs_on as well",
            ),
        )


@rule("scaled-beyond-pool", "scheduling", "warning")
def scaled_beyond_pool(index: Index) -> Iterator[Fault]:
    """Autoscalers that may ask for more pods than their pools can ever hold.

    The same count as pool-too-small at the most replicas autoscalers may set. Up to that point all is well; above it
    pods stay Pending while the autoscaler believes it has scaled. It can be meant: models that never peak together may
    share a pool. Source: kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale.

    Fix: raise the pool's `nodes.max`, or lower `autoscaling.max`.
    """
    always = [frozenset(node.pool for node in pools) for pools, *_ in _overfull(index, always=True)]
    for pools, members, need, most in _overfull(index, always=False):
        if frozenset(node.pool for node in pools) not in always:
            yield Fault(
                _blame(pools, members),
                f"scaled to their maximum, pods that fit only {_names(pools)} need at least {need.nodes} nodes for "
                f"their {_noun(need.resource)} ({_demand(members, need.resource, always=False)}), but "
                f"{_limit(pools, most)}: pods above that stay Pending",
                (f"raise nodes.max of {_names(pools)} by {need.nodes - most}", "lower autoscaling.max"),
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
        if pod.item.kind != "DaemonSet" or not selection_keys(pod.spec) & {ACCELERATOR_LABEL}:
            continue
        asked = requests(pod.spec)
        for node in index.plan.nodes:
            room = {name: round(amount * 1000) for name, amount in node.allocatable.items()}
            if selection_misfits(pod, node):
                continue
            if misfits := (*taint_misfits(pod, node), *shortages(asked, room)):
                yield Fault(
                    pod.at(),
                    f"{pod.subject} selects pool {node.pool} but never runs there: "
                    f"{', '.join(misfit.reason for misfit in misfits)}",
                    (f"tolerate the taints of {node.pool}", f"exclude {node.pool} from its node affinity"),
                )


@rule("shared-gpu-request", "scheduling", "error")
def shared_gpu_request(index: Index) -> Iterator[Fault]:
    """A container that asks for more than one GPU where GPUs are shared.

    With time-sharing or MPS the device plugin refuses any container that asks for more than one `nvidia.com/gpu`: the
    pod is placed and then fails with UnexpectedAdmissionError, again and again. Two shares would be two slices of one
    GPU anyway, not two GPUs. Source: GoogleCloudPlatform/container-engine-accelerators@992db812
    pkg/gpu/nvidia/gpusharing/gpusharing.go:43.

    Fix: ask for one GPU, or run on a pool whose GPUs are not shared.
    """
    for verdict in index.scheduler.verdicts:
        shared = [node for node in verdict.fits if SHARING_LABEL in node.labels]
        greedy = [(container["name"], count) for container in verdict.pod.every_container if (count := _gpus(container)) > 1]
        for name, count in greedy if shared else ():
            pool = shared[0]
            whole = [node.pool for node in index.plan.nodes if GPU in node.allocatable and SHARING_LABEL not in node.labels]
            yield Fault(
                verdict.pod.at("gpus"),
                f"{verdict.pod.subject}: container {name} asks for {count} {GPU}, but pool {pool.pool} shares its GPUs "
                f"({pool.labels[SHARING_LABEL]}) and gives a container 1 at most",
                ("gpus: 1", *([f"runs_on: [{whole[0]}], whose GPUs are whole"] if whole else [])),
            )


@rule("gpu-request-limit", "scheduling", "error")
def gpu_request_limit(index: Index) -> Iterator[Fault]:
    """A container whose GPU request and limit differ, or are no whole number.

    The API server refuses the pod: extended resources cannot be overcommitted, so the limit must be set, the request
    must equal it, and both must be whole. Source: k8s.io/kubernetes pkg/apis/core/validation/validation.go,
    ValidateResourceRequirements.

    Fix: set the limit only; Kubernetes takes the request from it.
    """
    for pod in index.workloads:
        for container in pod.every_container:
            resources = container.get("resources") or {}
            limit = resources.get("limits", {}).get(GPU)
            request = resources.get("requests", {}).get(GPU, limit)
            if request is None and limit is None:
                continue
            whole = re.fullmatch(r"\d+", str(request)) is not None
            if str(request) != str(limit) or not whole:
                given = "no limit" if limit is None else f"a limit of {limit}"
                yield Fault(
                    pod.at("gpus"),
                    f"{pod.subject}: container {container['name']} asks for {request} {GPU} with {given}; the API server "
                    "refuses anything but the same whole number twice",
                    (f"set limits and requests of {GPU} to the same whole number",),
                )


@rule("gpu-too-old", "scheduling", "error")
def gpu_too_old(index: Index) -> Iterator[Fault]:
    """An image that is not built for a GPU its pod may land on.

    Its kernels are compiled for some CUDA compute capability and later; on an older GPU the engine stops at start with
    "no kernel image is available for execution on the device". TGI is built for 8.0, 8.6 and 9.0
    (huggingface/text-generation-inference Dockerfile, TORCH_CUDA_ARCH_LIST); a T4 has 7.5.

    Fix: run on a newer GPU, or use an engine image that is built for this one.
    """
    for pod in index.workloads:
        wanted = pod.annotations.get(CAPABILITY)
        if wanted is None or float(wanted) == 0:
            continue
        for accelerator, pools in _accelerators_of(index, pod).items():
            known = accelerators().get(accelerator)
            if known is None or known.compute_capability >= _capability(wanted):
                continue
            major, minor = known.compute_capability
            where = f" (pool {', '.join(pools)})" if pools else ""
            yield Fault(
                pod.at("runs_on"),
                f"{pod.subject}: its image is built for CUDA compute capability {wanted} and later, but "
                f"{accelerator}{where} has {major}.{minor}: the engine would stop at start",
                tuple(_newer(index, wanted)),
            )


@rule("zone-without-gpu", "scheduling", "error")
def zone_without_gpu(index: Index) -> Iterator[Fault]:
    """A pool or a pod bound to a zone that does not have its GPU.

    Not every zone of a region has every GPU: a pool there cannot grow, and a pod that requires such a zone stays
    Pending. The zones are a dated table; the live answer is `gcloud compute accelerator-types list`.

    Fix: name zones that have the GPU.
    """
    for node in index.plan.nodes:
        if node.accelerator in accelerators() and (bad := [zone for zone in node.zones if lacks(node.accelerator, zone)]):
            yield Fault(
                (*(node.path or ("GpuNodePool", node.pool)), "zones"),
                f"pool {node.pool} would have nodes in {', '.join(bad)}, which has no {node.accelerator}",
                _zones_with(node.accelerator, bad[0]),
            )
    for pod in index.workloads:
        zones = selected_values(pod.spec, ZONE)
        known = [name for name in sorted(selected_values(pod.spec, ACCELERATOR_LABEL)) if name in accelerators()]
        if zones and known and all(lacks(name, zone) for name in known for zone in zones):
            yield Fault(
                pod.at("runs_on"),
                f"{pod.subject} requires {', '.join(sorted(zones))}, which has no {' or '.join(known)}",
                _zones_with(known[0], min(zones)),
            )


@rule("more-shards-than-gpus", "scheduling", "error")
def more_shards_than_gpus(index: Index) -> Iterator[Fault]:
    """An engine told to split its model over more GPUs than its container has.

    It waits for the missing ones or stops: TGI "sharded, but found only n CUDA devices", vLLM a placement that cannot
    be met. Counted from --num-shard (TGI), --tensor-parallel-size times --pipeline-parallel-size times
    --data-parallel-size (vLLM, SGLang). Source: huggingface/text-generation-inference launcher/src/main.rs,
    find_num_shards.

    Fix: ask for as many GPUs as shards, or leave the flag out.
    """
    for pod, name, shards, gpus in _shards(index):
        if shards > gpus:
            yield Fault(
                pod.at("gpus"),
                f"{pod.subject}: container {name} splits its model over {shards} GPUs and has {gpus}",
                (f"gpus: {shards}", f"split it over {gpus}" if gpus else "run on a pool with GPUs"),
            )


@rule("idle-gpus", "scheduling", "warning")
def idle_gpus(index: Index) -> Iterator[Fault]:
    """An engine told to use fewer GPUs than its container has.

    The others are paid for and reserved, and do nothing. Counted as in more-shards-than-gpus. TGI before 3.3.7 takes
    one GPU when it is not told how many (huggingface/text-generation-inference#3346), so the number is always passed.

    Fix: split the model over all GPUs, or ask for fewer.
    """
    for pod, name, shards, gpus in _shards(index):
        if shards < gpus:
            yield Fault(
                pod.at("gpus"),
                f"{pod.subject}: container {name} has {gpus} GPUs and splits its model over {shards}: "
                f"{gpus - shards} would idle",
                (f"split it over {gpus}", f"gpus: {shards}"),
            )


RULES = (
    unschedulable_pod,
    pool_too_small,
    shared_gpu_request,
    gpu_request_limit,
    gpu_too_old,
    zone_without_gpu,
    more_shards_than_gpus,
    daemonset_misses_pool,
    scaled_beyond_pool,
    idle_gpus,
)
"""In the order they are told."""


def _field(verdict: Verdict) -> Path:
    """The setting that keeps the pod off the pools it selects."""
    near = [misfit for misfits in verdict.misfits.values() for misfit in misfits if misfit.filter == "resource"]
    keys = {misfit.key for misfit in near}
    return _FIELDS[keys.pop()] if len(keys) == 1 else ("resources",) if keys else ("runs_on",)


def _ways_to_fit(index: Index, verdict: Verdict) -> Iterator[str]:
    scheduler, asked = index.scheduler, verdict.asked
    if roomy := [node.pool for node in scheduler.nodes if not shortages(asked, scheduler.room[node.pool])]:
        yield f"runs_on: {_choice(roomy)}, with room for it"
    near = [node for node in scheduler.nodes if any(m.filter == "resource" for m in verdict.misfits[node.pool])]
    if not near:
        return
    best = max(near, key=lambda node: sum(asked[m.key] <= scheduler.room[node.pool].get(m.key, 0) for m in verdict.misfits[node.pool] if m.filter == "resource"))  # fmt: skip
    room = scheduler.room[best.pool]
    for misfit in verdict.misfits[best.pool]:
        if misfit.filter == "resource" and room.get(misfit.key, 0):
            setting = ".".join(map(str, _FIELDS[misfit.key]))
            yield f"lower {setting} to what a node of {best.pool} has: {amount_text(misfit.key, room[misfit.key])}"
    if machine := _machine_for(best, asked):
        yield f"machine_type: {machine} in node_pools.{best.pool}"


@cache
def _rooms_of(accelerator: str) -> tuple[tuple[str, Resources], ...]:
    """What each machine type with a GPU leaves to pods, smallest first."""
    found = []
    for machine in sorted(machine_types().values(), key=lambda machine: (machine.vcpus, machine.memory_gib)):
        if accelerator in machine.gpus:
            room = allocatable(machine, disk_gb=_DISK_GB, local_ssds=0) | {GPU: float(max(machine.gpus[accelerator]))}
            found.append((machine.name, {name: round(amount * 1000) for name, amount in room.items()}))
    return tuple(found)


def _machine_for(node: NodeShape, asked: Resources) -> str | None:
    """The smallest machine type with the pool's GPU that would hold the pod."""
    if not node.accelerator:
        return None
    return next((name for name, room in _rooms_of(node.accelerator) if not shortages(asked, room)), None)


def _overfull(
    index: Index, *, always: bool
) -> Iterator[tuple[tuple[NodeShape, ...], list[Verdict], Need, int]]:
    """Sets of pools with the pods that fit nowhere else, where those need more nodes than there can be.

    Only the smallest such sets: a larger one that contains them says nothing new.
    """
    groups: dict[frozenset[str], list[Verdict]] = defaultdict(list)
    for verdict in index.scheduler.verdicts:
        if verdict.fits and (verdict.pod.least if always else verdict.pod.most):
            groups[frozenset(node.pool for node in verdict.fits)].append(verdict)
    told: list[frozenset[str]] = []
    for names in sorted(groups, key=lambda names: (len(names), sorted(names))):
        pools = tuple(node for node in index.plan.nodes if node.pool in names)
        limits = [node.max_nodes for node in pools]
        most = sum(limit for limit in limits if limit is not None)
        if None in limits or any(smaller <= names for smaller in told):
            continue
        members = [verdict for inside, verdicts in groups.items() if inside <= names for verdict in verdicts]
        pods = ((verdict.asked, verdict.pod.least if always else verdict.pod.most) for verdict in members)
        need = nodes_needed(pods, [index.scheduler.room[node.pool] for node in pools])
        if need.nodes > most:
            told.append(names)
            yield pools, members, need, most


def _demand(members: Iterable[Verdict], resource: str, *, always: bool) -> str:
    counted = [(verdict.pod.least if always else verdict.pod.most, verdict) for verdict in members]
    return listed(
        f"{verdict.pod.item.object_name} {count} × {amount_text(resource, verdict.asked[resource])}"
        for count, verdict in sorted(counted, key=lambda entry: -entry[0])
        if verdict.asked.get(resource)
    )


def _blame(pools: tuple[NodeShape, ...], members: list[Verdict]) -> Path:
    if len(pools) == 1:
        return (*(pools[0].path or ("GpuNodePool", pools[0].pool)), "nodes", "max")
    return place(members[0].pod.part)


def _names(pools: Iterable[NodeShape]) -> str:
    return " and ".join(node.pool for node in pools)


def _limit(pools: tuple[NodeShape, ...], most: int) -> str:
    return f"nodes.max is {most}" if len(pools) == 1 else f"their nodes.max are {most} in all"


def _noun(resource: str) -> str:
    return {GPU: "GPUs", "cpu": "CPU"}.get(resource, resource)


def _choice(pools: list[str]) -> str:
    return f"[{', '.join(pools)}]" if len(pools) == 1 else f"one of {', '.join(pools)}"


def _gpus(container: Mapping[str, Any]) -> int:
    resources = container.get("resources") or {}
    count = resources.get("limits", {}).get(GPU, resources.get("requests", {}).get(GPU, 0))
    return int(count) if str(count).isdigit() else 0


def _accelerators_of(index: Index, pod: Workload) -> dict[str, list[str]]:
    """The GPUs a pod may land on with their pools; those it selects by name where no pool is known."""
    found: dict[str, list[str]] = defaultdict(list)
    if not index.plan.nodes:
        return {name: [] for name in sorted(selected_values(pod.spec, ACCELERATOR_LABEL))}
    for node in index.plan.nodes:
        if node.accelerator and GPU in requests(pod.spec) and not (selection_misfits(pod, node) or taint_misfits(pod, node)):
            found[node.accelerator].append(node.pool)
    return found


def _newer(index: Index, wanted: str) -> Iterator[str]:
    able = [gpu.name for gpu in accelerators().values() if gpu.compute_capability >= _capability(wanted)]
    if pools := [node.pool for node in index.plan.nodes if node.accelerator in able]:
        yield f"runs_on: {_choice(pools)}"
    yield f"a pool of {listed(able)}"
    yield "an engine image built for this GPU"


def _capability(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor or 0)


def _zones_with(accelerator: str, zone: str) -> tuple[str, ...]:
    here = zones_in_region(accelerator, region_of(zone))
    anywhere = zones_by_accelerator().get(accelerator, ())
    best = f"use {listed(here)}" if here else f"use a zone of another region: {listed(anywhere)}" if anywhere else ""
    return tuple(text for text in (best, f"ask the live list: {ZONES_COMMAND}") if text)


def _shards(index: Index) -> Iterator[tuple[Workload, str, int, int]]:
    """Every container that is told how many GPUs to use: its pod, name, that number, and the GPUs it has."""
    for pod in index.workloads:
        for container in pod.containers:
            arguments = (*container.get("command", ()), *container.get("args", ()))
            if shards := _shard_count(arguments):
                yield pod, container["name"], shards, _gpus(container)


def _shard_count(arguments: tuple[str, ...]) -> int:
    """The product of the shard flags; 0 when there is none."""
    product = 0
    for position, argument in enumerate(arguments):
        flag, _, value = argument.partition("=")
        if flag in _SHARDS:
            text = value or (arguments[position + 1] if position + 1 < len(arguments) else "")
            if text.isdigit():
                product = (product or 1) * int(text)
    return product
