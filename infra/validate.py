"""The one way from a stack's values to an `Environment`, for files and for `pulumi up` alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from components.errors import ConfigError, Problem, did_you_mean, problems_of

from .environment import Environment


def environment_of(values: Mapping[str, Any]) -> Environment:
    """Validate the `inference:` values of a stack, secrets left out.

    Raises:
        ConfigError: every problem at once, with paths into the stack.
    """
    problems = [Problem((key,), _stray(key, value)) for key, value in values.items() if key not in _sections()]
    known = {key: value for key, value in values.items() if key in _sections()}
    try:
        environment = Environment.model_validate(known)
    except ValidationError as error:
        raise ConfigError([*problems, *dict.fromkeys(problems_of(error, Environment, known))]) from None
    if problems:
        raise ConfigError(problems)
    return environment


def _sections() -> tuple[str, ...]:
    return tuple(Environment.model_fields)


def _stray(key: str, value: Any) -> str:
    """What to say of a key that is no section: a secret in plain text, or a word misspelt."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return (
            "is plain text, and only secrets stand beside the sections; take it out, revoke it if it was one, and run "
            f"`pulumi config set --secret inference:{key}`"
        )
    return f"unknown section; {did_you_mean(key, _sections())}"
