"""What differs, without credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.errors import hands_over_secret, looks_secret, states_secret

from .compare import Difference
from .report import ABSENT, FieldChange
from .snapshot import Resource

HIDDEN = "a value that is not shown here"
"""What stands for a credential in a report."""


def shielded(resource: Resource, one: Difference) -> FieldChange:
    """A difference as a report may show it: nothing of a Secret's data, and elsewhere nothing that is a credential."""
    if resource.kind == "Secret" and one.place.startswith(("data", "stringData")):
        return FieldChange(one.path, _placeholders(one.before), _placeholders(one.after))
    entry = next((step.name[0] for step in reversed(one.steps) if step.sort == "entry"), "")
    last = str(one.steps[-1].name)
    name = str(entry) if last == "value" else last
    return FieldChange(one.path, _without_secrets(one.before, name), _without_secrets(one.after, name))


def _placeholders(value: Any) -> Any:
    """A Secret's data with what only refers to a value, `${secret:hf_token}`, and nothing else."""
    if value is ABSENT:
        return value
    if isinstance(value, Mapping):
        return {key: _placeholders(inner) for key, inner in value.items()}
    return value if isinstance(value, str) and value.startswith("${") else HIDDEN


def _without_secrets(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        variable = str(value.get("name", ""))
        return {key: _without_secrets(inner, variable if key == "value" else str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        words = list(value)
        return [
            HIDDEN if _follows_flag(words, number) else _without_secrets(word, name)
            for number, word in enumerate(words)
        ]
    if isinstance(value, str) and not value.startswith("${") and (looks_secret(value) or states_secret(name, value)):
        return HIDDEN
    return value


def _follows_flag(words: list[Any], number: int) -> bool:
    """Whether a word of a command line is a credential, or holds one."""
    word, earlier = words[number], words[number - 1] if number else ""
    if not isinstance(word, str) or not isinstance(earlier, str):
        return False
    return hands_over_secret(word, "") or ("=" not in earlier and hands_over_secret(earlier, word))
