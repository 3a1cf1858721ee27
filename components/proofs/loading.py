"""Loading: volumes that a node cannot attach, and pods that are given less time than their weights take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..catalog.loading import attaches_hyperdisk_ml, hyperdisk_ml_families
from ..catalog.models import find_model
from ..core.plan import NodeShape
from ..core.quantity import MIB
from ..core.words import duration, listed
from ..kinds.lenient import amount
from ..kinds.pod import PodVolume
from ..memory.weights import checkpoint_bytes
from ..reading.index import Index
from ..reading.scheduler import taint_misfits
from ..reading.workload import Workload
from ..serving.cold_start import ColdStart, Source, cold_start
from ..weights.cache import VOLUME
from ..weights.gcs_fuse import DRIVER as GCS_FUSE
from ..weights.hyperdisk_ml import DISK_TYPE, TYPE
from .images import name_of
from .rule import Fault, rule


@dataclass(frozen=True, slots=True)
class _Disk:
    """A Hyperdisk ML volume of the plan: the zones it is in, and the throughput it was given."""

    zones: frozenset[str]
    throughput_mib: float | None


@rule("disk-cannot-attach", "loading", "error")
def disk_cannot_attach(index: Index) -> Iterator[Fault]:
    """A pod whose Hyperdisk ML volume no node of its pool can attach.

    The scheduler does not know which machines take which disks: it places the pod, and attaching fails for ever. A
    disk is in its zones only, and pods on nodes elsewhere wait for ever. Which machine families attach Hyperdisk ML is
    in components/catalog/hyperdisk_ml_machines.tsv; families that are not listed are not judged. Source:
    docs.cloud.google.com/compute/docs/accelerator-optimized-machines, "Supported disk types".

    Fix: run on machines that attach it, in the volume's zones, or keep the weights elsewhere.
    """
    for pod in index.workloads:
        disk = next((found for volume in pod.template.volumes if (found := _disk(index, pod, volume))), None)
        for node in _candidates(index, pod) if disk else ():
            family = node.labels.get("cloud.google.com/machine-family", "")
            if attaches_hyperdisk_ml(family) is False:
                yield Fault(
                    pod.at("cache", "kind"),
                    f"{pod.subject}: its weights are on Hyperdisk ML, which machines of the family {family} "
                    f"cannot attach, and pool {node.pool} is of those",
                    (
                        f"run it on machines of the families {', '.join(hyperdisk_ml_families())}",
                        "keep the weights in a cache of another kind, such as gcs-fuse",
                    ),
                )
            elif disk and disk.zones and node.zones and not disk.zones & set(node.zones):
                yield Fault(
                    pod.at("cache", "zones"),
                    f"{pod.subject}: its weights are on a disk in {listed(sorted(disk.zones))}, and pool {node.pool} "
                    f"has nodes in {listed(node.zones)} only",
                    (f"copy the disk to {listed(node.zones)}", f"run it in {listed(sorted(disk.zones))}"),
                )


@rule("startup-budget-too-short", "loading", "warning")
def startup_budget_too_short(index: Index) -> Iterator[Fault]:
    """A pod that is given less time to start than its weights take to arrive at the best rate published.

    The startup probe would restart it in the middle of loading, again and again; and a Deployment that is not ready
    within its progressDeadlineSeconds has failed for whoever waits for it. Reckoned are only steps whose least is
    known: a node, the pull of an image, the download or the reading of the weights, the engine's warm-up (rates and
    their sources are in components/catalog/loading_rates.tsv).

    Fix: give it more time, or keep the weights where they are read faster.
    """
    for pod in index.workloads:
        if not pod.serves:
            continue
        start = estimate(index, pod)
        inside = start.in_container
        for container in pod.containers:
            budget = container.startup and container.startup.budget_seconds
            if budget is not None and inside.low > budget:
                yield Fault(
                    pod.at("engine", "probes"),
                    f"{pod.subject}: its startup probe gives up after {duration(budget)}, and its weights take at "
                    f"least {duration(inside.low)} to arrive and load: it would be restarted for ever",
                    (f"let the startup probe last {inside.low * 2:.0f} s", "fill the cache beforehand: cache.download"),
                )
        deadline = pod.controller.deadline_seconds
        if deadline and start.low > deadline:
            yield Fault(
                pod.at("start_seconds"),
                f"{pod.subject}: deployments wait {duration(deadline)} for a pod, which takes at least "
                f"{duration(start.low)} from a new node to ready",
                (f"start_seconds: {start.low * 2:.0f}", "fill the cache beforehand: cache.download"),
            )


RULES = (disk_cannot_attach, startup_budget_too_short)
"""In the order they are told."""


def estimate(index: Index, pod: Workload) -> ColdStart:
    """The cold start of a pod that serves a model, as far as the plan and the catalog know it."""
    container = pod.containers[0]
    source, throughput = _source(index, pod)
    facts = pod.facts
    shape = facts.demand.architecture if facts and facts.demand else None
    model = shape or (find_model(facts.model) if facts else None)
    return cold_start(
        image=name_of(container.image),
        engine=container.name,
        source=source,
        weights_bytes=checkpoint_bytes(model) if model else None,
        throughput_mib=throughput,
    )


def _source(index: Index, pod: Workload) -> tuple[Source, float | None]:
    volume = pod.template.volume(VOLUME)
    if volume is None:
        return "unknown", None
    if "emptyDir" in volume.sources or "ephemeral" in volume.sources:
        return "hub", None
    if "image" in volume.sources:
        return "image", None
    if volume.driver == GCS_FUSE:
        return "gcs-fuse", None
    if disk := _disk(index, pod, volume):
        return "hyperdisk-ml", disk.throughput_mib
    claim = index.claims.get((pod.namespace, volume.claim))
    if claim is None or not claim.modes:
        return "unknown", None
    return ("filestore" if "ReadWriteMany" in claim.modes else "disk"), None


def _candidates(index: Index, pod: Workload) -> Iterator[NodeShape]:
    """The pools whose nodes the pod selects and tolerates."""
    for node, unselected in index.scheduler.selection(pod):
        if not unselected and not taint_misfits(pod, node):
            yield node


def _disk(index: Index, pod: Workload, volume: PodVolume) -> _Disk | None:
    """The Hyperdisk ML volume that a pod's claim is bound to."""
    claim = index.claims.get((pod.namespace, volume.claim))
    if claim is None:
        return None
    bound = index.volumes.get(claim.volume)
    if bound is not None and bound.annotations.get(DISK_TYPE) == TYPE:
        return _Disk(frozenset(bound.zones), None)
    made = index.storage_classes.get(claim.storage_class)
    if made is None or made.parameters.get("type") != TYPE:
        return None
    given = amount(made.parameters.get("provisioned-throughput-on-create"))
    return _Disk(frozenset(made.zones), given / MIB if given else None)
