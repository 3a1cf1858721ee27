"""Switching single validity checks of `check` off, to see that the API server would miss them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

from pydantic_core import SchemaValidator

import infra.prove.prove
from components.proofs import rules
from infra.plan.environment import Environment

from .fields import Kind, Model, models_below

Rewrite = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
"""Another schema in place of one of pydantic's; `None` leaves it."""
_COMPARED = ("pattern", "max_length", "min_length", "ge", "le", "gt", "lt")


@contextmanager
def without_limit(kind: Kind, limit: str) -> Iterator[None]:
    """Every field of one kind without one of its limits; a literal may be any text, without `words`."""
    wanted = {name: value for name in _COMPARED if (value := kind.limit(name)) is not None}

    def rewrite(schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if limit == "words":
            is_it = schema.get("type") == "literal" and tuple(schema["expected"]) == kind.words
            return {"type": "str"} if is_it else None
        if schema.get("type") == kind.sort and {name: schema[name] for name in _COMPARED if name in schema} == wanted:
            return {name: value for name, value in schema.items() if name != limit}
        return None

    with _rewritten(rewrite):
        yield


@contextmanager
def without_function(name: str) -> Iterator[None]:
    """Every model without one validator of ours; any other function that finds problems finds none."""
    found = False

    def rewrite(schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
        nonlocal found
        if schema.get("type") == "function-after" and _name(schema["function"]["function"]) == name:
            found = True
            # What others refer to it by stays.
            return {**schema["schema"], **({"ref": schema["ref"]} if "ref" in schema else {})}
        return None

    with _rewritten(rewrite):
        if found:
            yield
            return
    module, _, function = name.partition(":")
    with patch.object(sys.modules[module], function, lambda *_, **__: []):
        yield


@contextmanager
def without_rule(name: str) -> Iterator[None]:
    """The proofs without one rule."""
    rest = MappingProxyType({rule: made for rule, made in rules.RULES.items() if rule != name})
    with patch.object(rules, "RULES", rest), patch.object(infra.prove.prove, "RULES", rest):
        yield


@contextmanager
def _rewritten(rewrite: Rewrite) -> Iterator[None]:
    """All models with other schemas; where one is built in its own right, by the same schema."""
    models = models_below(Environment)
    before: dict[Model, Any] = {}
    try:
        for model in models:
            model.model_rebuild()
            model.__pydantic_complete__ = False  # or pydantic would reuse what it has built for the model
        for model in models:
            changed = _walked(model.__pydantic_core_schema__, rewrite)
            if changed is not model.__pydantic_core_schema__:
                before[model] = model.__pydantic_validator__
                model.__pydantic_validator__ = SchemaValidator(changed)
        for model in models:
            model.__pydantic_complete__ = True
        yield
    finally:
        for model in models:
            model.__pydantic_complete__ = True
        for model, validator in before.items():
            model.__pydantic_validator__ = validator


def _walked(schema: Any, rewrite: Rewrite) -> Any:
    """A schema with all schemas within it rewritten; the same object when none is."""
    if isinstance(schema, dict):
        changed = rewrite(schema)
        if changed is not None:
            return _walked(changed, rewrite)
        below = {key: value if key == "metadata" else _walked(value, rewrite) for key, value in schema.items()}
        return below if any(below[key] is not schema[key] for key in schema) else schema
    if isinstance(schema, list | tuple):
        entries = [_walked(value, rewrite) for value in schema]
        same = all(new is old for new, old in zip(entries, schema, strict=True))
        return schema if same else type(schema)(entries)
    return schema


def _name(function: Any) -> str:
    return f"{function.__module__}:{function.__qualname__}"
