"""The metrics that engines and exporters emit, as data: nothing may alert on, draw or scale on any other name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal, cast

from .table import engine_rows, rows

MetricKind = Literal["gauge", "counter", "histogram", "summary"]
Role = Literal[
    "waiting_requests",
    "running_requests",
    "cache_use",
    "time_to_first_token",
    "inter_token_latency",
    "time_per_output_token",
    "request_latency",
    "queue_time",
    "prompt_tokens",
    "generated_tokens",
    "requests",
    "failed_requests",
]
"""What a metric tells, whatever its engine calls it: the language of scaling, alerts, dashboards and analysis.
metric_roles.tsv says what each means, in which unit, and how it is read."""


@dataclass(frozen=True, slots=True)
class RoleMeaning:
    """What a role means.

    Attributes:
        role: the role.
        unit: what its values count.
        kinds: Prometheus types that can play it. A histogram of tokens plays it by its sum.
        meaning: what it tells, in a few words.
    """

    role: Role
    unit: str
    kinds: tuple[MetricKind, ...]
    meaning: str


@dataclass(frozen=True, slots=True)
class EngineMetric:
    """One metric of an engine or exporter.

    Attributes:
        engine: who emits it: an engine's `kind`, or an exporter, `dcgm`.
        name: as it stands in the exposition, without the suffixes of a histogram's series.
        kind: its Prometheus type.
        role: what it tells; empty for one that no other part of the product asks for by role.
        help: what it means, with its unit.
    """

    engine: str
    name: str
    kind: MetricKind
    role: Role | Literal[""]
    help: str


@cache
def metrics_of(engine: str) -> tuple[EngineMetric, ...]:
    """Every metric of an engine or exporter, in its table's order; empty for one we know nothing of."""
    exported = (row | {"role": ""} for row in rows("exporter_metrics") if row["exporter"] == engine)
    return tuple(
        EngineMetric(
            engine, row["name"], cast("MetricKind", row["kind"]), cast("Role | Literal['']", row["role"]), row["help"]
        )
        for row in engine_rows(engine, "metrics") or exported
    )


@cache
def emitted(engine: str, release: tuple[int, ...] | None = None) -> Mapping[str, MetricKind]:
    """What an engine emits: name to kind.

    Args:
        engine: who emits it.
        release: its release as numbers, `(0, 5, 20)`; without one, the newest we know.
    """
    found = {metric.name: metric.kind for metric in metrics_of(engine)}
    for row in engine_rows(engine, "metrics_since"):
        if release and release < tuple(map(int, row["since"].split("."))):
            del found[row["name"]]
    return MappingProxyType(found)


@cache
def role(engine: str, wanted: Role) -> str:
    """The name of the metric that plays a role for an engine; empty where the engine has none (TGI has no KV gauge)."""
    return roles_of(engine).get(wanted, "")


@cache
def roles_of(engine: str, release: tuple[int, ...] | None = None) -> Mapping[Role, str]:
    """The metrics that play a role for an engine; `roles_absent` says why one is missing.

    Args:
        engine: who emits them.
        release: its release as numbers, `(0, 5, 20)`; without one, the newest we know.
    """
    known = emitted(engine, release)
    return MappingProxyType({
        metric.role: metric.name for metric in metrics_of(engine) if metric.role and metric.name in known
    })  # fmt: skip


@cache
def roles_absent(engine: str) -> Mapping[Role, str]:
    """The roles that no metric of an engine plays, each with the reason."""
    return MappingProxyType({cast("Role", row["role"]): row["why"] for row in engine_rows(engine, "roles_absent")})


@cache
def role_meanings() -> Mapping[Role, RoleMeaning]:
    """What each role means, in the table's order."""
    found = (
        RoleMeaning(
            cast("Role", row["role"]),
            row["unit"],
            cast("tuple[MetricKind, ...]", tuple(row["kinds"].split(","))),
            row["meaning"],
        )
        for row in rows("metric_roles")
    )
    return MappingProxyType({meaning.role: meaning for meaning in found})
