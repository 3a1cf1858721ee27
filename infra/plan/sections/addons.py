"""The section `addons`: what the cluster has beside Kubernetes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from components.addons.adapter import pod_metrics
from components.addons.charts import charts
from components.catalog.charts import all_charts
from components.core.errors import Path, Problem
from components.core.plan import Part
from components.monitoring.collect.scrape import ManagedPrometheus, OperatorPrometheus, prometheus_url

from ..environment import Environment
from .section import Assembly, Section


def refer(environment: Environment) -> Iterator[Problem]:
    """An adapter that reads what nobody collects."""
    adapter = environment.addons.metrics_adapter
    if adapter and adapter.kind == "stackdriver" and not isinstance(environment.prometheus, ManagedPrometheus):
        fix = "use kind: prometheus-adapter, or observability.prometheus of kind managed"
        message = (
            f'got "stackdriver", which reads what Google\'s managed Prometheus collects, and that is not used; {fix}'
        )
        yield Problem(("addons", "metrics_adapter", "kind"), message)


def plan(assembly: Assembly) -> list[Part]:
    """The charts, of which the adapter's is told what the models' builders know."""
    build = partial(
        charts,
        assembly.environment.addons,
        prometheus_url=prometheus_url(assembly.environment.prometheus),
        pod_metrics=pod_metrics(track for part in assembly.parts("models") for track in part.tracks),
        after=assembly.keys("cluster"),
        path=("addons",),
    )
    return assembly.problems.attempt((), build) or []


def scrape_charts(assembly: Assembly) -> tuple[str, ...]:
    """The key of what brings the kind of the scrape objects, where the stack installs it."""
    if isinstance(assembly.environment.prometheus, OperatorPrometheus) and "prometheus_operator" in assembly.charts:
        return (assembly.charts["prometheus_operator"],)
    return ()


def _of_release(name: str) -> Path:
    return next((("addons", entry.addon) for entry in all_charts() if entry.release == name), ())


ADDONS = Section("addons", refer=refer, plan=plan, at={"Chart": _of_release}, noun="add-on")
