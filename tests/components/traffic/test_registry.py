"""The back ends of routes: each says what the rest of the product asks of it."""

from __future__ import annotations

import pytest

from components.addons.addons import AddonsConfig
from components.core.plan import Part
from components.traffic.backends.registry import BACKENDS, ROUTES
from components.traffic.route import RouteRule, RouteSettings, RouteTarget

backends = pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.__name__)


def route(backend: type[RouteSettings]) -> RouteSettings:
    kind = backend.model_fields["kind"].annotation.__args__[0]  # type: ignore[union-attr]  # a Literal of one word
    return backend(kind=kind, model="chat", hosts=("chat.example.com",), rules=(RouteRule(to={"chat": 100}),))


def part(backend: type[RouteSettings]) -> Part:
    return route(backend).part("chat", RouteTarget("inference", "chat.inference.svc.cluster.local"))


@backends
def test_a_back_end_names_add_ons_that_there_are(backend: type[RouteSettings]) -> None:
    assert backend.NEEDS
    assert {*backend.NEEDS, *backend.WAITS_FOR} <= AddonsConfig.model_fields.keys()


@backends
def test_a_route_is_a_part_of_its_back_ends_kind_that_tells_its_hosts(backend: type[RouteSettings]) -> None:
    made = part(backend)
    assert made.kind == backend.COMPONENT
    assert made.kind in ROUTES
    assert made.outputs["hosts"] == ["chat.example.com"]


@backends
def test_a_picture_has_words_for_a_back_end_and_its_door(backend: type[RouteSettings]) -> None:
    assert backend.TITLE
    assert route(backend).door("chat")
