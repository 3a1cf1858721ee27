"""Problems of many builders, gathered so that a person sees all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from components.core.errors import ConfigError, Path, Problem

Result = TypeVar("Result")


class Collector:
    """Gathers the problems of many builders, each below its place in the stack."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, path: Path, message: str) -> None:
        """Note one problem."""
        self.problems.append(Problem(path, message))

    def extend(self, problems: Iterable[Problem]) -> None:
        """Note problems that say themselves where they are."""
        self.problems.extend(problems)

    def attempt(self, path: Path, build: Callable[[], Result]) -> Result | None:
        """Run a builder; its problems are noted below `path`, unless they say themselves that they are."""
        try:
            return build()
        except ConfigError as error:
            for problem in error.problems:
                below = problem.path[: len(path)] == path
                self.problems.append(problem if below else Problem((*path, *problem.path), problem.message))
            return None

    def finish(self) -> None:
        """Raise everything that was noted, at once.

        Raises:
            ConfigError: when there is anything.
        """
        if self.problems:
            raise ConfigError(dict.fromkeys(self.problems))
