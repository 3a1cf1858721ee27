"""Snapshots of the shipped stacks, with settings changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from infra.diff.snapshots.from_plan import snapshot_of
from infra.diff.snapshots.snapshot import Snapshot
from infra.plan.environments import load

ROOT = Path(__file__).parents[3]
TODAY = date(2026, 11, 21)
STACKS = sorted((*ROOT.glob("stacks/Pulumi.*.yaml"), *ROOT.glob("tests/stacks/ok/*.yaml")))
"""The files of the shipped environments, and of those that tests have."""


@cache
def stack(name: str) -> Mapping[str, Any]:
    """The values of a stack: one that is shipped, or a file of tests/stacks/ok without its ending."""
    shipped = ROOT / f"stacks/Pulumi.{name}.yaml"
    path = shipped if shipped.is_file() else ROOT / f"tests/stacks/ok/{name}.yaml"
    read: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read


def changed(
    values: Mapping[str, Any], changes: Mapping[str, Any], moves: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The values with some settings changed.

    Args:
        values: a stack's.
        changes: new values by place, `models.llama.replicas`; list entries by number; `None` takes a setting out.
        moves: settings that get another place first, by their old one.
    """
    made = json.loads(json.dumps(values))
    for old, new in (moves or {}).items():
        inside, last = _around(made, old)
        value = inside.pop(last)
        inside, last = _around(made, new)
        inside[last] = value
    for place, value in changes.items():
        inside, last = _around(made, place)
        if value is None:
            del inside[last]
        else:
            inside[last] = deepcopy(value)
    return dict(made)


def _around(values: Any, place: str) -> tuple[Any, Any]:
    """What holds a setting, and the setting's key there."""
    section, *steps = place.split(".")
    *above, last = [f"inference:{section}", *steps]
    inside = values["config"]
    for step in above:
        inside = inside[int(step)] if isinstance(inside, list) else inside.setdefault(step, {})
    return inside, int(last) if isinstance(inside, list) else last


def snapshot(values: Mapping[str, Any], folder: Path, name: str, *, picture: bool = False, **options: Any) -> Snapshot:
    """The snapshot of some values, read from a file as a person's are; drawn only when somebody looks at it."""
    folder.mkdir(exist_ok=True)
    path = folder / f"Pulumi.{name}.yaml"
    # JSON is YAML, and has no anchors that would tie together what is changed apart.
    path.write_text(json.dumps(values, indent=1), encoding="utf-8")
    return snapshot_of(load(path, None), today=TODAY, picture=picture, file=f"stacks/Pulumi.{name}.yaml", **options)


def sides(name: str, changes: Mapping[str, Any], folder: Path) -> tuple[Snapshot, Snapshot]:
    """A stack as it is, and with some settings changed."""
    base = stack(name)
    return snapshot(base, folder / "base", name), snapshot(changed(base, changes), folder / "head", name)
