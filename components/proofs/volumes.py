"""Rollout, volumes: those that not every pod can have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from ..core.plan import NodeShape
from ..core.words import listed
from ..kinds.names import DAEMON_SET, JOB
from ..reading.index import Index
from ..reading.workload import Workload
from ..weights.cache import CLAIM_MODE, VOLUME
from .rollout import IN_PLACE, step
from .rule import Fault, rule

_HOST = "kubernetes.io/hostname"


@rule("volume-of-one-pod", "rollout", "error")
def volume_of_one_pod(index: Index) -> Iterator[Fault]:
    """A ReadWriteOncePod volume that more than one pod wants at once.

    The scheduler lets one pod in the whole cluster use such a volume: every other one stays Pending, "node has pod
    using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode". With a surge that is true of one
    replica too: the new pod waits for the volume and the old one for the new pod. Source: k8s.io/kubernetes@v1.36.3
    pkg/scheduler/framework/plugins/volumerestrictions/volume_restrictions.go; seen on a real control plane
    (tests/cluster/test_rolled.py).

    Fix: one replica without a surge, or a volume that several pods can mount.
    """
    for claim in _claims(index):
        if claim.modes == {"ReadWriteOncePod"} and claim.pods > 1:
            yield Fault(
                claim.users[0].at("cache", "access_mode"),
                f"claim {claim.name} is ReadWriteOncePod, for one pod in the cluster, and up to {claim.pods} pods want "
                f"it at once ({claim.wanted_by}): all but one would stay Pending",
                tuple(_ways_to_share(claim)),
            )


@rule("volume-of-one-node", "rollout", "error")
def volume_of_one_node(index: Index) -> Iterator[Fault]:
    """A ReadWriteOnce volume for several pods that may land on several nodes.

    A disk attaches to one node: pods on others stay in ContainerCreating with "Multi-Attach error for volume". With a
    surge that is true of one replica too, because the old pod only goes when the new one is ready. One replica without
    a surge works: the old pod is gone before the new one mounts. Pods that can only be on one node share it. Source:
    kubernetes.io/docs/concepts/storage/persistent-volumes, "Access Modes"; k8s.io/kubernetes@v1.36.3
    pkg/controller/volume/attachdetach/reconciler/reconciler.go, `reportMultiAttachError`.

    Fix: a volume that many nodes can mount, or a disk for each pod.
    """
    for claim in _claims(index):
        if claim.modes == {"ReadWriteOnce"} and claim.pods > 1 and not _on_one_node(index, claim):
            yield Fault(
                claim.users[0].at("cache", "access_mode"),
                f"claim {claim.name} is ReadWriteOnce, which attaches to one node, and up to {claim.pods} pods want it "
                f"at once ({claim.wanted_by}): those on other nodes would wait for it for ever",
                tuple(_ways_to_share(claim)),
            )


RULES = (volume_of_one_pod, volume_of_one_node)
"""In the order they are told."""


class _MountedClaim(NamedTuple):
    """A volume claim, how it can be mounted, and the workloads whose pods all mount it."""

    name: str
    modes: frozenset[str]
    users: tuple[Workload, ...]

    @property
    def pods(self) -> int:
        """Pods that want it at once, updates included."""
        return sum(_at_once(pod) for pod in self.users)

    @property
    def wanted_by(self) -> str:
        """Who they are."""
        return listed(_wanted_by(pod) for pod in self.users)


def _claims(index: Index) -> list[_MountedClaim]:
    return index.once("claims", _find_claims)


def _find_claims(index: Index) -> list[_MountedClaim]:
    modes = {key: frozenset(claim.modes) for key, claim in index.claims.items()}
    users: dict[tuple[str, str], list[Workload]] = defaultdict(list)
    for pod in index.workloads:
        for volume in pod.template.volumes:
            if volume.claim:
                key = (pod.namespace, volume.claim)
                users[key].append(pod)
                if volume.name == VOLUME and (mode := pod.annotations.get(CLAIM_MODE)):
                    modes.setdefault(key, frozenset({mode}))
    return [
        _MountedClaim(key[1], modes[key], tuple(_at_the_same_time(pods))) for key, pods in users.items() if key in modes
    ]


def _at_the_same_time(users: list[Workload]) -> Iterator[Workload]:
    """The users of a claim without the Jobs that are done before the others start, because those come after them."""
    for pod in users:
        others = [other for other in users if other is not pod]
        if pod.kind != JOB or not others or not all(_waits_for(other, pod) for other in others):
            yield pod


def _waits_for(pod: Workload, job: Workload) -> bool:
    return pod.part.key == job.part.key and job.item.role in pod.item.after


def _at_once(pod: Workload) -> int:
    if pod.kind == DAEMON_SET:
        return 2  # one on every node, however many there are
    return pod.most + _surge(pod)


def _wanted_by(pod: Workload) -> str:
    if pod.kind == DAEMON_SET:
        return f"{pod.subject} on every node"
    surge = _surge(pod)
    return f"{pod.most} of {pod.subject}{f' with {surge} more while it is updated' if surge else ''}"


def _surge(pod: Workload) -> int:
    return step(pod, pod.most).surge if pod.most else 0


def _ways_to_share(claim: _MountedClaim) -> Iterator[str]:
    if sum(pod.most for pod in claim.users) == 1:
        yield IN_PLACE
    yield "access_mode: ReadWriteMany, or a cache of kind replica-disk or node-disk"


def _on_one_node(index: Index, claim: _MountedClaim) -> bool:
    """Whether all pods that mount a claim can only be on the same node."""
    if all(_HOST in pod.template.together for pod in claim.users):
        return True
    fits = {verdict.pod: verdict.fits for verdict in index.scheduler.verdicts if verdict.pod in claim.users}
    if len(fits) < len(set(claim.users)):
        return False
    pools: dict[str, NodeShape] = {node.pool: node for nodes in fits.values() for node in nodes}
    return sum(2 if node.max_nodes is None else node.max_nodes for node in pools.values()) == 1
