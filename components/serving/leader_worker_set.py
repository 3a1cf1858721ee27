"""Replicas that span several nodes: a LeaderWorkerSet, whose groups of pods live and die together.

Read in kubernetes-sigs/lws@v0.9.0 (api/leaderworkerset/v1, pkg/webhooks, pkg/controllers) and in the CRD of 0.10.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.errors import MisfitError
from ..core.manifest import metadata, without_none
from ..core.names import physical_name
from ..engines.engine import Launch
from ..weights.hub_token import TokenParts
from .config import ROLE_LABEL, ModelServerConfig
from .pod import pod_template
from .site import Site

API_VERSION = "leaderworkerset.x-k8s.io/v1"
KIND = "LeaderWorkerSet"
EXCLUSIVE = "leaderworkerset.sigs.k8s.io/exclusive-topology"
LEADER = {ROLE_LABEL: "leader"}
WORKER = {ROLE_LABEL: "worker"}
_ZONE = "topology.kubernetes.io/zone"
_POOL = "cloud.google.com/gke-nodepool"
_NAME_LIMIT = 48
"""Workers' StatefulSets are called `<name>-<group>`, and a label of their pods is that and 11 characters more, at most
63 (kubernetes/kubernetes pkg/controller/statefulset, controller-revision-hash)."""
_OF_REQUESTS = ("ports", "startupProbe", "readinessProbe", "livenessProbe", "lifecycle")
"""What a container has for the requests it answers; workers answer none."""


def group_name(server: str) -> str:
    """The LeaderWorkerSet's name.

    Its controller makes a headless Service of the same name, which must begin with a letter and must not be the model
    server's own (pkg/webhooks/leaderworkerset_webhook.go, pkg/utils/controller/controller_utils.go).
    """
    return physical_name("lws", server, limit=_NAME_LIMIT)


def leader_worker_set(
    name: str,
    server: str,
    config: ModelServerConfig,
    launches: tuple[Launch, Launch],
    *,
    labels: Mapping[str, str],
    update: Mapping[str, int],
    site: Site,
    token: TokenParts | None,
    standby: bool,
) -> dict[str, Any]:
    """The LeaderWorkerSet of one version of a model server.

    Args:
        name: its name.
        server: the model server's name.
        config: the version's settings.
        launches: how the leader starts, and each worker.
        labels: labels of all its pods, without their role.
        update: maxSurge and maxUnavailable, in groups.
        site: what surrounds it.
        token: where the Hugging Face token comes from.
        standby: whether no traffic is meant for it, so that `pulumi up` does not wait for it.
    """
    leader, worker = (
        _template(server, config, launch, labels={**labels, **role}, site=site, token=token)
        for launch, role in zip(launches, (LEADER, WORKER), strict=True)
    )
    for field in _OF_REQUESTS:
        worker["spec"]["containers"][0].pop(field, None)
    # Pulumi knows no kind of custom resource; the condition is true once every group is up and current.
    notes = {"pulumi.com/skipAwait": "true"} if standby else {"pulumi.com/waitFor": "condition=Available"}
    if config.exclusive_topology:
        notes[EXCLUSIVE] = config.exclusive_topology
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": metadata(name, config.namespace, labels, notes),
        "spec": without_none(
            replicas=None if config.autoscaling else config.replicas,
            # The leader is ready only when its workers have joined, so LeaderReady would wait for ever.
            startupPolicy="LeaderCreated",
            rolloutStrategy={"type": "RollingUpdate", "rollingUpdateConfiguration": {"partition": 0, **update}},
            networkConfig={"subdomainPolicy": "Shared"},
            leaderWorkerTemplate={
                "size": config.nodes,
                # A rank that restarts cannot rejoin the others. Not OnPodRestart: while a new node is being made for
                # one pod, the others give up waiting and restart, and would take that pod with them.
                "restartPolicy": "RecreateGroupAfterStart",
                "leaderTemplate": leader,
                "workerTemplate": worker,
            },
        ),
    }


def _template(
    server: str,
    config: ModelServerConfig,
    launch: Launch,
    *,
    labels: Mapping[str, str],
    site: Site,
    token: TokenParts | None,
) -> dict[str, Any]:
    template = pod_template(
        server, config, launch, labels=labels, nodes=site.nodes, placement=site.placement, token=token
    )
    # Spread over zones, the pods of one replica would talk across them at every token.
    del template["spec"]["topologySpreadConstraints"]
    return template


def refuse_too_few_places(config: ModelServerConfig, groups: int, site: Site) -> None:
    """Refuse more groups than there are places, where each has one to itself.

    Args:
        config: the model server's settings.
        groups: groups there can be at a time, of all versions.
        site: what surrounds it.

    Raises:
        MisfitError: the label has fewer values than there are groups.
    """
    counted = {
        _ZONE: ("zones", len({zone for node in site.nodes for zone in node.zones})),
        _POOL: ("pools", len(site.nodes)),
    }
    noun, places = counted.get(config.exclusive_topology or "", ("", 0))
    if places and places < groups:
        text = f'got "{config.exclusive_topology}", and up to {groups} replicas would each need one to itself, of'
        raise MisfitError(f"{text} {places} {noun}; name more in runs_on, or drop it", ("exclusive_topology",))
