"""Defaults that are settings themselves: made without validation, so they must be what validation would make."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import infra.plan.environment  # noqa: F401 - has every model imported
from components.core.config import Config


def _below(model: type[Config]) -> Iterator[type[Config]]:
    for each in model.__subclasses__():
        yield each
        yield from _below(each)


DEFAULTS = {
    f"{model.__name__}.{name}": made
    for model in _below(Config)
    for name, field in model.model_fields.items()
    if isinstance(made := field.get_default(call_default_factory=True, validated_data={}), Config)
    and not made.model_fields_set
}


def test_there_are_such_defaults() -> None:
    assert {"ModelConfig.network", "ModelConfig.cache", "BlueGreenRollout.green"} <= DEFAULTS.keys()


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_is_what_its_model_makes_of_nothing(name: str) -> None:
    assert DEFAULTS[name] == type(DEFAULTS[name])()
