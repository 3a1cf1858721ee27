"""What the sections of a stack say of each other: names that must exist, add-ons and secrets that must be there."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from components.core.errors import Path

from .collector import Collector
from .environment import Environment
from .sections.registry import SECTIONS


def check_references(environment: Environment, secrets: Collection[str], problems: Collector) -> None:
    """Note every name that leads nowhere.

    Args:
        environment: the stack.
        secrets: keys of the stack's secrets.
        problems: where they are noted.
    """
    for path, key in secret_keys(environment):
        if key not in secrets:
            fix = f"run `pulumi config set --secret inference:{key}` for this stack, or take the token from elsewhere"
            problems.add((*path, "secret"), f"the stack has no secret {key}; {fix}")
    for section in SECTIONS:
        problems.extend(section.refer(environment))


def secret_keys(environment: Environment) -> Iterator[tuple[Path, str]]:
    """The stack's secrets that sections read, each with the place that does."""
    for section in SECTIONS:
        yield from section.secrets(environment)
