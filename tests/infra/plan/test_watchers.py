"""Who scrapes a model, who adapts its metrics and whose prices are used decide nothing about the model itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.catalog.prices import prices
from components.core.errors import ConfigError, Problem, dotted
from components.core.plan import Plan
from components.proofs.rules import prove
from infra.plan.planning import planned
from infra.stack.stackfile import load_stack
from tests.rendered import ENVIRONMENTS, ROOT
from tests.watchers import NEEDS_ADAPTER, watched, watchings

STACKS = ROOT / "tests" / "stacks"
RIGHT = [*sorted((STACKS / "ok").glob("*.yaml")), *ENVIRONMENTS.values()]
WRONG = [STACKS / "bad" / f"{name}.yaml" for name in (
    "autoscaler-metric-misspelt", "autoscaler-on-a-histogram", "dtype-with-quantize", "errors-of-every-stage-at-once",
    "every-token-limit-wrong-at-once", "flag-of-another-engine", "offline-with-a-claim-nobody-fills",
    "several-nodes-on-tgi", "sharded-exl2", "sglang-gpus-that-groups-do-not-divide", "tei-on-two-gpus",
    "vllm-parallel-sizes-that-leave-gpus-over",
)]  # fmt: skip
"""Some stacks whose models are refused, by their settings, their engine or their surroundings."""
_BUDGET = frozenset({"over-budget", "budget-unknown"})


def values_of(file: Path) -> tuple[dict[str, Any], set[str]]:
    stack = load_stack(file, None)
    return dict(stack.values), set(stack.secrets)


def servers(plan: Plan) -> dict[str, Any]:
    """What makes the pods of each model."""
    return {
        f"{part.key} {item.role}": item.properties
        for part, item in plan.objects()
        if part.path[:1] == ("models",) and item.kind in ("Deployment", "LeaderWorkerSet")
    }


def of_models(error: ConfigError) -> set[Problem]:
    """What is told of models; that a signal needs an adapter is the one thing an adapter decides."""
    return {one for one in error.problems if one.path[:1] == ("models",) and NEEDS_ADAPTER not in one.message}


def findings(plan: Plan) -> list[str]:
    """What the proofs tell, but for what a month may cost."""
    return [str(finding) for finding in prove(plan) if finding.rule not in _BUDGET]


def outcome(values: Mapping[str, Any], secrets: set[str]) -> tuple[dict[str, Any] | None, set[Problem]]:
    """The servers of the models, and what is refused of them."""
    try:
        return servers(planned(values, "test", secrets)[1]), set()
    except ConfigError as error:
        return None, of_models(error)


@pytest.mark.parametrize("file", RIGHT, ids=lambda file: file.stem)
def test_who_scrapes_and_who_adapts_change_nothing_of_a_right_model(file: Path) -> None:
    values, secrets = values_of(file)
    expected = servers(planned(values, "test", secrets)[1])
    for scraper, adapter in watchings(values):
        found, refused = outcome(watched(values, scraper, adapter), secrets)
        assert refused == set(), f"{scraper}, {adapter}"
        assert found == expected or (found is None and adapter == "none"), f"{scraper}, {adapter}"


@pytest.mark.parametrize("file", WRONG, ids=lambda file: file.stem)
def test_who_scrapes_and_who_adapts_neither_hide_nor_repeat_what_is_wrong_with_a_model(file: Path) -> None:
    values, secrets = values_of(file)
    told = {pair: outcome(watched(values, *pair), secrets)[1] for pair in watchings(values)}
    first, *others = told.values()
    assert first
    assert all(other == first for other in others), told


@pytest.mark.parametrize("scraper", ["managed", "standalone"])
def test_what_is_wrong_with_a_model_is_told_once_at_its_own_place_beside_all_other_problems(scraper: str) -> None:
    values, secrets = values_of(STACKS / "bad" / "sharded-exl2.yaml")
    scaled = {"engine": {"kind": "tgi"}, "autoscaling": {"min": 1, "max": 2, "queue_depth": 4}}
    values["models"] = {**values["models"], "other": values["models"]["llama"] | scaled}
    with pytest.raises(ConfigError) as caught:
        planned(watched(values, scraper), "test", secrets)
    assert [dotted(problem.path) for problem in caught.value.problems] == [
        "models.llama.engine.num_shard",
        "models.other.autoscaling.queue_depth",
    ]


@pytest.mark.parametrize("file", RIGHT, ids=lambda file: file.stem)
def test_whose_prices_are_used_changes_no_finding_but_those_of_the_budget(file: Path) -> None:
    values, secrets = values_of(file)
    plan = planned(values, "test", secrets)[1]
    dearer = tuple(replace(row, usd=row.usd * 2) for row in prices().rows)
    ours = replace(plan, limits=replace(plan.limits, prices=dearer))
    assert findings(ours) == findings(plan)
