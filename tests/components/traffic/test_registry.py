"""The back ends of routes: each says what the rest of the product asks of it."""

from __future__ import annotations

import pytest

from components.addons.addons import AddonsConfig
from components.traffic.backends.istio import IstioRoute
from components.traffic.backends.registry import BACKENDS, ROUTES
from components.traffic.route import RouteRule, RouteSettings, RouteTarget

RULES = (RouteRule(to={"chat": 100}),)
EXAMPLES: tuple[RouteSettings, ...] = (IstioRoute(model="chat", hosts=("chat.example.com",), rules=RULES),)
backends = pytest.mark.parametrize("route", EXAMPLES, ids=lambda route: route.kind)


def test_every_back_end_has_its_example() -> None:
    assert tuple(type(route) for route in EXAMPLES) == BACKENDS


@backends
def test_a_back_end_names_add_ons_that_there_are(route: RouteSettings) -> None:
    assert route.NEEDS
    assert {*route.NEEDS, *route.WAITS_FOR} <= AddonsConfig.model_fields.keys()


@backends
def test_a_route_is_a_part_of_its_back_ends_kind_that_tells_its_hosts(route: RouteSettings) -> None:
    part = route.part("chat", RouteTarget("inference", "chat.inference.svc.cluster.local"))
    assert part.kind == route.COMPONENT
    assert part.kind in ROUTES
    assert part.outputs["hosts"] == ["chat.example.com"]


@backends
def test_a_picture_has_words_for_a_back_end_and_its_door(route: RouteSettings) -> None:
    assert route.TITLE
    assert route.door("chat")
