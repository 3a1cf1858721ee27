"""A snapshot of an environment that was read from its stack file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from components.core.errors import dotted
from components.core.facts import TrackFacts
from components.core.manifest import Shared
from components.core.plan import ItemOutput, Late, Plan, SecretRef
from components.cost.figures import EstimateFigures
from components.proofs.finding import FindingEntry
from components.reading.index import Index

from ...plan.environments import Loaded
from ...prove.checked import Checked
from ...prove.footprint import footprints, footprints_json
from ...prove.prove import prove_environment
from .identity import resource_key
from .snapshot import Resource, Snapshot

_SCALARS = frozenset({str, int, float, bool, type(None)})


def snapshot_of(
    loaded: Loaded, *, today: date, proved: bool = True, cost: bool = True, picture: bool = True, file: str = ""
) -> Snapshot:
    """An environment as a diff reads it.

    Args:
        loaded: the environment, read and planned.
        today: the day waivers are judged by.
        proved: whether to prove it; without, findings, rules and footprints are unknown.
        cost: whether to price it.
        picture: whether to draw it.
        file: the stack file relative to the repository. Empty: as it was read.
    """
    plan = loaded.plan
    index = Index(plan) if proved or cost else None
    return Snapshot(
        environment=loaded.stack.environment,
        resources=tuple(resources_of(plan)),
        file=file or str(loaded.stack.path),
        nodes=plan.nodes,
        tracks={part.key: tuple(map(_outlined, part.tracks)) for part in plan.parts if part.tracks},
        cost=cost_of(plan, index) if cost and index else None,
        picture=_picture(loaded) if picture else "",
        lines=_lines(loaded),
        **(_proved(loaded, index, today, file) if proved and index else {}),
    )


def cost_of(plan: Plan, index: Index) -> EstimateFigures:
    """The environment's monthly cost as `infra cost --format json` has it."""
    from components.cost.estimate import estimate  # noqa: PLC0415 - snapshots without a price do without it

    return estimate(plan, index=index).as_json()


def _outlined(track: TrackFacts) -> TrackFacts:
    """A version without what only proofs and collectors read: names of metrics alone would be half of a snapshot."""
    return replace(track, demand=None, metrics={})


def resources_of(plan: Plan) -> Iterator[Resource]:
    """The resources of a plan, in its order; what only exists at deploy time prints as a placeholder."""
    shared: dict[int, bool] = {}
    for part, item in plan.items():
        yield Resource(
            key=resource_key(item.type, item.namespace, item.object_name),
            type=item.type,
            kind=item.kind,
            namespace=item.namespace,
            name=item.object_name,
            component=part.key,
            at=part.path,
            role=item.role,
            properties=_plain(item.properties) if _holds_placeholder(item.properties, shared) else item.properties,
            protect=item.protect,
        )


def _holds_placeholder(value: Any, shared: dict[int, bool]) -> bool:
    """Whether a placeholder is anywhere in a tree; what many objects share is looked at once."""
    rest = [value]
    while rest:
        inner = rest.pop()
        kind = type(inner)
        if kind is Shared:
            if id(inner) not in shared:
                shared[id(inner)] = _holds_placeholder(dict(inner), shared)
            if shared[id(inner)]:
                return True
        elif kind is dict:
            rest.extend(one for one in inner.values() if type(one) not in _SCALARS)
        elif kind is list or kind is tuple:
            rest.extend(one for one in inner if type(one) not in _SCALARS)
        elif isinstance(inner, SecretRef | Late | ItemOutput):
            return True
    return False


def _plain(value: Any) -> Any:
    """The same tree with placeholders as text."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, SecretRef | Late | ItemOutput) else value


def _proved(loaded: Loaded, index: Index, today: date, file: str) -> dict[str, Any]:
    environment = loaded.stack.environment
    verdict = prove_environment(environment, loaded.plan, loaded.environment.policy.waive, today, index)
    checked = Checked(environment, loaded.stack.path, loaded=loaded, verdict=verdict)
    shown = file or str(loaded.stack.path)

    def placed(finding: FindingEntry, line: int | None) -> FindingEntry:
        return {**finding, "file": shown, "line": line}

    return {
        "findings": tuple(placed(one.as_json(), checked.place(one).line) for one in checked.findings),
        "waived": tuple(placed(one.as_json(), checked.place(one.finding).line) for one in verdict.waived),
        "rules_held": verdict.held,
        "footprints": tuple(footprints_json(footprints(index))),
    }


def _lines(loaded: Loaded) -> dict[str, int]:
    places = dict.fromkeys(part.path for part in loaded.plan.parts if part.path)
    return {dotted(place): line for place in places if (line := loaded.stack.line(place)) is not None}


def _picture(loaded: Loaded) -> str:
    from ...picture.graph import picture  # noqa: PLC0415 - only where a picture is wanted
    from ...picture.svg import to_svg  # noqa: PLC0415

    return to_svg(picture(loaded.environment, loaded.plan))
