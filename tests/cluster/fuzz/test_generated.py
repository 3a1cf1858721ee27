"""Whole environments, generated: `check` accepts only what the API server accepts, object by object."""

from __future__ import annotations

import os

import pytest

from infra.environment import Environment

from ..api import Api
from ..conftest import JUDGED
from .fields import fields_of, models_below, sites
from .judge import Judge
from .run import Tally, good, search

_COUNT = int(os.environ.get("FUZZ_COUNT", "300"))
_SEED = int(os.environ.get("FUZZ_SEED", "0"))
_LEAST_SHARE = 0.3
_ENOUGH = 100
"""Environments from which on shares mean something."""
_FOR_EVERY_FIELD = 200


def test_check_and_the_api_server_agree_about_generated_environments(api: Api) -> None:
    tally = Tally()
    try:
        search(Judge(api), _COUNT, first=_SEED, tally=tally)
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
    if tally.kinds:
        pytest.skip(f"not judged, their definition is not here (make crds, or CRDS_DIR): {', '.join(tally.kinds)}")


def test_every_field_of_every_component_is_generated_in_environments_that_are_accepted() -> None:
    every = {(model.__name__, name) for model in models_below(Environment) for name in fields_of(model)}
    reached = {
        (site.owner.__name__, site.field) for values in good(_FOR_EVERY_FIELD) for site in sites(values, Environment)
    }
    assert sorted(every - reached) == []
