"""From a stack's values to its environment and plan, or to everything that is wrong with them at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from components.core.errors import ConfigError, Path, Problem
from components.core.plan import Plan

from .assemble import assemble
from .environment import Environment
from .sections.section import Dangling
from .validate import environment_of

_ROUNDS = 20
"""Times a broken stack is trimmed and looked at again; each round takes away one level at most."""


def planned(values: Mapping[str, Any], name: str, secrets: Collection[str]) -> tuple[Environment, Plan]:
    """The environment and its plan.

    Args:
        values: the stack's `inference:` values, secrets left out.
        name: the environment's name.
        secrets: keys of the stack's secrets.

    Raises:
        ConfigError: every problem at once, with paths into the stack.
    """
    try:
        environment = environment_of(values)
    except ConfigError as error:
        further = _further_problems(values, error.problems, name, secrets)
        raise ConfigError(dict.fromkeys((*error.problems, *further))) from None
    return environment, assemble(environment, name, secrets)


def _further_problems(
    values: Mapping[str, Any], problems: Sequence[Problem], name: str, secrets: Collection[str]
) -> Iterator[Problem]:
    """What the first problems hid: rules between fields, and between sections, wait until every field is right.

    What is wrong is cut out and the rest looked at again, until it can be planned. What is said of a cut place, or of
    something that refers to it, is only an echo.
    """
    rest: Any = dict(values)
    cuts: set[Path] = set()
    for _ in range(_ROUNDS):
        cuts |= {_cut(problem.path, cuts) for problem in problems}
        if () in cuts:
            return
        for cut in cuts:
            rest = _without(rest, cut)
        try:
            assemble(environment_of(rest), name, secrets)
        except ConfigError as error:
            problems = error.problems
            yield from (problem for problem in problems if not _is_echo(problem, cuts))
        else:
            return


def _cut(path: Path, cuts: Collection[Path]) -> Path:
    """What to cut out for a problem: its place, or more if that was not enough.

    A list goes as a whole: a rule without its header would match everything, and its neighbours mean another thing.
    """
    place = next((number for number, step in enumerate(path) if isinstance(step, int)), len(path))
    path = path[:place]
    while path and path in cuts:
        path = path[:-1]
    return path


def _without(value: Any, path: Path) -> Any:
    if not isinstance(value, Mapping) or path[0] not in value:
        return value
    first, *below = path
    rest = {key: inner for key, inner in value.items() if key != first}
    return {**rest, first: _without(value[first], tuple(below))} if below else rest


def _is_echo(problem: Problem, cuts: Collection[Path]) -> bool:
    """Whether a problem is there only because something was cut: within it, what it refers to, or beside it."""
    around = any(_is_within(cut, problem.path) for cut in cuts)
    lost = isinstance(problem, Dangling) and any(
        _is_within(cut, place) or _is_within(place, cut) for cut in cuts for place in problem.to
    )
    misspelt = problem.message.startswith("is required") and any(cut[:-1] == problem.path[:-1] for cut in cuts)
    return around or lost or misspelt


def _is_within(path: Path, place: Path) -> bool:
    return path[: len(place)] == place
