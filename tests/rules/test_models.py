"""What every config model must obey."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .test_imports import PURE


def models() -> Iterator[type[BaseModel]]:
    """Every config model there is."""
    for module in PURE:
        import_module(module)
    pending = list(BaseModel.__subclasses__())
    while pending:
        model = pending.pop()
        pending += model.__subclasses__()
        if model.__module__.split(".")[0] in ("components", "infra"):
            yield model


def lax(annotation: Any, metadata: list[Any]) -> bool:
    """Whether numbers or flags in a type would also take text such as "3" or "yes"."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        flat = [each for item in more for each in (item.metadata if isinstance(item, FieldInfo) else [item])]
        return lax(inner, [*metadata, *flat])
    if annotation in (int, bool, float):
        return not any(getattr(item, "strict", None) for item in metadata)
    # Constraints of a field hold for its own type and what it may be besides None, not for what a list holds.
    inherited = [] if get_origin(annotation) in (list, tuple, dict, set, frozenset) else metadata
    return any(lax(inner, inherited) for inner in get_args(annotation) if not isinstance(inner, str | int))


def test_numbers_and_flags_of_config_models_are_strict() -> None:
    assert [
        f"{model.__qualname__}.{name}"
        for model in sorted(models(), key=str)
        for name, field in model.model_fields.items()
        if lax(field.annotation, list(field.metadata))
    ] == []


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, True),
        (int | None, True),
        (dict[str, float], True),
        (tuple[bool, ...], True),
        (str, False),
        (Annotated[int, FieldInfo(strict=True, ge=1)], False),
    ],
)
def test_the_check_for_strictness_tells_them_apart(annotation: Any, expected: bool) -> None:
    field = FieldInfo.from_annotation(annotation)
    assert lax(field.annotation, list(field.metadata)) is expected
