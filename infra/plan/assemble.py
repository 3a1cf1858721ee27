"""From a stack to its plan: a pure function, without Pulumi, cluster, network or clock."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import partial

from components.addons.adapter import pod_metrics
from components.addons.charts import chart_keys, charts
from components.core.plan import Limits, NodeShape, Part, Plan
from components.gpu.cluster import SYSTEM_POOL, GkeClusterConfig, gke_cluster
from components.gpu.compute_class import class_pools, compute_class
from components.gpu.kubeconfig import KubeconfigConfig
from components.gpu.node_pool import GpuNodePoolConfig, node_pool
from components.gpu.node_shape import node_shape
from components.gpu.placement import placement
from components.monitoring.dcgm_exporter import dcgm_exporter, dcgm_target
from components.monitoring.prometheus import prometheus
from components.monitoring.scrape import (
    NoPrometheus,
    OperatorPrometheus,
    StandalonePrometheus,
    prometheus_url,
    scrape_targets,
)
from components.rollout.model import ModelConfig, model, scalers, track_labels
from components.serving.pod import gpus_of
from components.serving.site import Site
from components.tenancy.namespace import NamespaceConfig, namespace
from components.tenancy.pod_security import strictest_level
from components.tenancy.priority_class import priority_class
from components.traffic.backends.registry import RouteConfig
from components.traffic.route import RouteTarget
from components.traffic.service import service_host

from .collector import Collector
from .environment import Environment
from .references import check_references

DCGM_NAMESPACE = "gpu-monitoring"
"""Where our DCGM exporter runs, alone: its pods mount host folders, so the namespace cannot enforce anything."""


def assemble(environment: Environment, name: str, secrets: Collection[str] = ()) -> Plan:
    """The plan of an environment.

    Args:
        environment: the stack.
        name: the environment's name.
        secrets: keys of the stack's secrets.

    Raises:
        ConfigError: everything that does not fit together, with paths into the stack.
    """
    found = Collector()
    check_references(environment, secrets, found)
    found.finish()
    plan = _Assembly(environment, found).plan(name)
    found.finish()
    return plan


class _Assembly:
    """One run over an environment; holds what its sections have in common."""

    def __init__(self, environment: Environment, found: Collector) -> None:
        self.environment = environment
        self.found = found
        self.zones = environment.cluster.zones
        self.location = environment.cluster.location
        self.nodes: dict[str, NodeShape] = {}

    def plan(self, name: str) -> Plan:
        """Build every section, foundations first."""
        environment = self.environment
        cluster = environment.cluster
        made = [] if isinstance(cluster, KubeconfigConfig) else [gke_cluster(cluster, path=("cluster",))]
        self.base = tuple(part.key for part in made)
        pools = self._pools()
        classes = self._classes(pools)
        priorities = self._priority_classes()
        self.chart_keys = chart_keys(environment.addons)
        self.ready = {part.key for part in (*pools, *classes, *priorities)}
        models = [
            part
            for key, config in environment.models.items()
            if (part := self.found.attempt(("models", key), partial(self._model, key, config)))
        ]
        # Models come after charts and collectors, which are told what the models' builders know.
        helm = self._charts(models)
        monitoring = self._monitoring(models)
        namespaces = self._namespaces([*monitoring, *models])
        routes = self._routes({part.name: part for part in models})
        parts = [*made, *namespaces, *priorities, *pools, *classes, *helm, *monitoring]
        self.found.finish()
        system = self._system_nodes()
        return Plan(
            name,
            (*parts, *models, *routes),
            self._exports(models, routes),
            nodes=(*self.nodes.values(), *system),
            nodes_complete=bool(system),
            limits=_limits(environment),
        )

    def _system_nodes(self) -> list[NodeShape]:
        """The nodes for pods that ask for no pool, where the stack makes them."""
        cluster = self.environment.cluster
        if not isinstance(cluster, GkeClusterConfig) or cluster.autopilot:
            return []
        return [
            node_shape(
                SYSTEM_POOL,
                cluster.system_pool.as_pool(),
                location=self.location,
                cluster_zones=self.zones,
                path=("cluster", "system_pool"),
            )
        ]

    def _pools(self) -> list[Part]:
        parts = []
        for name, config in self.environment.node_pools.items():
            path = ("node_pools", name)
            shape = self.found.attempt(
                path,
                partial(
                    node_shape,
                    name,
                    config,
                    location=self.location,
                    cluster_zones=self.zones,
                    on_gke=self.environment.on_gke,
                    path=path,
                ),
            )
            if shape:
                # Autopilot adds tolerations to pods by itself, and nodes as long as pods need them.
                on_autopilot = self.environment.autopilot
                self.nodes[name] = replace(shape, taints=(), max_nodes=None) if on_autopilot else shape
            if config.exists or self.environment.autopilot or not self.environment.on_gke:
                continue
            build = partial(
                node_pool,
                name,
                config,
                cluster=self.environment.cluster.name,
                project=self.environment.cluster.project,
                location=self.location,
                cluster_zones=self.zones,
                after=self.base,
                path=path,
            )
            part = self.found.attempt(path, build)
            parts += [part] if part else []
        return parts

    def _classes(self, pools: list[Part]) -> list[Part]:
        parts = []
        made = {part.key for part in pools}
        for name, config in self.environment.compute_classes.items():
            path = ("compute_classes", name)
            build = partial(
                compute_class,
                name,
                config,
                pools=self.environment.node_pools,
                autopilot=self.environment.autopilot,
                # A class is unhealthy while a pool it names is missing, and pods that select it wait.
                after=(*self.base, *(key for pool in config.pool_names if (key := f"GpuNodePool/{pool}") in made)),
                path=path,
            )
            part = self.found.attempt(path, build)
            parts += [part] if part else []
        return parts

    def _priority_classes(self) -> list[Part]:
        parts = []
        for name, config in self.environment.priority_classes.items():
            path = ("priority_classes", name)
            part = self.found.attempt(path, partial(priority_class, name, config, after=self.base, path=path))
            parts += [part] if part else []
        return parts

    def _charts(self, models: list[Part]) -> list[Part]:
        build = partial(
            charts,
            self.environment.addons,
            prometheus_url=prometheus_url(self.environment.prometheus),
            pod_metrics=pod_metrics(track for part in models for track in part.tracks),
            after=self.base,
            path=("addons",),
        )
        return self.found.attempt((), build) or []

    def _monitoring(self, models: list[Part]) -> list[Part]:
        """Our own collectors; namespaces come before them, which `_namespaces` makes."""
        config = self.environment.prometheus
        parts: list[Part | None] = []
        if isinstance(config, StandalonePrometheus):
            targets = [target for part in models for target in scrape_targets(part.tracks)]
            if self.environment.dcgm == "daemonset":
                targets.append(dcgm_target(DCGM_NAMESPACE))
            watched = {config.namespace, *(target.namespace for target in targets)}
            after = (*self.base, *(self._namespace_key(space) for space in sorted(watched)))
            parts.append(prometheus(config, targets=targets, after=after, path=("observability", "prometheus")))
        if self.environment.dcgm == "daemonset":
            exporter = self.environment.observability.dcgm_exporter
            after = (*self.base, self._namespace_key(DCGM_NAMESPACE), *self._scrape_charts())
            path = ("observability", "dcgm_exporter")
            parts.append(dcgm_exporter(exporter, namespace=DCGM_NAMESPACE, prometheus=config, after=after, path=path))
        return [part for part in parts if part]

    def _namespace_key(self, name: str) -> str:
        return f"Namespace/{name}"

    def _scrape_charts(self) -> tuple[str, ...]:
        """What brings the kind of the scrape objects."""
        if isinstance(self.environment.prometheus, OperatorPrometheus) and "prometheus_operator" in self.chart_keys:
            return (self.chart_keys["prometheus_operator"],)
        return ()

    def _model(self, name: str, config: ModelConfig) -> Part:
        pools, chosen = self._targets(config)
        for pool, made_by_class in pools.items():
            if pool not in self.nodes and pool not in self.environment.node_pools:
                # GKE makes such a pool when a pod first needs it; the proofs look at it like at any other.
                at = ("compute_classes", chosen or "")
                self.nodes[pool] = node_shape(pool, made_by_class, location=self.location, path=at)
        nodes = tuple(self.nodes[pool] for pool in pools if pool in self.nodes)
        after = [*self.base, self._namespace_key(config.namespace)]
        after += [key for pool in pools if (key := f"GpuNodePool/{pool}") in self.ready]
        after += [f"ComputeClass/{chosen}"] if chosen else []
        after += [key for key in (f"PriorityClass/{config.priority_class}",) if key in self.ready]
        after += self._scrape_charts()
        if config.hf_token and config.hf_token.kind == "external-secret" and "external_secrets" in self.chart_keys:
            after.append(self.chart_keys["external_secrets"])
        if config.nodes > 1 and "leader_worker_set" in self.chart_keys:
            after.append(self.chart_keys["leader_worker_set"])
        needed = (addon for _, scaler in scalers(config) for addon in scaler.NEEDS)
        after += [self.chart_keys[addon] for addon in dict.fromkeys(needed) if addon in self.chart_keys]
        prometheus_config = self.environment.prometheus
        site = Site(
            nodes=nodes,
            placement=placement(
                pools,
                compute_class=chosen,
                autopilot=self.environment.autopilot,
                on_gke=self.environment.on_gke,
                gpus=gpus_of(config, nodes),
            )
            if config.runs_on
            else {},
            prometheus=None if isinstance(prometheus_config, NoPrometheus) else prometheus_config,
            adapter=self.environment.addons.metrics_adapter,
            callers=tuple(self._gateways(name)),
            after=tuple(after),
            path=("models", name),
        )
        return model(name, config, site)

    def _targets(self, config: ModelConfig) -> tuple[dict[str, GpuNodePoolConfig], str | None]:
        """The pools of `runs_on` in order, and the compute class when it names one."""
        environment = self.environment
        if config.runs_on and config.runs_on[0] in environment.compute_classes:
            chosen = config.runs_on[0]
            return class_pools(chosen, environment.compute_classes[chosen], environment.node_pools), chosen
        return {name: environment.node_pools[name] for name in config.runs_on}, None

    def _gateways(self, model_name: str) -> Iterable[str]:
        """Namespaces of the gateways that lead to a model."""
        for route in self.environment.traffic.values():
            if route.model == model_name:
                yield from route.callers

    def _namespaces(self, parts: list[Part]) -> list[Part]:
        declared = self.environment.namespaces
        found: dict[str, list[Part]] = {}
        for part in parts:
            for space in {item.namespace for item in part.items} - {""}:
                found.setdefault(space, []).append(part)
        result = []
        for name in [*declared, *sorted(found.keys() - declared.keys())]:
            users = found.get(name, [])
            path = ("namespaces", name) if name in declared or not users else (*users[0].path, "namespace")
            config = declared.get(name, NamespaceConfig())
            if "pod_security" not in config.model_fields_set:
                config = config.with_changes(pod_security=strictest_level(found.get(name, ()), name))
            made = self.found.attempt(path, partial(namespace, name, config, after=self.base, path=path))
            result += [replace(made, path=("namespaces", name))] if made else []
        return result

    def _routes(self, models: dict[str, Part]) -> list[Part]:
        parts = []
        for name, config in self.environment.traffic.items():
            if config.model in models:
                build = partial(self._route, name, config, models[config.model])
                part = self.found.attempt(("traffic", name), build)
                parts += [part] if part else []
        return parts

    def _route(self, name: str, config: RouteConfig, target: Part) -> Part:
        entry = self.environment.models[config.model]
        tracks = track_labels(entry)
        subsets = {subset: tracks[track] for subset, track in config.subsets.items()} if config.subsets else tracks
        keys = [self.chart_keys[addon] for addon in config.WAITS_FOR if addon in self.chart_keys]
        host = service_host(config.model, entry.namespace)
        leads_to = RouteTarget(entry.namespace, host, entry.service.port, subsets)
        return config.part(name, leads_to, after=(*keys, target.key), path=("traffic", name))

    def _exports(self, models: list[Part], routes: list[Part]) -> dict[str, object]:
        exports: dict[str, object] = {"models": {part.name: part.outputs["url"] for part in models}}
        if routes:
            exports["routes"] = {part.name: list(part.outputs["hosts"]) for part in routes}
        if self.environment.on_gke:
            exports["cluster"] = self.environment.cluster.name
        return exports


def _limits(environment: Environment) -> Limits:
    """What the team says of the environment's size and use."""
    policy = environment.policy
    return Limits(
        monthly_usd=policy.budget.monthly_usd if policy.budget else None,
        gpu_quota={name: (quota.gpus, quota.preemptible) for name, quota in policy.gpu_quota.items()},
        usage={name: model.usage.stated() for name, model in environment.models.items() if model.usage},
    )
