"""What comes before what: each thing is made after all that it needs to start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from components.catalog.charts import all_charts, crds_of
from components.core.plan import Part
from components.monitoring.collect.scrape import OperatorPrometheus
from infra.plan.assemble import assemble
from infra.plan.environment import Environment
from infra.plan.environments import Loaded, load
from tests.rendered import ROOT

SHIPPED = sorted((ROOT / "stacks").glob("Pulumi.*.yaml"))
STACKS = [*SHIPPED, *sorted((ROOT / "tests" / "stacks" / "ok").glob("*.yaml"))]
SERVERS = ("ModelServer", "BlueGreen", "Canary", "AbTest")
CRDS = {crd: chart.addon for chart in all_charts() for crd in crds_of(chart.addon)}
"""The custom kinds that our charts bring, `podmonitors.monitoring.coreos.com`, each with its add-on."""

Edges = Iterator[tuple[Part, str]]
"""Parts, each with the key of one that must come before it."""


@cache
def loaded(stack: object) -> Loaded:
    return load(next(path for path in STACKS if path == stack), None)


def parts(found: Loaded, *kinds: str) -> list[Part]:
    return [part for part in found.plan.parts if part.kind in kinds]


def before(found: Loaded, part: Part) -> set[str]:
    """Every part that is whole when this one starts."""
    by_key = {one.key: one for one in found.plan.parts}
    return set(part.after).union(*(before(found, by_key[key]) for key in part.after))


def charts_of(found: Loaded, addon: str) -> list[str]:
    return [part.key for part in parts(found, "Chart") if part.path[-1] == addon]


def pools_after_the_cluster(found: Loaded) -> Edges:
    yield from ((pool, cluster.key) for pool in parts(found, "GpuNodePool") for cluster in parts(found, "GkeCluster"))


def everything_else_after_the_cluster(found: Loaded) -> Edges:
    for part in found.plan.parts:
        yield from ((part, cluster.key) for cluster in parts(found, "GkeCluster") if part is not cluster)


def models_after_the_pools_they_run_on(found: Loaded) -> Edges:
    made = {part.name for part in parts(found, "GpuNodePool")}
    for part in parts(found, *SERVERS):
        wanted = found.environment.models[part.name].runs_on
        for name in wanted:
            chosen = found.environment.compute_classes.get(name)
            for pool in chosen.pool_names if chosen else (name,):
                yield from ((part, f"GpuNodePool/{pool}") for _ in range(pool in made))


def models_after_their_compute_class(found: Loaded) -> Edges:
    for part in parts(found, *SERVERS):
        wanted = found.environment.models[part.name].runs_on
        yield from ((part, f"ComputeClass/{name}") for name in wanted if name in found.environment.compute_classes)


def models_after_their_namespace(found: Loaded) -> Edges:
    for part in parts(found, *SERVERS):
        yield part, f"Namespace/{found.environment.models[part.name].namespace}"


def models_after_their_priority_class(found: Loaded) -> Edges:
    for part in parts(found, *SERVERS):
        name = found.environment.models[part.name].priority_class
        if name in found.environment.priority_classes:
            yield part, f"PriorityClass/{name}"


def scraped_parts_after_the_operators_chart(found: Loaded) -> Edges:
    if isinstance(found.environment.prometheus, OperatorPrometheus):
        for part in parts(found, *SERVERS, "DcgmExporter"):
            if any(item.kind == "PodMonitor" for item in part.items):
                yield from ((part, key) for key in charts_of(found, "prometheus_operator"))


def external_secrets_after_their_operators_chart(found: Loaded) -> Edges:
    for part in parts(found, *SERVERS):
        if any(item.kind == "ExternalSecret" for item in part.items):
            yield from ((part, key) for key in charts_of(found, "external_secrets"))


def routes_after_their_model(found: Loaded) -> Edges:
    keys = {part.name: part.key for part in parts(found, *SERVERS)}
    yield from ((part, keys[found.environment.traffic[part.name].model]) for part in parts(found, "VirtualService"))


def routes_after_istios_charts(found: Loaded) -> Edges:
    for part in parts(found, "VirtualService"):
        yield from ((part, key) for key in (*charts_of(found, "istio"), *charts_of(found, "istio_ingress")))


def compute_classes_after_their_pools(found: Loaded) -> Edges:
    for part in parts(found, "ComputeClass"):
        yield from ((part, f"GpuNodePool/{name}") for name in found.environment.compute_classes[part.name].pool_names)


def collectors_after_the_namespaces_they_touch(found: Loaded) -> Edges:
    for part in parts(found, "Prometheus", "DcgmExporter"):
        for name in sorted({item.namespace for item in part.items} - {""}):
            yield part, f"Namespace/{name}"


EDGES: tuple[Callable[[Loaded], Edges], ...] = (
    pools_after_the_cluster,
    everything_else_after_the_cluster,
    models_after_the_pools_they_run_on,
    models_after_their_compute_class,
    models_after_their_namespace,
    models_after_their_priority_class,
    scraped_parts_after_the_operators_chart,
    external_secrets_after_their_operators_chart,
    routes_after_their_model,
    routes_after_istios_charts,
    compute_classes_after_their_pools,
    collectors_after_the_namespaces_they_touch,
)


@pytest.mark.parametrize("edges", EDGES, ids=lambda edges: edges.__name__)
def test_what_is_needed_comes_first(edges: Callable[[Loaded], Edges]) -> None:
    stacks = {path.stem: loaded(path) for path in STACKS}
    found = [(name, part, key) for name, stack in stacks.items() for part, key in edges(stack)]
    assert found, "no stack shows this order"
    assert [(name, part.key, key) for name, part, key in found if key not in before(stacks[name], part)] == []


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_an_object_of_a_custom_kind_follows_the_chart_that_brings_the_kind(path: object) -> None:
    found = loaded(path)
    missing = []
    for part, item in found.plan.objects():
        group = str(item.properties["apiVersion"]).rpartition("/")[0]
        addon = CRDS.get(f"{item.kind.lower()}s.{group}")
        charts = set(charts_of(found, addon)) if addon else set()
        missing += [(part.key, item.kind, key) for key in charts - before(found, part)]
    assert missing == []


def test_a_custom_kind_that_an_installed_chart_brings_is_among_the_stacks() -> None:
    brought = {
        (item.kind, addon)
        for path in STACKS
        for _, item in loaded(path).plan.objects()
        if (addon := CRDS.get(f"{item.kind.lower()}s.{str(item.properties['apiVersion']).rpartition('/')[0]}"))
        and charts_of(loaded(path), addon)
    }
    assert {kind for kind, _ in brought} >= {"VirtualService", "DestinationRule", "PodMonitor", "ExternalSecret"}


def test_our_gpu_exporter_waits_for_the_operator_that_reads_it() -> None:
    sections: dict[str, Any] = {
        "cluster": {"kind": "kubeconfig"},
        "observability": {"prometheus": {"kind": "operator"}, "dcgm": "daemonset"},
        "addons": {"prometheus_operator": "install"},
    }
    (exporter,) = (part for part in assemble(Environment(**sections), "test").parts if part.kind == "DcgmExporter")
    assert "PodMonitor" in {item.kind for item in exporter.items}
    assert "Chart/kube-prometheus-stack" in exporter.after
