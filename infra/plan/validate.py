"""The one way from a stack's values to an `Environment`, for files and for `pulumi up` alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from components.core.errors import ConfigError, Path, Problem, did_you_mean
from components.core.secrets import PLAINTEXT_ADVICE, looks_secret
from components.core.wording import problems_of
from components.rollout.model import ModelConfig

from .environment import Environment

_CONTROL = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ufffe\\uffff]")
"""Characters that Kubernetes' reader of YAML refuses or folds (sigs.k8s.io/yaml goyaml.v2 readerc.go)."""


def environment_of(values: Mapping[str, Any]) -> Environment:
    """Validate the `inference:` values of a stack, secrets left out.

    Raises:
        ConfigError: every problem at once, with paths into the stack.
    """
    known = {key: value for key, value in values.items() if key in _sections()}
    problems = [Problem((key,), _stray(key, value)) for key, value in values.items() if key not in known]
    # A token where a number or a mapping belongs is first of all a token.
    # One search for the whole stack first: nearly all of them have none.
    text = "\n".join(_texts(known))
    told = {path: Problem(path, PLAINTEXT_ADVICE) for path in _plain_secrets(known)} if looks_secret(text) else {}
    problems += told.values()
    problems += _unprintable(known) if _CONTROL.search(text) else ()
    environment = None
    # Versions of a model are built alone, too. Built before the environment, it is taken over into that: a third less.
    ModelConfig.model_rebuild()
    try:
        environment = Environment.model_validate(known)
    except ValidationError as error:
        problems += [found for found in dict.fromkeys(problems_of(error, Environment)) if found.path not in told]
    if environment is None or problems:
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


def _plain_secrets(values: Mapping[str, Any]) -> Iterator[Path]:
    """Where a value has the form of a well-known credential."""
    yield from (path for path, text in _leaves(values, ()) if looks_secret(text))


def _unprintable(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Where a text holds what no API server takes, or reads as a line break: it sees each object as YAML."""
    for path, text in _leaves(values, ()):
        if found := _CONTROL.search(text):
            yield Problem(path, f"holds the control character U+{ord(found[0]):04X}, which is not shown; remove it")


def _texts(values: Any) -> Iterator[str]:
    waiting = [values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index))
