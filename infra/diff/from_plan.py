"""A snapshot of an environment that was read from its stack file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from components.errors import dotted
from components.manifest import Shared
from components.plan import ItemOutput, Late, Plan, SecretRef

from ..environments import Loaded
from ..footprint import footprints, footprints_json
from ..prove import prove_environment
from ..report import Checked
from .costs import cost_of
from .identity import resource_key
from .snapshot import Resource, Snapshot


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
    return Snapshot(
        environment=loaded.stack.environment,
        resources=tuple(resources_of(plan)),
        file=file or str(loaded.stack.path),
        nodes=plan.nodes,
        cost=cost_of(loaded) if cost else None,
        picture=_picture(loaded) if picture else "",
        lines=_lines(loaded),
        **(_proved(loaded, today, file) if proved else {}),
    )


def resources_of(plan: Plan) -> Iterator[Resource]:
    """The resources of a plan, in its order; what only exists at deploy time prints as a placeholder."""
    plain = _plainer()
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
            properties=plain(item.properties),
            protect=item.protect,
        )


def _plainer() -> Callable[[Any], Any]:
    """Placeholders as text; what has none stays the very same value, and what many objects share is looked at once."""
    clean: dict[int, Any] = {}

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            if isinstance(value, Shared) and id(value) in clean:
                return clean[id(value)]
            made = {key: plain(inner) for key, inner in value.items()}
            found = made if any(made[key] is not inner for key, inner in value.items()) else value
            if isinstance(value, Shared):
                clean[id(value)] = found
            return found
        if isinstance(value, list | tuple):
            entries = [plain(inner) for inner in value]
            changed = any(new is not old for new, old in zip(entries, value, strict=True))
            return entries if changed or isinstance(value, tuple) else value
        return str(value) if isinstance(value, SecretRef | Late | ItemOutput) else value

    return plain


def _proved(loaded: Loaded, today: date, file: str) -> dict[str, Any]:
    environment = loaded.stack.environment
    verdict = prove_environment(environment, loaded.plan, loaded.environment.policy.waive, today)
    checked = Checked(environment, loaded.stack.path, loaded=loaded, verdict=verdict)
    shown = file or str(loaded.stack.path)

    def placed(finding: dict[str, Any], line: int | None) -> dict[str, Any]:
        return finding | {"file": shown, "line": line}

    return {
        "findings": tuple(placed(one.as_json(), checked.place(one).line) for one in checked.findings),
        "waived": tuple(placed(one.as_json(), checked.place(one.finding).line) for one in verdict.waived),
        "rules_held": verdict.held,
        "footprints": tuple(footprints_json(footprints(loaded.plan))),
    }


def _lines(loaded: Loaded) -> dict[str, int]:
    places = dict.fromkeys(part.path for part in loaded.plan.parts if part.path)
    return {dotted(place): line for place in places if (line := loaded.stack.line(place)) is not None}


def _picture(loaded: Loaded) -> str:
    from ..graph import picture  # noqa: PLC0415 - only where a picture is wanted
    from ..svg import to_svg  # noqa: PLC0415

    return to_svg(picture(loaded.environment, loaded.plan))
