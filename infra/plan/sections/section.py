"""What a section of a stack is, and one run over all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from components.addons.addons import needs
from components.addons.charts import chart_keys
from components.core.errors import Path, Problem
from components.core.plan import NodeShape, Part

from ..collector import Collector
from ..environment import Environment

Settings = TypeVar("Settings")


@dataclass(frozen=True, slots=True)
class Dangling(Problem):
    """Something that a section refers to, and that is not there.

    Attributes:
        to: where in the stack it could be.
    """

    to: tuple[Path, ...] = ()


def missing_addon(environment: Environment, addon: str, who: str, path: Path) -> Iterator[Problem]:
    """What to say where something needs an add-on that the environment does without.

    Args:
        environment: the stack.
        addon: the add-on's name in the stack.
        who: what needs it, as a subject: "a route".
        path: where that stands.
    """
    problem = needs(environment.addons, addon, who, path)
    if problem is not None:
        yield Dangling(problem.path, problem.message, to=(("addons", addon),))


def _nothing_wrong(_: Environment) -> Iterator[Problem]:
    return iter(())


def _no_secrets(_: Environment) -> Iterator[tuple[Path, str]]:
    return iter(())


def _no_parts(_: Assembly) -> list[Part]:
    return []


def _no_exports(_: Assembly) -> Mapping[str, object]:
    return {}


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a stack.

    Attributes:
        key: the field of `Environment` that has its settings.
        refer: what is wrong between it and the other sections.
        plan: its parts. It asks the assembly for those of other sections, which are then planned first.
        secrets: the secrets of the stack that it reads, each with the place that does.
        exports: stack outputs.
        at: where a stack has a component, by the component's kind and name.
        noun: what people call an entry, before its name; empty where the name says it, `None` where there are none.
        namespaced: whether its objects are in namespaces that are made for them.
    """

    key: str
    refer: Callable[[Environment], Iterable[Problem]] = _nothing_wrong
    plan: Callable[[Assembly], list[Part]] = _no_parts
    secrets: Callable[[Environment], Iterable[tuple[Path, str]]] = _no_secrets
    exports: Callable[[Assembly], Mapping[str, object]] = _no_exports
    at: Mapping[str, Callable[[str], Path]] = field(default_factory=dict)
    noun: str | None = None
    namespaced: bool = False


class Assembly:
    """One run over an environment: each section is planned once, when it is first asked for its parts.

    Attributes:
        environment: the stack.
        problems: where what builders refuse is noted.
        nodes: the nodes that pods can land on, by pool.
        charts: the keys of the parts that make add-ons whole, for those the stack installs, by add-on.
    """

    def __init__(self, environment: Environment, sections: Iterable[Section], problems: Collector) -> None:
        self.environment = environment
        self.problems = problems
        self.nodes: dict[str, NodeShape] = {}
        self.charts = chart_keys(environment.addons)
        self.sections = {section.key: section for section in sections}
        self._parts: dict[str, list[Part] | None] = {}

    def parts(self, key: str) -> list[Part]:
        """The parts of a section.

        Raises:
            RecursionError: when a section needs its own parts to plan them, which is a bug of ours.
        """
        if key not in self._parts:
            self._parts[key] = None
            self._parts[key] = self.sections[key].plan(self)
        planned = self._parts[key]
        if planned is None:
            raise RecursionError(f"the section {key} is asked for its parts while it is planned")
        return planned

    def keys(self, key: str) -> tuple[str, ...]:
        """The keys of a section's parts, for what comes after them."""
        return tuple(part.key for part in self.parts(key))

    def each(
        self, key: str, entries: Mapping[str, Settings], build: Callable[[str, Settings, Path], Part | None]
    ) -> list[Part]:
        """A part for each entry of a section whose builder makes one; what builders refuse is noted."""
        parts = []
        for name, settings in entries.items():
            path = (key, name)
            part = self.problems.attempt(path, partial(build, name, settings, path))
            parts += [part] if part else []
        return parts
