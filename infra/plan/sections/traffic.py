"""The section `traffic`: routes to models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from components.core.errors import Path, Problem, did_you_mean
from components.core.plan import Part
from components.rollout.model import track_labels
from components.traffic.backends.registry import ROUTES, RouteConfig
from components.traffic.route import RouteTarget
from components.traffic.service import service_host

from ..environment import Environment
from .section import Assembly, Dangling, Section, missing_addon


def refer(environment: Environment) -> Iterator[Problem]:
    """Routes to models, versions and subsets that are not there."""
    for name, route in environment.traffic.items():
        yield from _route_problems(environment, route, ("traffic", name))


def plan(assembly: Assembly) -> list[Part]:
    """The routes to models that could be planned."""
    models = {part.name: part for part in assembly.parts("models")}
    return assembly.each("traffic", assembly.environment.traffic, partial(_route, assembly, models))


def exports(assembly: Assembly) -> Mapping[str, object]:
    """The hosts of each route."""
    routes = {part.name: list(part.outputs["hosts"]) for part in assembly.parts("traffic")}
    return {"routes": routes} if routes else {}


def _route_problems(environment: Environment, route: RouteConfig, path: Path) -> Iterator[Problem]:
    for addon in route.NEEDS:
        yield from missing_addon(environment, addon, "a route", path)
    target = (("models", route.model),)
    model = environment.models.get(route.model)
    if model is None:
        message = f'"{route.model}" is no model; {did_you_mean(route.model, environment.models)}'
        yield Dangling((*path, "model"), message, to=target)
        return
    tracks = track_labels(model) or {route.model: {}}
    for subset, track in route.subsets.items():
        if track not in tracks:
            message = f'"{track}" is no version of {route.model}; {did_you_mean(track, tracks)}'
            yield Dangling((*path, "subsets", subset), message, to=target)
    subsets = route.subsets or tracks
    for number, rule in enumerate(route.rules):
        for name in rule.to:
            if name not in subsets:
                at = (*path, "rules", number, "to", name)
                message = f'"{name}" is no subset of {route.model}; {did_you_mean(name, subsets)}'
                yield Dangling(at, message, to=((*path, "subsets"), *target))


def _route(assembly: Assembly, models: Mapping[str, Part], name: str, config: RouteConfig, path: Path) -> Part | None:
    if config.model not in models:
        return None
    entry = assembly.environment.models[config.model]
    tracks = track_labels(entry)
    subsets = {subset: tracks[track] for subset, track in config.subsets.items()} if config.subsets else tracks
    host = service_host(config.model, entry.namespace)
    before = (assembly.charts[addon] for addon in config.WAITS_FOR if addon in assembly.charts)
    return config.part(
        name,
        RouteTarget(entry.namespace, host, entry.service.port, subsets),
        after=(*before, models[config.model].key),
        path=path,
    )


TRAFFIC = Section(
    "traffic",
    refer=refer,
    plan=plan,
    exports=exports,
    at=dict.fromkeys(ROUTES, lambda name: ("traffic", name)),
    noun="route",
)
