"""With any one validity check switched off, `check` and the API server disagree; so the run would see it missing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import zip_longest
from typing import Any

import pytest

from components.core.plan import Plan
from components.proofs.rules import RULES, prove
from infra.plan.environment import Environment
from tests.components.proofs.cases import CASES
from tests.components.proofs.plans import edited, sound

from ..api import Api
from ..conftest import JUDGED
from .checks import BASE, FAULTS, SWITCHES, all_checks, functions, label, limits, noticed_by_the_api, table, without
from .faults import Fault, faults_at, with_fault
from .fields import fields_of, models_below, sites
from .judge import Judge
from .run import DisagreementError, Tally, compare, good
from .switches import without_rule

_ENVIRONMENTS = 150
_TRIES = 150
_TURNS = 12
"""How many environments one broken value is tried in."""
_BEHIND = ("invalid-name", "invalid-label", "service-selects-nothing")
"""Rules that look at every name and label once more, whatever settings they come from."""
_OF_ENGINES = {
    below.__name__
    for model in models_below(Environment)
    if "engine" in fields_of(model)
    for engine in fields_of(model)["engine"].models
    for below in models_below(engine)
}
_BAD: Mapping[str, Callable[[], Plan]] = {
    # The rules' own case is a Service that begins with a digit, which API servers take since Kubernetes 1.36.
    "invalid-name": lambda: edited(
        sound(), "ModelServer/llama", "network-policy", lambda manifest: manifest["metadata"].update(name="Llama_3")
    ),
}
"""Plans that a rule refuses, where its own case says something else."""


@pytest.fixture(scope="module")
def judge(api: Api) -> Judge:
    return Judge(api)


@pytest.fixture(scope="module")
def environments() -> list[dict[str, Any]]:
    """Environments that both accept, enough to have every field."""
    return good(_ENVIRONMENTS)


def test_every_check_is_in_the_table_and_nothing_else() -> None:
    assert sorted(table().keys() - set(all_checks())) == []
    assert sorted(set(all_checks()) - table().keys()) == [], "say in checks.tsv who would notice if it were gone"


def test_what_the_api_server_would_not_notice_says_why() -> None:
    assert [row.check for row in table().values() if row.noticed_by != "api" and not row.why] == []


def test_every_function_that_the_api_server_would_notice_has_its_faults() -> None:
    with_own_limit = [name for name in noticed_by_the_api(functions()) if name not in FAULTS]
    assert with_own_limit == ["components.core.config:_address_range"]


@pytest.mark.parametrize("name", noticed_by_the_api(limits()))
def test_without_a_limit_of_a_type_they_disagree(name: str, judge: Judge, environments: list[dict[str, Any]]) -> None:
    _expect(judge, list(_broken(environments, *name.rsplit(": ", 1))), name)


def test_without_the_look_at_address_ranges_they_disagree(judge: Judge, environments: list[dict[str, Any]]) -> None:
    broken = list(_broken(environments, "an address range such as 10.0.0.0/8", "function"))
    _expect(judge, broken, "components.core.config:_address_range")


@pytest.mark.parametrize("name", FAULTS)
def test_without_a_function_that_refuses_settings_they_disagree(name: str, judge: Judge) -> None:
    compare(BASE, judge)
    for values in FAULTS[name]:
        compare(values, judge)
        with _switched_off(name), pytest.raises(DisagreementError, match="accepts it"):
            compare(values, judge)
        JUDGED["validity checks switched off, each of which the API server misses"] += 1


@pytest.mark.parametrize("rule", noticed_by_the_api(RULES))
def test_without_a_rule_they_disagree(rule: str, judge: Judge) -> None:
    case = next(case for case in CASES if case.rule == rule)
    assert _refused(case.good(), judge) == []
    bad = _BAD.get(rule, case.bad)
    assert rule in _errors(bad)
    assert _refused(bad(), judge) != []
    with without_rule(rule):
        assert _errors(bad) == set()
    JUDGED["validity checks switched off, each of which the API server misses"] += 1


def _broken(environments: list[dict[str, Any]], name: str, limit: str) -> Iterator[dict[str, Any]]:
    """Environments with one limit broken at one place: each section's fields of the type in turn, each value once.

    Then each value again elsewhere: that the API server sees a field can depend on what else is in the environment.
    """
    chance = random.Random(name)  # noqa: S311 - the same order every time
    found: dict[tuple[str | int, str, str], dict[str, list[tuple[dict[str, Any], Fault]]]] = {}
    for values in environments:
        for site in sites(values, Environment):
            if label(site.kind) == name:
                for fault in faults_at(site):
                    if fault.limit == limit:
                        by_value = found.setdefault((site.path[0], site.owner.__name__, site.field), {})
                        by_value.setdefault(repr(fault.value), []).append((values, fault))
    # Most fields of engines are arguments, which the API server does not look into.
    ordered = sorted(found, key=lambda field: field[1] in _OF_ENGINES)
    for places in (places for field in ordered for places in found[field].values()):
        chance.shuffle(places)
    for turn in range(_TURNS):
        fields = [[places[turn] for places in found[field].values() if turn < len(places)] for field in ordered]
        for row in zip_longest(*fields):
            yield from (with_fault(*entry) for entry in row if entry is not None)


@contextmanager
def _switched_off(name: str) -> Iterator[None]:
    """`check` without a check and without the rules that stand behind it."""
    with ExitStack() as switched:
        switched.enter_context(SWITCHES.get(name, lambda: without(name))())
        for rule in _BEHIND:
            switched.enter_context(without_rule(rule))
        yield


def _expect(judge: Judge, broken: list[dict[str, Any]], name: str) -> None:
    """With the check they agree; without it, and what stands behind it, they disagree about some environment."""
    assert broken, f"no environment has a field for {name}"
    compare(broken[0], judge)
    with _switched_off(name):
        assert any(_disagree(judge, values) for values in broken[:_TRIES]), f"{name} is missed by nobody"
    JUDGED["validity checks switched off, each of which the API server misses"] += 1


def _disagree(judge: Judge, values: dict[str, Any]) -> bool:
    try:
        compare(values, judge, Tally())
    except DisagreementError as error:
        return "check accepts it" in str(error)
    except (ValueError, LookupError, TypeError, ArithmeticError):
        return False  # what the builders made of a value that should not have reached them
    return False


def _refused(plan: Plan, judge: Judge) -> list[str]:
    return [str(refusal) for refusal in judge.judge(plan).refused]


def _errors(make: Callable[[], Plan]) -> set[str]:
    return {finding.rule for finding in prove(make()) if finding.severity == "error"}
