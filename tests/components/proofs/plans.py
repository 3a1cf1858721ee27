"""A sound plan made by the real builders, and ways to break it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from components.core.errors import dotted
from components.core.manifest import object_item
from components.core.plan import Item, Limits, NodeShape, Part, Plan
from components.gpu.cluster import GkeExistingConfig, gke_cluster
from components.gpu.node_pool import GpuNodePoolConfig, node_pool
from components.gpu.node_shape import node_shape
from components.gpu.placement import placement
from components.monitoring.collect.dcgm_exporter import DcgmExporterConfig, dcgm_exporter
from components.proofs.finding import Finding
from components.proofs.rules import prove
from components.rollout.model import ModelConfig, model
from components.serving.site import Site
from components.tenancy.namespace import NamespaceConfig, namespace
from components.traffic.backends.istio import IstioRoute
from components.traffic.route import RouteTarget

COMMIT = "0e9e39f249a16976918f6564b8830bc894c89659"
DIGEST = "sha256:" + "a" * 64
CUSTOM_IMAGE = f"registry.example.com/team/server:1.2.3@{DIGEST}"

POOLS: Mapping[str, Mapping[str, Any]] = {
    "l4": {"accelerator": "nvidia-l4", "machine_type": "g2-standard-12", "nodes": {"max": 4}},
    "l4-pair": {"accelerator": "nvidia-l4", "machine_type": "g2-standard-24", "nodes": {"max": 4}},
    "t4": {"accelerator": "nvidia-tesla-t4", "machine_type": "n1-standard-8", "nodes": {"max": 2}},
    "shared": {
        "accelerator": "nvidia-l4",
        "machine_type": "g2-standard-12",
        "nodes": {"max": 2},
        "sharing": {"kind": "time-sharing", "clients": 4},
    },
}
TGI = {"kind": "tgi", "version": "sha-db931fc"}
VLLM = {"kind": "vllm"}
TEI = {"kind": "tei"}
CUSTOM = {"kind": "custom", "image": CUSTOM_IMAGE}

Edit = Callable[[dict[str, Any]], object]


def pool(name: str, **changes: Any) -> GpuNodePoolConfig:
    """One of the pools above, with changes."""
    return GpuNodePoolConfig(**{**POOLS[name], **changes})


def shape(name: str, config: GpuNodePoolConfig | None = None) -> NodeShape:
    """What a pool's nodes are to the scheduler."""
    return node_shape(name, config or pool(name), location="us-central1", path=("node_pools", name))


def serving(name: str, on: tuple[str, ...] = ("l4",), engine: Mapping[str, Any] | None = None, **settings: Any) -> Part:
    """A model of the environment, as the real builder makes it."""
    config = ModelConfig(
        **{"model": "Qwen/Qwen3-8B", "revision": COMMIT, "runs_on": on, "engine": engine or TGI, **settings}
    )
    configs = {pool_name: pool(pool_name) for pool_name in on}
    gpus = 1 if config.gpus is None else config.gpus
    site = Site(
        nodes=tuple(shape(pool_name) for pool_name in on),
        placement=placement(configs, gpus=gpus) if on else {},
        path=("models", name),
    )
    return model(name, config, site)


def route(name: str, to: str, subsets: Mapping[str, Mapping[str, str]], **settings: Any) -> Part:
    """A route to a model in the namespace `inference`."""
    config = IstioRoute(**{"model": to, "hosts": [f"{name}.example.com"], **settings})
    host = f"{to}.inference.svc.cluster.local"
    return config.part(name, RouteTarget("inference", host, 80, subsets), path=("traffic", name))


COLORS = {"blue": {"color": "blue"}, "green": {"color": "green"}}


@cache
def sound() -> Plan:
    """An environment in which every rule holds: pools, two namespaces, three models, two routes, the DCGM exporter."""
    pools = [
        node_pool(
            name, pool(name), cluster="main", project="example", location="us-central1", path=("node_pools", name)
        )
        for name in POOLS
    ]
    spaces = [
        namespace("inference", NamespaceConfig(pod_security="baseline"), path=("namespaces", "inference")),
        namespace("monitoring", NamespaceConfig(pod_security="privileged"), path=("namespaces", "monitoring")),
    ]
    models = [
        serving("llama", autoscaling={"min": 1, "max": 2, "cpu_percent": 80}),
        serving("chat", rollout={"kind": "blue-green", "active": "blue"}),
        serving(
            "small",
            ("t4",),
            CUSTOM,
            hf_token={"kind": "pulumi"},
            resources={"memory": "4Gi"},
            rollout={"kind": "canary", "canary": {"env": {"TRIES": "2"}}},
        ),
    ]
    routes = [
        route("chat", "chat", COLORS, rules=[{"to": {"blue": 100}}]),
        route(
            "small",
            "small",
            {"stable": {"version": "stable"}, "canary": {"version": "canary"}},
            timeout_seconds=120,
            rules=[
                {"headers": {"x-try": {"exact": "yes"}}, "to": {"canary": 100}},
                {"to": {"stable": 90, "canary": 10}},
            ],
        ),
    ]
    exporter = dcgm_exporter(DcgmExporterConfig(), namespace="monitoring", path=("observability", "dcgm_exporter"))
    return Plan("test", (*pools, *spaces, *models, exporter, *routes), nodes=tuple(shape(name) for name in POOLS))


def edited(plan: Plan, part: str, role: str, edit: Edit) -> Plan:
    """The plan with one item's properties edited in place."""

    def item_of(item: Item) -> Item:
        if item.role != role:
            return item
        properties = copy.deepcopy(dict(item.properties))
        edit(properties)
        return replace(item, properties=properties)

    found = next(entry for entry in plan.parts if entry.key == part)
    assert role in {item.role for item in found.items}, f"{part} has no {role}"
    return exchanged(plan, part, replace(found, items=tuple(item_of(item) for item in found.items)))


def exchanged(plan: Plan, part: str, new: Part) -> Plan:
    """The plan with one part for another."""
    return replace(plan, parts=tuple(new if entry.key == part else entry for entry in plan.parts))


def added(plan: Plan, *parts: Part) -> Plan:
    """The plan with parts at its end."""
    return replace(plan, parts=(*plan.parts, *parts))


def without(plan: Plan, part: str, role: str) -> Plan:
    """The plan without one item; what comes after it no longer does."""
    found = next(entry for entry in plan.parts if entry.key == part)
    kept = (item for item in found.items if item.role != role)
    items = tuple(replace(item, after=tuple(name for name in item.after if name != role)) for item in kept)
    return exchanged(plan, part, replace(found, items=items))


def pod(edit: Edit) -> Edit:
    """An edit of the pod's spec in a Deployment or DaemonSet."""
    return lambda manifest: edit(manifest["spec"]["template"]["spec"])


def container(edit: Edit) -> Edit:
    """An edit of the pod's only container."""
    return pod(lambda spec: edit(spec["containers"][0]))


def notes(edit: Edit) -> Edit:
    """An edit of the pod's annotations."""
    return lambda manifest: edit(manifest["spec"]["template"]["metadata"]["annotations"])


def llama(edit: Edit) -> Plan:
    """The sound plan with an edit of the Deployment `llama`."""
    return edited(sound(), "ModelServer/llama", "deployment", edit)


def service(edit: Edit) -> Plan:
    """The sound plan with an edit of the Service `llama`."""
    return edited(sound(), "ModelServer/llama", "service", edit)


def variable(name: str, value: str) -> Plan:
    """The sound plan with one more environment variable in `llama`."""
    return llama(container(lambda target: target["env"].append({"name": name, "value": value})))


def with_llama(**settings: Any) -> Plan:
    """The sound plan with other settings of the model `llama`."""
    return exchanged(sound(), "ModelServer/llama", serving("llama", **settings))


def with_limits(plan: Plan | None = None, **limits: Any) -> Plan:
    """A plan in a cluster of Google's, with what its team says of its size and use. Omitted: the sound plan."""
    cluster = GkeExistingConfig(kind="gke-existing", name="main", project="example", location="us-central1")
    plan = plan or sound()
    return replace(plan, parts=(gke_cluster(cluster, path=("cluster",)), *plan.parts), limits=Limits(**limits))


SURGE = {"max_surge": 1, "max_unavailable": 0}
SCALED = {"min": 1, "max": 2, "cpu_percent": 80}


def claimed(mode: str, **settings: Any) -> Plan:
    """The sound plan with a volume claim as the cache of the model `llama`, that can be mounted so."""
    plan = with_llama(cache={"kind": "claim", "size": "50Gi", "access_mode": "ReadWriteOnce"}, **settings)
    return edited(plan, "ModelServer/llama", "cache", lambda claim: claim["spec"].update(accessModes=[mode]))


def budgeted(*, replicas: int | None = None, **budget: Any) -> Plan:
    """The sound plan with another disruption budget for the model `llama`."""
    plan = with_llama(replicas=replicas) if replicas else sound()

    def edit(manifest: dict[str, Any]) -> None:
        manifest["spec"].pop("maxUnavailable")
        manifest["spec"].update(budget)

    return edited(plan, "ModelServer/llama", "disruption-budget", edit)


def second_budget(labels: Mapping[str, str]) -> Part:
    """Another team's disruption budget for pods in the namespace of the models."""
    manifest = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "everything", "namespace": "inference"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": dict(labels)}},
    }
    return Part("Budgets", "everything", (object_item("budget", "everything", manifest),))


def on_spot(notice_seconds: int) -> Plan:
    """The sound plan with nodes that may be taken back."""
    node = replace(shape("l4"), notice_seconds=notice_seconds)
    return replace(sound(), nodes=(node, *sound().nodes[1:]))


def put(**values: Any) -> Edit:
    """An edit that sets fields."""
    return lambda target: target.update(values)


def drop(*names: str) -> Edit:
    """An edit that removes fields."""
    return lambda target: [target.pop(name) for name in names]


def findings(plan: Plan, rule: str) -> list[Finding]:
    """What one rule finds in a plan."""
    return [finding for finding in prove(plan) if finding.rule == rule]


def only(plan: Plan, rule: str) -> tuple[str, str, tuple[str, ...]]:
    """The only finding of a rule: where, what, and what fixes it."""
    (finding,) = findings(plan, rule)
    return dotted(finding.path), finding.message, finding.remedies
