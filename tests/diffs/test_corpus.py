"""Real changes, each in a file: a stack, what is changed in it, and what the diff must say of it.

stack    a shipped stack, or one of tests/stacks/ok
before   settings that the base has otherwise, by place
move     settings that get another place
change   new values by place; null takes a setting out
status   of the environment
new      rules of findings that the head has and the base has not; `fixed` the other way round
expect   the headlines, in order: place, effect, what happens, what it means to users
usd      what a month costs more at minimum replicas and at maximum, computed by hand
cost     whether a month at most costs more (up), less (down) or the same, by its least where the most stays; or unknown

`GOLDEN_UPDATE=1 pytest tests/diffs` writes what is told into the files; look at it before it is committed.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.core.errors import dotted
from infra.diff.changes.report import EFFECTS, EnvironmentDiff
from infra.diff.environment_diff import diff

from ..infra.diff.stacks import changed, snapshot, stack

CASES = sorted(Path(__file__).parent.glob("*.yaml"))
_NOTHING = 0.005
"""Dollars a month that are a difference of rounding."""


def case_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


PROMISED = Path(__file__).parent / "a-flag-a-machine-type-and-a-weight.yaml"
"""What the README shows: one engine's flag, one pool's machine type, one route's weight."""


def compared(case: dict[str, Any], folder: Path, *, picture: bool = False) -> EnvironmentDiff:
    name = case["stack"]
    base = changed(stack(name), case.get("before", {}))
    head = changed(base, case.get("change", {}), case.get("move"))
    before, after = (
        snapshot(values, folder / side, name, picture=picture) for side, values in (("base", base), ("head", head))
    )
    return diff(before, after)


def told(found: EnvironmentDiff) -> dict[str, Any]:
    """What a case expects, as the diff has it."""
    rows = [
        {"at": dotted(row.at), "effect": row.effect, "what": row.what, "means": row.means} for row in found.headlines
    ]
    return {
        "status": found.status,
        "new": [finding["rule"] for finding in found.new],
        "fixed": [finding["rule"] for finding in found.fixed],
        "expect": [{key: value for key, value in row.items() if value} for row in rows],
    }


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_change_is_told_as_what_it_is(path: Path, tmp_path: Path) -> None:
    case = case_of(path)
    found = told(compared(case, tmp_path))
    if os.environ.get("GOLDEN_UPDATE"):
        _write(path, case | found)
        return
    assert found == {"new": [], "fixed": [], **{key: case[key] for key in found if key in case}}


PRICED = [path for path in CASES if "cost" in case_of(path)]


@pytest.mark.parametrize("path", PRICED, ids=lambda path: path.stem)
def test_a_change_costs_more_less_or_the_same(path: Path, tmp_path: Path) -> None:
    case = case_of(path)
    cost = compared(case, tmp_path).cost
    assert cost is not None
    assert _direction(cost["max_usd"], cost["min_usd"]) == case["cost"]


BY_HAND = [path for path in CASES if "usd" in case_of(path)]


@pytest.mark.parametrize("path", BY_HAND, ids=lambda path: path.stem)
def test_a_change_costs_what_was_computed_by_hand(path: Path, tmp_path: Path) -> None:
    case = case_of(path)
    cost = compared(case, tmp_path).cost
    assert cost is not None
    assert [cost["min_usd"], cost["max_usd"]] == pytest.approx(case["usd"], abs=0.01)


def test_every_effect_is_there_at_least_twice() -> None:
    found = Counter(row["effect"] for path in CASES for row in case_of(path)["expect"])
    assert set(found) == set(EFFECTS)
    assert min(found.values()) > 1
    assert len(CASES) >= 40


def _direction(most: float | None, least: float | None) -> str:
    if most is None or least is None:
        return "unknown"
    change = most if abs(most) > _NOTHING else least
    return "same" if abs(change) < _NOTHING else "up" if change > 0 else "down"


def _write(path: Path, case: dict[str, Any]) -> None:
    about = path.read_text(encoding="utf-8").splitlines()[0]
    kept = {key: value for key, value in case.items() if value or key == "expect"}
    order = ("stack", "before", "move", "change", "status", "new", "fixed", "expect", "cost", "usd")
    text = yaml.safe_dump(
        {key: kept[key] for key in order if key in kept}, sort_keys=False, allow_unicode=True, width=118
    )
    path.write_text(f"{about}\n{text}", encoding="utf-8")
