"""An environment as a picture: routes lead to models, models run on pools. Here as data and as Mermaid; see svg.py."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from components.catalog.accelerators import accelerators
from components.core.facts import TrackFacts
from components.core.plan import Part, Plan
from components.gpu.compute_class import ComputeClassConfig, Priority
from components.gpu.kubeconfig import KubeconfigConfig
from components.gpu.node_pool import GpuNodePoolConfig
from components.traffic.backends.registry import RouteConfig
from components.traffic.route import RouteRule

from ..plan.environment import Environment
from ..plan.overview import gpu_ranges, how_bought, models
from ..terminal.words import span

Column = Literal["routes", "models", "pools"]
COLUMNS: dict[Column, str] = {"routes": "Routes", "models": "Models", "pools": "Nodes"}
_ANYWHERE = "pool/"
_PLAIN = frozenset(" .,:;-_/()*=+…–·×%")  # noqa: RUF001 - signs that labels use and Mermaid gives no meaning


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a box that edges can lead to.

    Attributes:
        key: its own name.
        text: what it is.
        detail: figures.
        muted: whether it is there without taking part.
    """

    key: str
    text: str
    detail: str = ""
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """One thing of the picture.

    Attributes:
        key: its own name.
        column: where it stands.
        title: what it is called.
        subtitle: what it is.
        tag: the kind of thing, or where it belongs.
        rows: its parts.
    """

    key: str
    column: Column
    title: str
    subtitle: str = ""
    tag: str = ""
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """From one thing to another; `later` when it is not the first choice."""

    source: str
    target: str
    label: str = ""
    later: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn."""

    title: str
    subtitle: str
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]

    def column(self, name: Column) -> list[Box]:
        """The boxes of a column, from above."""
        return [box for box in self.boxes if box.column == name]


def picture(environment: Environment, plan: Plan) -> Picture:
    """The picture of an environment."""
    parts = list(models(plan))
    boxes: list[Box] = []
    edges: list[Edge] = []
    routed = {route.model for route in environment.traffic.values()}
    for part in parts:
        for name, route in environment.traffic.items():
            if route.model == part.name:
                boxes.append(_route(name, route))
                edges += _route_edges(name, route, part.tracks)
        if part.name not in routed:
            boxes.append(_service(environment, part))
            edges += _service_edges(part)
    boxes += [_model(environment, part) for part in parts]
    for part in parts:
        targets = environment.models[part.name].runs_on
        edges += [
            Edge(f"model/{part.name}", f"pool/{target}", str(place + 1) if len(targets) > 1 else "", later=place > 0)
            for place, target in enumerate(targets or [""])
        ]
    boxes += _pools(environment, {edge.target: None for edge in edges})
    gpus = ", ".join(str(gpu) for gpu in gpu_ranges(environment, plan))
    subtitle = " · ".join(filter(None, (_cluster(environment), f"GPUs: {gpus}" if gpus else "no GPUs")))
    return Picture(plan.environment, subtitle, tuple(boxes), tuple(edges))


def to_mermaid(picture: Picture) -> str:
    """The picture as a Mermaid flowchart, for Markdown that renders it."""
    names = {key: f"n{number}" for number, key in enumerate(_keys(picture))}
    lines = [
        "---",
        f"title: {json.dumps(f'{picture.title}: {picture.subtitle}', ensure_ascii=False)}",
        "---",
        "flowchart LR",
    ]
    for column, heading in COLUMNS.items():
        lines.append(f'  subgraph {column}["{heading}"]')
        for box in picture.column(column):
            lines += _mermaid_box(box, names)
        lines.append("  end")
    for edge in picture.edges:
        arrow = "-.->" if edge.later else "-->"
        label = f'|"{_mermaid(edge.label)}"|' if edge.label else ""
        lines.append(f"  {names[edge.source]} {arrow}{label} {names[edge.target]}")
    return "\n".join(lines) + "\n"


def _cluster(environment: Environment) -> str:
    cluster = environment.cluster
    if isinstance(cluster, KubeconfigConfig):
        return "any cluster of your kubeconfig" if cluster.context is None else f"cluster {cluster.context}"
    return f"GKE cluster {cluster.name} in {cluster.location}"


def _route(name: str, route: RouteConfig) -> Box:
    rows = tuple(Row(f"rule/{name}/{number}", _condition(rule)) for number, rule in enumerate(route.rules))
    return Box(f"route/{name}", "routes", ", ".join(route.hosts), route.door(name), route.TITLE, rows)


def _condition(rule: RouteRule) -> str:
    words = [f"{name} {_header(match.exact, match.prefix, match.regex)}" for name, match in rule.headers.items()]
    words += [f"path {rule.path_prefix}…"] if rule.path_prefix else []
    return " and ".join(words) or "every other request"


def _header(exact: str | None, prefix: str | None, regex: str | None) -> str:
    if exact is not None:
        return f"= {exact}"
    return f"= {prefix}…" if prefix is not None else f"~ {regex}"


def _route_edges(name: str, route: RouteConfig, found: tuple[TrackFacts, ...]) -> Iterator[Edge]:
    for number, rule in enumerate(route.rules):
        for subset, weight in rule.to.items():
            track = route.subsets.get(subset, subset)
            known = track if track in {one.name for one in found} else found[0].name
            label = f"{subset} {weight} %" if len(found) > 1 else f"{weight} %"
            yield Edge(f"rule/{name}/{number}", _track_key(route.model, known), label)


def _service(environment: Environment, part: Part) -> Box:
    config = environment.models[part.name]
    inside = config.service.type == "ClusterIP"
    title = f"{part.name}.{config.namespace}.svc:{config.service.port}"
    subtitle = "inside the cluster" if inside else config.service.type
    return Box(f"service/{part.name}", "routes", title, subtitle, "Service")


def _service_edges(part: Part) -> Iterator[Edge]:
    active = [track for track in part.tracks if not track.standby]
    total = sum(track.fewest for track in active)
    for track in active:
        share = f"{round(100 * track.fewest / total)} % of pods" if len(active) > 1 else ""
        yield Edge(f"service/{part.name}", _track_key(part.name, track.name), share)


def _model(environment: Environment, part: Part) -> Box:
    config = environment.models[part.name]
    rows = tuple(
        Row(_track_key(part.name, track.name), _track_text(track), _track_detail(track), track.standby)
        for track in part.tracks
    )
    return Box(f"model/{part.name}", "models", part.name, config.model, config.namespace, rows)


def _track_key(model: str, track: str) -> str:
    return f"track/{model}/{track}"


def _track_text(track: TrackFacts) -> str:
    name = f"{track.name} (standby)" if track.standby else track.name
    return f"{name}: {track.server}" if name else track.server


def _track_detail(track: TrackFacts) -> str:
    pods = "1 pod" if track.most == 1 else f"{span(track.fewest, track.most)} pods"
    return f"{pods} × {track.gpus} GPU" if track.gpus else pods  # noqa: RUF001 - as print has it


def _pools(environment: Environment, used: Mapping[str, None]) -> list[Box]:
    made = {f"pool/{name}": _pool(environment, name, pool) for name, pool in environment.node_pools.items()}
    made |= {f"pool/{name}": _class(name, config) for name, config in environment.compute_classes.items()}
    if _ANYWHERE in used:
        made[_ANYWHERE] = Box(_ANYWHERE, "pools", "any node", "that has room, and no taint")
    order = [*(key for key in used if key in made), *(key for key in made if key not in used)]
    return [made[key] for key in order]


def _pool(environment: Environment, name: str, pool: GpuNodePoolConfig) -> Box:
    if environment.autopilot:
        size = "as pods ask"
    else:
        size = f"{span(pool.nodes.min, pool.nodes.max)} nodes" if pool.nodes else "size set elsewhere"
    bought = how_bought(pool.provisioning) or "on-demand"
    row = Row(f"nodes/{name}", bought, size)
    return Box(f"pool/{name}", "pools", name, _machine(pool), "exists" if pool.exists else "pool", (row,))


def _machine(pool: GpuNodePoolConfig | Priority) -> str:
    known = accelerators().get(pool.accelerator or "")
    return " · ".join(filter(None, (known.model if known else pool.accelerator, pool.machine_type)))


def _class(name: str, config: ComputeClassConfig) -> Box:
    machines = list(dict.fromkeys(_machine(priority) for priority in config.priorities if priority.machine_type))
    rows = tuple(
        Row(f"choice/{name}/{place}", f"{place + 1}. {_choice(priority)}", "" if len(machines) == 1 else _of(priority))
        for place, priority in enumerate(config.priorities)
    )
    return Box(f"pool/{name}", "pools", name, machines[0] if len(machines) == 1 else "", "compute class", rows)


def _choice(priority: Priority) -> str:
    if priority.node_pools:
        return f"pool {', '.join(priority.node_pools)}"
    if priority.reservation:
        return f"reservation {priority.reservation.rpartition('/')[2]}"
    return how_bought(priority.provisioning) or "on-demand"


def _of(priority: Priority) -> str:
    return _machine(priority) if priority.machine_type else ""


def _keys(picture: Picture) -> Iterator[str]:
    for box in picture.boxes:
        yield box.key
        yield from (row.key for row in box.rows)


def _mermaid_box(box: Box, names: Mapping[str, str]) -> Iterator[str]:
    heading = "<br/>".join(_mermaid(text) for text in (box.title, box.subtitle, box.tag) if text)
    if box.column == "pools":  # nothing leads to their rows
        rows = [_mermaid(" ".join(filter(None, (row.text, row.detail)))) for row in box.rows]
        yield f'    {names[box.key]}["{"<br/>".join((heading, *rows))}"]'
        return
    if not box.rows:
        yield f'    {names[box.key]}["{heading}"]'
        return
    yield f'    subgraph {names[box.key]}["{heading}"]'
    for row in box.rows:
        text = "<br/>".join(_mermaid(text) for text in (row.text, row.detail) if text)
        yield f'      {names[row.key]}["{text}"]'
    yield "    end"


def _mermaid(text: str) -> str:
    """Text as it stands between a label's quotes: what Mermaid or HTML could read as markup becomes its number."""
    return "".join(char if char.isalnum() or char in _PLAIN else f"#{ord(char)};" for char in text)
