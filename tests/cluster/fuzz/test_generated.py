"""Whole environments, generated: `check` accepts only what the API server accepts, object by object."""

from __future__ import annotations

import os

import pytest

from infra.plan.environment import Environment

from ..api import Api
from ..conftest import JUDGED
from ..deploy import apply_plan
from .fields import fields_of, kind_words, kinds_below, models_below
from .judge import Judge
from .run import Tally, good, search
from .verdict import check

_COUNT = int(os.environ.get("FUZZ_COUNT", "300"))
_SEED = int(os.environ.get("FUZZ_SEED", "0"))
_LEAST_SHARE = 0.3
_ENOUGH = 100
"""Environments from which on shares mean something."""
_ENOUGH_FOR_EVERY_FIELD = 300
_FEW = 20
_MOST = 2
"""How many times the environments that are asked for may be judged in order to meet every field."""
_SELDOM = ("Job", "LeaderWorkerSet", "PersistentVolume", "PersistentVolumeClaim", "PodDisruptionBudget")
"""Kinds of objects that few settings lead to."""


def test_check_and_the_api_server_agree_about_generated_environments(api: Api) -> None:
    tally = Tally()
    judge = Judge(api)
    try:
        search(judge, _COUNT, first=_SEED, tally=tally)
        # Some fields are seldom: as many more as it takes until every one was there.
        while _COUNT >= _ENOUGH_FOR_EVERY_FIELD and _missing(tally) and len(tally.seen) < _MOST * _COUNT:
            search(judge, len(tally.seen) + _FEW, first=_SEED + len(tally.seen), tally=tally)
    finally:
        JUDGED.update({f"{what} of random environments": tally.counts[what] for what in ("objects", "pods")})
        JUDGED["random environments"] += tally.counts["environments"]
        JUDGED["of these accepted by check"] += tally.counts["accepted"]
        JUDGED["of these refused by check"] += tally.counts["refused"]
        JUDGED["of these refused by both, with a plan"] += tally.counts["refused by both"]
        JUDGED["cloud resources and charts left out"] += tally.counts["elsewhere"]
    JUDGED["disagreements"] += 0
    if _COUNT >= _ENOUGH:
        least = _LEAST_SHARE * tally.counts["environments"]
        assert tally.counts["accepted"] >= least, tally.lines()
        assert tally.counts["refused"] >= least, tally.lines()
        assert tally.counts["refused by both"] > 0, tally.lines()
    if _COUNT >= _ENOUGH_FOR_EVERY_FIELD:
        assert _missing(tally) == [], "never generated, or never judged by the API server"
    if tally.kinds:
        pytest.skip(f"not judged, their definition is not here (make crds, or CRDS_DIR): {', '.join(tally.kinds)}")


def _missing(tally: Tally) -> list[tuple[str, str]]:
    """Fields that were never generated, and kinds of things that were never judged."""
    every = {(model.__name__, name) for model in models_below(Environment) for name in fields_of(model)}
    return sorted((every - tally.fields.keys()) | (_alternatives() - tally.judged.keys()))


def _alternatives() -> set[tuple[str, str]]:
    """Every engine, cache, rollout and so on: the fields that can be one of several kinds, with each kind."""
    return {("object", kind) for kind in _SELDOM} | {
        (name, kind_words(one)[0])
        for _, name, kind in kinds_below(Environment)
        if len(kind.models) > 1
        for one in kind.models
    }


@pytest.mark.parametrize("number", range(3))
def test_a_real_deployment_is_taken_as_the_dry_run_was(number: int, empty: Api) -> None:
    plan = check(good(number + 1)[-1]).plan
    assert plan is not None
    assert apply_plan(empty, plan)
