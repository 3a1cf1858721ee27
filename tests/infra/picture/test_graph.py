"""The picture of an environment shows what leads to what, whatever its names are."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.picture.graph import Box, Edge, Picture, Row, picture, to_mermaid
from infra.picture.svg import to_svg
from infra.plan.environments import Loaded, load

ROOT = Path(__file__).resolve().parents[3]
SVG = "{http://www.w3.org/2000/svg}"


def drawn(name: str) -> Picture:
    loaded: Loaded = load(ROOT / "stacks" / f"Pulumi.{name}.yaml", None)
    return picture(loaded.environment, loaded.plan)


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text.encode())  # noqa: S314 - a file of ours, without entities


def labels(found: Picture, source: str) -> dict[str, str]:
    return {edge.target: edge.label for edge in found.edges if edge.source == source}


def test_a_route_leads_to_each_version_with_its_share() -> None:
    found = drawn("prod")

    assert labels(found, "rule/llama/0") == {"track/llama/experimental": "v2 100 %"}
    assert labels(found, "rule/llama/1") == {"track/llama/stable": "v1 80 %", "track/llama/experimental": "v2 20 %"}


def test_a_blue_green_service_leads_to_the_active_colour_only() -> None:
    found = drawn("prod")

    assert labels(found, "service/chat") == {"track/chat/blue": ""}
    green = next(row for box in found.boxes for row in box.rows if row.key == "track/chat/green")
    assert green.muted
    assert "standby" in green.text


def test_a_canary_without_a_route_gets_its_share_of_pods() -> None:
    assert labels(drawn("staging"), "service/llama") == {
        "track/llama/stable": "90 % of pods",
        "track/llama/canary": "10 % of pods",
    }


def test_a_model_leads_to_its_pools_in_order_of_preference() -> None:
    edges = [edge for edge in drawn("prod").edges if edge.source == "model/arr-coc-vlm"]

    assert [(edge.target, edge.label, edge.later) for edge in edges] == [
        ("pool/a100", "1", False),
        ("pool/a100-spot", "2", True),
    ]


def test_a_compute_class_lists_its_choices_in_order() -> None:
    box = next(box for box in drawn("prod").boxes if box.key == "pool/a100-flexible")

    assert [row.text for row in box.rows] == ["1. reservation a100-prod", "2. on-demand", "3. flex-start", "4. Spot"]


def test_a_model_that_names_no_pool_runs_anywhere() -> None:
    found = drawn("local")

    assert labels(found, "model/qwen") == {"pool/": ""}
    assert [box.title for box in found.column("pools")] == ["any node"]


@pytest.mark.parametrize("name", ["dev", "local", "prod", "staging"])
def test_every_edge_leads_from_and_to_something_that_is_drawn(name: str) -> None:
    found = drawn(name)
    keys = {box.key for box in found.boxes} | {row.key for box in found.boxes for row in box.rows}

    assert {end for edge in found.edges for end in (edge.source, edge.target)} <= keys


@pytest.mark.parametrize("name", ["dev", "local", "prod", "staging"])
def test_boxes_do_not_overlap_and_nothing_lies_outside(name: str) -> None:
    root = parsed(to_svg(drawn(name)))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    boxes = [
        tuple(float(card.attrib[key]) for key in ("x", "y", "width", "height"))
        for card in root.iter(f"{SVG}rect")
        if card.get("class") == "card"
    ]

    assert all(x > 0 and y > 0 and x + w < width and y + h < height for x, y, w, h in boxes)
    for number, (x, y, w, h) in enumerate(boxes):
        for x2, y2, w2, h2 in boxes[:number]:
            assert x >= x2 + w2 or x2 >= x + w or y >= y2 + h2 or y2 >= y + h


def test_a_picture_is_always_the_same_bytes_and_needs_nothing_from_elsewhere() -> None:
    text = to_svg(drawn("prod"))

    assert text == to_svg(drawn("prod"))
    assert not re.search(r"href|@import|url\(|<script|<image|<foreignObject", text)


def test_the_committed_picture_of_the_readme_is_what_is_drawn() -> None:
    assert (ROOT / "docs" / "images" / "prod.svg").read_text() == to_svg(drawn("prod"))


def anything(text: str) -> Picture:
    boxes = (
        Box("route", "routes", text, text, text, (Row("rule", text, text),)),
        Box("model", "models", text, text, text, (Row("track", text, text, muted=True),)),
        Box("pool", "pools", text, text, text, (Row("nodes", text, text),)),
    )
    return Picture(text, text, boxes, (Edge("rule", "track", text), Edge("model", "pool", text, later=True)))


@given(st.text(max_size=80))
def test_any_text_gives_well_formed_svg(text: str) -> None:
    root = parsed(to_svg(anything(text)))

    assert {element.tag for element in root.iter()} == {
        f"{SVG}{tag}" for tag in ("svg", "title", "style", "rect", "text", "path")
    }


@given(st.text(max_size=80))
def test_any_text_stays_inside_its_mermaid_label(text: str) -> None:
    lines = to_mermaid(anything(text)).splitlines()

    body = lines[lines.index("flowchart LR") :]
    assert len(body) == len(to_mermaid(anything("plain")).splitlines()) - 3
    for line in body:
        assert line.count('"') in (0, 2)
        inside = line.partition('"')[2].rpartition('"')[0].replace("<br/>", "")
        assert not set(inside) & set('<>"`[]{}|')
