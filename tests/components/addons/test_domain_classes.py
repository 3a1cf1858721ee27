"""The Pulumi classes of tenancy, monitoring and addons register the parts that their builders return."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.addons.resources import Chart
from components.monitoring.dcgm_exporter import DcgmExporterConfig, dcgm_exporter
from components.monitoring.prometheus import standalone
from components.monitoring.resources import DcgmExporter, Prometheus
from components.monitoring.scrape import ManagedPrometheus, ScrapeTarget, StandalonePrometheus
from components.resources import Component
from components.tenancy.namespace import NamespaceConfig, namespace
from components.tenancy.priority_class import PriorityClassConfig, priority_class
from components.tenancy.resources import Namespace, PriorityClass

MANAGED = ManagedPrometheus(kind="managed")
STANDALONE = StandalonePrometheus(kind="standalone")
TARGETS = [ScrapeTarget("tgi", "models", {"app": "llama"}, "http")]


class Recorder(pulumi.runtime.Mocks):
    """Remembers what Pulumi is asked to register."""

    def __init__(self) -> None:
        self.registered: dict[str, str] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.registered[args.name] = args.typ
        return args.name, dict(args.inputs)

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        raise AssertionError(f"a component called {args.token}")


def register(make: Callable[[], Component]) -> tuple[Component, dict[str, str]]:
    recorder = Recorder()
    pulumi.runtime.set_mocks(recorder, preview=True)
    made: list[Component] = []

    @pulumi.runtime.test
    def program() -> None:
        made.append(make())

    asyncio.set_event_loop(asyncio.new_event_loop())
    program()
    return made[0], recorder.registered


@pytest.mark.parametrize(
    "make",
    [
        lambda: Namespace("models", NamespaceConfig(pod_security="restricted")),
        lambda: Namespace("models"),
        lambda: PriorityClass("production", PriorityClassConfig(value=1000)),
        lambda: DcgmExporter("dcgm", namespace="gpu", prometheus=MANAGED),
        lambda: Prometheus("metrics", STANDALONE, targets=TARGETS),
        lambda: Chart("istiod", {"pilot": {"autoscaleMin": 2}}),
    ],
    ids=["namespace", "default-namespace", "priority-class", "dcgm-exporter", "prometheus", "chart"],
)
def test_a_class_registers_its_part_and_nothing_else(make: Callable[[], Component]) -> None:
    component, registered = register(make)
    part = component.part
    assert registered == {part.name: part.token} | {item.name: item.type for item in part.items}
    assert set(component.outputs) == set(part.outputs)


def test_a_class_is_its_builder() -> None:
    pairs: list[tuple[Callable[[], Component], object]] = [
        (lambda: Namespace("models"), namespace("models", NamespaceConfig())),
        (lambda: PriorityClass("p", PriorityClassConfig(value=1)), priority_class("p", PriorityClassConfig(value=1))),
        (
            lambda: DcgmExporter("dcgm", namespace="gpu"),
            dcgm_exporter(DcgmExporterConfig(), namespace="gpu", name="dcgm"),
        ),
        (
            lambda: Prometheus("metrics", STANDALONE, targets=TARGETS),
            standalone(STANDALONE, targets=TARGETS, name="metrics"),
        ),
    ]
    for make, part in pairs:
        assert register(make)[0].part == part
