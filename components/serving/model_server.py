"""One model on one engine: every object it takes to serve it, as a part of the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import ConfigError, MisfitError, Problem
from ..core.manifest import metadata, object_item, without_none
from ..core.plan import Item, Part
from ..engines.engine import Launch
from ..monitoring.collect.scrape import scrape_item, scraper_namespace
from ..scaling.scaler import ScaleTarget
from ..traffic.service import service_host, service_item, service_url
from ..weights import cache
from ..weights.cache import Claim, ExistingClaim, claim_items
from ..weights.download import Download, surroundings
from ..weights.hub_token import TokenParts, token_parts
from .config import ModelServerConfig
from .leader_worker_set import LEADER, leader_worker_set, refuse_too_few_places
from .network_policy import network_policy_item
from .pod import PORT, gpus_of, pod_template
from .site import Site
from .start import started
from .track import Track

SERVER_KINDS = frozenset({"ModelServer", "Canary", "AbTest", "BlueGreen"})
"""What a model server can be; its Service, cache and account stay when its rollout changes from one to another."""
NODE_SECONDS = 900
"""Seconds a new GPU node may take: creation, drivers, a large image."""


@dataclass(frozen=True, slots=True)
class _CommonItems:
    """What every track of a server has in common."""

    items: list[Item]
    token: TokenParts | None
    roles: tuple[str, ...] = field(default=())


def model_server(name: str, config: ModelServerConfig, site: Site | None = None) -> Part:
    """One model server: ServiceAccount, cache, NetworkPolicy, budget, Deployment, Service, and its autoscaler.

    Args:
        name: the server's name, a DNS label; its objects carry it.
        config: its settings.
        site: what surrounds it. Omitted: a cluster of unknown nodes, scraped by nothing.

    Raises:
        ConfigError: settings that do not fit the site; paths are relative to `config`.
    """
    return assemble("ModelServer", name, [Track(config)], {"app": name}, site or Site())


def assemble(kind: str, name: str, tracks: list[Track], selector: Mapping[str, str], site: Site) -> Part:
    """Put the tracks of one server behind one Service.

    Tracks before the first standby come before the Service, the standby ones after it: a switch never leaves the
    Service without ready pods (seen on a real engine: without that order it had none for 0.27 s).
    """
    base = tracks[0].config
    groups = sum(track.most + (track.config.update.max_surge or 0) for track in tracks)
    refuse_too_few_places(base, groups, site)
    if base.usage:
        base.usage.refuse_beyond(
            sum(track.fewest for track in tracks),
            sum(track.most for track in tracks),
        )
    starts: dict[str, tuple[Launch, ...]] = {}
    for track in tracks:
        with track.blamed():
            starts[track.pods] = started(track.config, site)
    runs = [(track, starts[track.pods][0]) for track in tracks]
    shared = _shared(name, base, runs, site)
    items = list(shared.items)
    active: list[str] = []
    for track in tracks:
        if not track.standby:
            with track.blamed():
                items += _track_items(name, track, starts[track.pods], shared, site, after=shared.roles)
            active.append(track.pods)
    timeout = max(_timeout_seconds(track, launch) for track, launch in runs)
    selected = {**selector, **LEADER} if base.nodes > 1 else selector
    items.append(
        service_item(name, base.namespace, base.service, selected, after=tuple(active), timeout_seconds=timeout)
    )
    for track in tracks:
        if track.standby:
            with track.blamed():
                items += _track_items(name, track, starts[track.pods], shared, site, after=("service",))
    outputs: dict[str, Any] = {
        "host": service_host(name, base.namespace),
        "url": service_url(name, base.namespace, base.service),
        "namespace": base.namespace,
        "service": name,
        "selector": dict(selected),
        "deployments": [track.deployment(name) for track in tracks],
    }
    return Part(
        kind,
        name,
        tuple(items),
        outputs,
        site.after,
        site.path,
        siblings=tuple(sorted(SERVER_KINDS - {kind})),
        tracks=tuple(track.facts(name, launch, site) for track, launch in runs),
    )


def _shared(name: str, config: ModelServerConfig, runs: list[tuple[Track, Launch]], site: Site) -> _CommonItems:
    namespace = config.namespace
    launches = [launch for _, launch in runs]
    items = [_service_account(name, config)]
    items += claim_items(name, namespace, config.cache, content=config.content, timeout_seconds=NODE_SECONDS)
    token = token_parts(name, namespace, config.hf_token) if config.hf_token else None
    items += token.items if token else ()
    scraped = site.prometheus is not None and any(launch.metrics_path for launch in launches)
    scraper = scraper_namespace(site.prometheus) if scraped and site.prometheus else None
    items.append(
        network_policy_item(
            name,
            namespace,
            config.network,
            balanced=config.service.type == "LoadBalancer",
            callers=[*site.callers, *([scraper] if scraper else [])],
            cluster_ports=[port for launch in launches for port in launch.egress_ports],
            google_apis=config.gcp_service_account is not None or cache.needs_google_identity(config.cache),
            internet=_may_call_out(config),
            cache_ranges=cache.egress_ranges(config.cache),
            peers=config.nodes > 1,
        )
    )
    items += _downloads(name, runs, site, token, after=tuple(item.role for item in items))
    roles = tuple(item.role for item in items)
    if site.prometheus and scraped:
        paths = {launch.metrics_path for launch in launches if launch.metrics_path}
        if len(paths) > 1:
            message = f"versions serve their metrics at {' and '.join(sorted(paths))}; one Service is read at one path"
            raise MisfitError(message, at=("rollout",))
        item = scrape_item(
            site.prometheus,
            component=name,
            name=name,
            namespace=namespace,
            selector={"app": name, **(LEADER if config.nodes > 1 else {})},
            port=PORT,
            path=min(paths),
        )
        items += [item] if item else []
    return _CommonItems(items, token, roles)


def _may_call_out(config: ModelServerConfig) -> bool:
    if config.network.internet is not None:
        return config.network.internet
    return not config.is_offline or cache.needs_public_addresses(config.cache)


def _downloads(
    name: str, runs: list[tuple[Track, Launch]], site: Site, token: TokenParts | None, *, after: tuple[str, ...]
) -> list[Item]:
    """A Job for each model and revision that is served from the claim."""
    config = runs[0][0].config
    if not isinstance(config.cache, Claim) or config.cache.download is None:
        return []
    around = surroundings(name, config.namespace)
    zonal = config.cache.access_mode == "ReadWriteOnce"
    zones = sorted({zone for node in site.nodes for zone in node.zones}) if zonal else ()
    jobs: dict[str, Item] = {}
    for track, launch in runs:
        download = Download(
            server=name,
            namespace=config.namespace,
            config=config.cache.download,
            model=track.config.model,
            revision=track.config.revision or "",
            launch=launch,
            claim=cache.claim_name(name, config.cache, track.config.content),
            zones=tuple(zones),
            token=token,
        )
        job = download.job(after=(*after, *(item.role for item in around)))
        jobs[job.role] = job
    return [*around, *jobs.values()]


def _track_items(
    name: str, track: Track, group: tuple[Launch, ...], shared: _CommonItems, site: Site, *, after: tuple[str, ...]
) -> list[Item]:
    config, launch = track.config, group[0]
    deployment = _workload(name, track, group, shared.token, site)
    role, budget = track.pods, track.role("disruption-budget")
    items = [
        object_item(budget, name, _disruption_budget(name, track), after=after),
        object_item(role, name, deployment, after=after, timeout_seconds=_timeout_seconds(track, launch)),
    ]
    if config.autoscaling:
        try:
            items += config.autoscaling.items(
                ScaleTarget(
                    track.deployment(name),
                    config.namespace,
                    name,
                    deployment["apiVersion"],
                    deployment["kind"],
                    emitted=launch.metrics,
                    roles=launch.roles,
                    adapter=site.adapter,
                    role=track.role("autoscaler"),
                    after=(role,),
                )
            )
        except ConfigError as error:
            raise ConfigError(
                Problem(("autoscaling", *found.path), found.message) for found in error.problems
            ) from None
    return items


def _workload(
    name: str, track: Track, group: tuple[Launch, ...], token: TokenParts | None, site: Site
) -> dict[str, Any]:
    """What makes a track's pods: a Deployment, or a LeaderWorkerSet where a replica spans nodes."""
    config, launch = track.config, group[0]
    labels = {"app": name, **track.labels}
    update = _update(config, gpus_of(config, site.nodes))
    match group:
        case (leader, worker):
            return leader_worker_set(
                track.deployment(name),
                name,
                config,
                (leader, worker),
                labels=labels,
                update=update,
                site=site,
                token=token,
                standby=track.standby,
            )
    # Pulumi would wait for a colour that may not even have nodes yet.
    notes = {"pulumi.com/skipAwait": "true"} if track.standby else None
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(track.deployment(name), config.namespace, labels, notes),
        "spec": without_none(
            # Absent where something scales it: two owners of one field end in conflict
            # (pulumi/pulumi-kubernetes#2491).
            replicas=None if config.autoscaling else config.replicas,
            selector={"matchLabels": labels},
            strategy={"type": "RollingUpdate", "rollingUpdate": update},
            progressDeadlineSeconds=_start_seconds(config, launch),
            template=pod_template(
                name, config, launch, labels=labels, nodes=site.nodes, placement=site.placement, token=token
            ),
        ),
    }


def _update(config: ModelServerConfig, gpus: int) -> dict[str, int]:
    """How many replicas may be there above and be missing below their number while they are replaced."""
    surge, unavailable = config.update.max_surge, config.update.max_unavailable
    if surge is None:
        single = isinstance(config.cache, Claim | ExistingClaim) and config.cache.access_mode == "ReadWriteOnce"
        surge = 1 if unavailable == 0 or (unavailable is None and not gpus and not single) else 0
    if unavailable is None:
        unavailable = 1 if surge == 0 else 0
    return {"maxSurge": surge, "maxUnavailable": unavailable}


def _start_seconds(config: ModelServerConfig, launch: Launch) -> int:
    return config.start_seconds or NODE_SECONDS + launch.probes[0].budget_seconds


def _timeout_seconds(track: Track, launch: Launch) -> int:
    """How long Pulumi waits: pods are replaced one after another, each may need a node and a whole load."""
    return _start_seconds(track.config, launch) * track.most


def _service_account(name: str, config: ModelServerConfig) -> Item:
    account = config.gcp_service_account
    manifest = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(
            name,
            config.namespace,
            {"app": name},
            {"iam.gke.io/gcp-service-account": account} if account else None,
        ),
        "automountServiceAccountToken": False,
    }
    return object_item("service-account", name, manifest)


def _disruption_budget(name: str, track: Track) -> dict[str, Any]:
    """A budget for each Deployment: pods of one version that are not ready must not hold up drains of the other.

    maxUnavailable, never minAvailable: one that equals the replicas blocks every drain. A pod that is not ready may
    always go, because it serves nobody (Kubernetes API, PodDisruptionBudgetSpec).
    """
    labels = {"app": name, **track.labels}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(track.deployment(name), track.config.namespace, labels),
        "spec": {
            "maxUnavailable": track.config.max_unavailable,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": labels},
        },
    }
