"""The section `observability`: who collects metrics."""

from __future__ import annotations

from collections.abc import Iterator

from components.core.errors import Problem
from components.core.plan import Part
from components.monitoring.collect.dcgm_exporter import dcgm_exporter, dcgm_target
from components.monitoring.collect.prometheus import prometheus
from components.monitoring.collect.scrape import (
    ManagedPrometheus,
    OperatorPrometheus,
    StandalonePrometheus,
    scrape_targets,
)

from ..environment import Environment
from .addons import scrape_charts
from .namespaces import key_of
from .section import Assembly, Section, missing_addon

DCGM_NAMESPACE = "gpu-monitoring"
"""Where our DCGM exporter runs, alone: its pods mount host folders, so the namespace cannot enforce anything."""
_PROMETHEUS = ("observability", "prometheus")
_EXPORTER = ("observability", "dcgm_exporter")


def refer(environment: Environment) -> Iterator[Problem]:
    """Collectors that the cluster cannot have, or has already."""
    wanted = environment.observability
    if isinstance(wanted.prometheus, ManagedPrometheus) and not environment.on_gke:
        fix = "use standalone, operator or none"
        yield Problem((*_PROMETHEUS, "kind"), f'got "managed", which only GKE runs; {fix}')
    if isinstance(wanted.prometheus, OperatorPrometheus):
        yield from missing_addon(environment, "prometheus_operator", "prometheus of kind operator", _PROMETHEUS)
    if wanted.dcgm == "daemonset" and environment.cluster.managed_dcgm:
        fix = "set cluster.managed_dcgm: false, or dcgm: managed"
        yield Problem(("observability", "dcgm"), f'got "daemonset", but GKE runs its own exporter here; {fix}')
    if wanted.dcgm == "managed" and not environment.on_gke:
        message = 'got "managed", but this cluster is not GKE; use daemonset or none'
        yield Problem(("observability", "dcgm"), message)


def plan(assembly: Assembly) -> list[Part]:
    """Our own collectors, after the namespaces that they look into."""
    environment = assembly.environment
    base, config = assembly.keys("cluster"), environment.prometheus
    ours = environment.dcgm == "daemonset"
    parts: list[Part | None] = []
    if isinstance(config, StandalonePrometheus):
        targets = [target for part in assembly.parts("models") for target in scrape_targets(part.tracks)]
        targets += [dcgm_target(DCGM_NAMESPACE)] if ours else []
        watched = {config.namespace, *(target.namespace for target in targets)}
        after = (*base, *map(key_of, sorted(watched)))
        parts.append(prometheus(config, targets=targets, after=after, path=_PROMETHEUS))
    if ours:
        exporter = environment.observability.dcgm_exporter
        after = (*base, key_of(DCGM_NAMESPACE), *scrape_charts(assembly))
        parts.append(dcgm_exporter(exporter, namespace=DCGM_NAMESPACE, prometheus=config, after=after, path=_EXPORTER))
    return [part for part in parts if part]


OBSERVABILITY = Section(
    "observability",
    refer=refer,
    plan=plan,
    at={"Prometheus": lambda _: _PROMETHEUS, "DcgmExporter": lambda _: _EXPORTER},
    namespaced=True,
)
