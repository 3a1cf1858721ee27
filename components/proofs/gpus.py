"""Scheduling, GPUs: what device plugins, engines and zones make of a request for them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator

from ..catalog.accelerators import accelerators
from ..catalog.zones import ZONES_COMMAND, lacks, region_of, zones_by_accelerator, zones_in_region
from ..core.plan import GPU, NodeShape
from ..core.words import listed
from ..engines.registry import ENGINES
from ..gpu.node_pool import ACCELERATOR_LABEL
from ..reading.index import Index
from ..reading.scheduler import ZONE, choice, selected_values, taint_misfits
from ..reading.workload import Workload, flags
from .rule import Fault, rule

SHARING_LABEL = "cloud.google.com/gke-gpu-sharing-strategy"
PARTITION_LABEL = "cloud.google.com/gke-gpu-partition-size"
_SHARDS = frozenset(flag for engine in ENGINES for flag in engine.gpu_flags)
"""Flags that say over how many GPUs a model is split or copied; their product counts."""


@rule("shared-gpu-request", "scheduling", "error")
def shared_gpu_request(index: Index) -> Iterator[Fault]:
    """A replica that takes more than one GPU where GPUs are shared.

    With time-sharing or MPS the device plugin refuses any container that asks for more than one `nvidia.com/gpu`: the
    pod is placed and then fails with UnexpectedAdmissionError, again and again. Two shares would be two slices of one
    GPU anyway, not two GPUs; so would those of two pods of one replica, and NCCL stops at "Duplicate GPU detected".
    Source: GoogleCloudPlatform/container-engine-accelerators@992db812
    pkg/gpu/nvidia/gpusharing/gpusharing.go:43.

    Fix: ask for one GPU, or run on a pool whose GPUs are not shared.
    """
    for verdict in index.scheduler.verdicts:
        shared = [node for node in verdict.fits if SHARING_LABEL in node.labels]
        asked = {container.name: container.gpus for container in verdict.pod.every_container}
        for name, count in asked.items() if shared else ():
            # A group is told once, by its leader.
            if count <= 1 and (verdict.pod.span == 1 or verdict.pod.role == "worker" or not count):
                continue
            pool = shared[0]
            others = (node for node in index.plan.nodes if GPU in node.allocatable)
            whole = [node.pool for node in others if SHARING_LABEL not in node.labels]
            elsewhere = [f"runs_on: [{whole[0]}], whose GPUs are whole"] if whole else []
            sharing = f"but pool {pool.pool} shares its GPUs ({pool.labels[SHARING_LABEL]})"
            if count > 1:
                yield Fault(
                    verdict.pod.at("gpus"),
                    f"{verdict.pod.subject}: container {name} asks for {count} {GPU}, {sharing} and gives a container "
                    "1 at most",
                    ("gpus: 1", *elsewhere),
                )
            else:
                yield Fault(
                    verdict.pod.at("nodes"),
                    f"{verdict.pod.subject}: {verdict.pod.span} pods serve a replica together, {sharing}, so that two "
                    "of them can get one GPU",
                    ("nodes: 1", *elsewhere),
                )


@rule("sharded-mig-slices", "scheduling", "error")
def sharded_mig_slices(index: Index) -> Iterator[Fault]:
    """An engine told to split its model over GPUs that are slices of one (MIG).

    A CUDA process sees one slice only, and slices do not reach each other's memory: the shards of a model cannot talk,
    and the engine stops at start. A slice has memory of its own, so that a model must fit one. Source:
    docs.nvidia.com/datacenter/tesla/mig-user-guide, "CUDA Device Enumeration" and "CUDA GPU Peer to Peer".

    Fix: ask for one slice, take larger ones (`partition` of the pool), or run on a pool whose GPUs are whole.
    """
    for verdict in index.scheduler.verdicts:
        sliced = [node for node in verdict.fits if PARTITION_LABEL in node.labels]
        for container in verdict.pod.containers if sliced and verdict.pod.role != "worker" else ():
            count = _shard_count(container.arguments)
            if count > 1:
                pool = sliced[0]
                yield Fault(
                    verdict.pod.at("gpus" if verdict.pod.span == 1 else "nodes"),
                    f"{verdict.pod.subject}: container {container.name} would split its model over {count} "
                    f"slices, but those of pool {pool.pool} ({pool.labels[PARTITION_LABEL]}) do not reach each other",
                    ("gpus: 1" if verdict.pod.span == 1 else "nodes: 1", "a larger partition in the pool"),
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
            limit = container.limits.get(GPU)
            request = container.requests.get(GPU, limit)
            if request is None and limit is None:
                continue
            whole = re.fullmatch(r"[0-9]+", str(request)) is not None
            if str(request) != str(limit) or not whole:
                given = "no limit" if limit is None else f"a limit of {limit}"
                yield Fault(
                    pod.at("gpus"),
                    f"{pod.subject}: container {container.name} asks for {request} {GPU} with {given}; the API "
                    "server refuses anything but the same whole number twice",
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
    for pod, wanted, unlike in _unlike(index, _oldest, lambda has, wanted: has < wanted):
        yield Fault(
            pod.at("runs_on"),
            f"{pod.subject}: its image is built for CUDA compute capability {wanted:.1f} and later, but {unlike}: the "
            "engine would stop at start",
            tuple(_newer(index, wanted)),
        )


@rule("gpu-too-new", "scheduling", "error")
def gpu_too_new(index: Index) -> Iterator[Fault]:
    """An engine that is built for other GPUs than the newer one its pod may land on.

    Some images and kernels hold machine code for one kind of GPU and nothing that a newer one could compile: the
    engine stops at start. Each of TEI's images but `cuda` is of that sort; the one for Ada Lovelace starts on compute
    capability 8.9 only. SGLang's `fa3` runs up to 9.0. Source: huggingface/text-embeddings-inference@v1.9.3
    backends/candle/src/compute_cap.rs; wheel sglang-0.5.20 srt/layers/attention/attention_registry.py.

    Fix: use the image or kernels for this GPU, or those for all, or run on the GPU they are built for.
    """
    for pod, newest, unlike in _unlike(index, _newest, lambda has, newest: has > newest):
        yield Fault(
            pod.at("runs_on"),
            f"{pod.subject}: it runs on CUDA compute capability {newest:.1f} at most, but {unlike}: the engine would "
            "stop at start",
            (
                "leave out what ties it to older GPUs: TEI's engine.variant, SGLang's engine.attention_backend",
                f"a pool of {listed([gpu.name for gpu in accelerators().values() if _built_for(pod, gpu.name)])}",
            ),
        )


@rule("zone-without-gpu", "scheduling", "error")
def zone_without_gpu(index: Index) -> Iterator[Fault]:
    """A pool or a pod bound to a zone that does not have its GPU.

    Not every zone of a region has every GPU: a pool there cannot grow, and a pod that requires such a zone stays
    Pending. The zones are a dated table; the live answer is `gcloud compute accelerator-types list`.

    Fix: name zones that have the GPU.
    """
    for node in index.plan.nodes:
        bad = [zone for zone in node.zones if lacks(node.accelerator, zone)]
        if bad and node.accelerator in accelerators():
            yield Fault(
                (*(node.path or ("GpuNodePool", node.pool)), "zones"),
                f"pool {node.pool} would have nodes in {', '.join(bad)}, which has no {node.accelerator}",
                _zones_with(node.accelerator, bad[0]),
            )
    for pod in index.workloads:
        zones = selected_values(pod.template, ZONE)
        known = [name for name in sorted(selected_values(pod.template, ACCELERATOR_LABEL)) if name in accelerators()]
        if zones and known and all(lacks(name, zone) for name in known for zone in zones):
            yield Fault(
                pod.at("runs_on"),
                f"{pod.subject} requires {', '.join(sorted(zones))}, which has no {' or '.join(known)}",
                _zones_with(known[0], min(zones)),
            )


@rule("more-shards-than-gpus", "scheduling", "error")
def more_shards_than_gpus(index: Index) -> Iterator[Fault]:
    """An engine told to split its model over more GPUs than its replica has.

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
    shared_gpu_request,
    sharded_mig_slices,
    gpu_request_limit,
    gpu_too_old,
    gpu_too_new,
    zone_without_gpu,
    more_shards_than_gpus,
    idle_gpus,
)
"""In the order they are told."""


def suits(pod: Workload, node: NodeShape) -> bool:
    """Whether a pool's GPUs are such as the pod needs: whole where a replica takes several, and not too old."""
    together = any(container.gpus * pod.span > 1 for container in pod.every_container)
    if together and (SHARING_LABEL in node.labels or PARTITION_LABEL in node.labels):
        return False
    return _built_for(pod, node.accelerator)


def _built_for(pod: Workload, accelerator: str) -> bool:
    """Whether a pod's image runs on a GPU, as far as both are known."""
    known = accelerators().get(accelerator)
    if known is None:
        return True
    oldest, newest = _oldest(pod), _newest(pod)
    is_young = known.compute_capability >= _capability(oldest)
    return is_young and (not newest or known.compute_capability <= _capability(newest))


def _oldest(pod: Workload) -> float:
    return pod.facts.oldest_capability if pod.facts else 0.0


def _newest(pod: Workload) -> float:
    return pod.facts.newest_capability if pod.facts else 0.0


def _unlike(
    index: Index,
    bound: Callable[[Workload], float],
    outside: Callable[[tuple[int, int], tuple[int, int]], bool],
) -> Iterator[tuple[Workload, float, str]]:
    """Pods that may land on a GPU outside what their image runs on: the pod, the bound, and which GPU has what."""
    for pod in index.workloads:
        stated = bound(pod)
        for accelerator, pools in _accelerators_of(index, pod).items() if stated else ():
            known = accelerators().get(accelerator)
            if known is None or not outside(known.compute_capability, _capability(stated)):
                continue
            major, minor = known.compute_capability
            where = f" (pool {', '.join(pools)})" if pools else ""
            yield pod, stated, f"{accelerator}{where} has {major}.{minor}"


def _accelerators_of(index: Index, pod: Workload) -> dict[str, list[str]]:
    """The GPUs a pod may land on with their pools; those it selects by name where no pool is known."""
    found: dict[str, list[str]] = defaultdict(list)
    if not index.plan.nodes:
        return {name: [] for name in sorted(selected_values(pod.template, ACCELERATOR_LABEL))}
    for node, unselected in index.scheduler.selection(pod) if GPU in pod.template.asked else ():
        if node.accelerator and not (unselected or taint_misfits(pod, node)):
            found[node.accelerator].append(node.pool)
    return found


def _newer(index: Index, wanted: float) -> Iterator[str]:
    able = [gpu.name for gpu in accelerators().values() if gpu.compute_capability >= _capability(wanted)]
    if pools := [node.pool for node in index.plan.nodes if node.accelerator in able]:
        yield f"runs_on: {choice(pools)}"
    yield f"a pool of {listed(able)}"
    yield "an engine image built for this GPU"


def _capability(number: float) -> tuple[int, int]:
    """Major and minor of a compute capability, which compare as such: 12.0 is newer than 9.0."""
    major, minor = f"{number:.1f}".split(".")
    return int(major), int(minor)


def _zones_with(accelerator: str, zone: str) -> tuple[str, ...]:
    here = zones_in_region(accelerator, region_of(zone))
    anywhere = zones_by_accelerator().get(accelerator, ())
    best = f"use {listed(here)}" if here else f"use a zone of another region: {listed(anywhere)}" if anywhere else ""
    return tuple(text for text in (best, f"ask the live list: {ZONES_COMMAND}") if text)


def _shards(index: Index) -> Iterator[tuple[Workload, str, int, int]]:
    """Every container that is told how many GPUs to use: its pod, name, that number, and the GPUs its replica has."""
    for pod in index.workloads:
        for container in pod.containers:
            if shards := _shard_count(container.arguments):
                yield pod, container.name, shards, container.gpus * pod.span


def _shard_count(arguments: tuple[str, ...]) -> int:
    """The product of the shard flags; 0 when there is none."""
    product = 0
    for flag, value in flags(arguments):
        if flag in _SHARDS and value.isdigit():
            product = (product or 1) * int(value)
    return product
