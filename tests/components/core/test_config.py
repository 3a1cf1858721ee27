"""The types that all settings share mean what they mean to Kubernetes."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import field_validator

from components.core.config import ByKind, Bytes, Config, Count, LabelValue, ascii_only, members
from components.core.errors import ConfigError, InferenceError
from components.core.quantity import number


class _Settings(Config):
    amount: Bytes = "1"
    label: LabelValue = ""
    count: Count = 1


class _Round(Config):
    kind: Literal["round"] = "round"
    radius: Count


class _Square(Config):
    kind: Literal["square"]
    side: Count


_Shape = Annotated[_Round | _Square, ByKind("round")]


class _Drawing(Config):
    shape: _Shape | None = None


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        (r"^\d{1,3}$", "^[0-9]{1,3}$"),
        (r"^[\w.-]+$", "^[A-Za-z0-9_.-]+$"),
        (r"\w[a\d]\[\d\]", r"[A-Za-z0-9_][a0-9]\[[0-9]\]"),
    ],
)
def test_digits_and_letters_of_patterns_are_ascii(pattern: str, meant: str) -> None:
    assert ascii_only(pattern) == meant


@pytest.mark.parametrize("wrong", [{"amount": "1\u0663Gi"}, {"label": "gr\u00f6\u00dfe"}])
def test_digits_and_letters_of_other_scripts_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="must be"):
        _Settings(**wrong)


def test_a_stray_setting_of_any_name_is_an_error_of_the_settings() -> None:
    with pytest.raises(ConfigError, match="self: unknown field"):
        _Settings(self=1)  # type: ignore[call-arg]  # the mistake itself


def test_a_count_ends_where_kubernetes_stops_counting() -> None:
    assert _Settings(count=2**31 - 1).count == 2**31 - 1
    with pytest.raises(ConfigError, match="must be 1 to 2147483647"):
        _Settings(count=2**31)


@pytest.mark.parametrize(
    ("text", "value"),
    [("2Ki", 2048), ("1.5Mi", 1.5 * 2**20), ("3k", 3000), ("250m", 0.25), ("1E", 1e18), ("1Ei", 2.0**60)],
)
def test_every_unit_of_a_quantity_is_read(text: str, value: float) -> None:
    assert number(text) == value


class Slipping(Config):
    """A model whose own validator has a bug."""

    name: str

    @field_validator("name")
    @classmethod
    def _slips(cls, value: str) -> str:
        return str(int(value))


def test_a_slip_of_a_validator_is_not_told_as_a_wrong_setting() -> None:
    with pytest.raises(ValueError, match="invalid literal for int") as caught:
        Slipping(name="x")
    assert not isinstance(caught.value, InferenceError)


def test_wrong_settings_are_no_value_error_of_python() -> None:
    with pytest.raises(InferenceError) as caught:
        Slipping()  # type: ignore[call-arg]  # what is missing is the point
    assert type(caught.value) is ConfigError
    assert not isinstance(caught.value, ValueError)


def test_settings_without_a_kind_are_those_of_the_default() -> None:
    assert _Drawing.model_validate({"shape": {"radius": 2}}).shape == _Round(radius=2)
    assert _Drawing.model_validate({"shape": {"kind": "square", "side": 2}}).shape == _Square(kind="square", side=2)
    assert _Drawing(shape=_Square(kind="square", side=2)).shape == _Square(kind="square", side=2)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"side": 2}, "shape.radius: is required"),
        ({"kind": "square", "radius": 2}, "shape.side: is required"),
        ({"kind": "squere", "side": 2}, 'shape.kind: got "squere"; did you mean square?'),
        (3, "shape: got 3; must be a mapping"),
    ],
)
def test_what_is_wrong_is_told_by_the_kind_that_was_meant(shape: object, said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        _Drawing(shape=shape)
    assert said in str(refusal.value)


def test_a_schema_tells_the_members_of_a_union_apart() -> None:
    shape = _Drawing.model_json_schema()["properties"]["shape"]["anyOf"][0]
    assert [branch["$ref"].rpartition("/")[2] for branch in shape["oneOf"]] == ["_Round", "_Square"]


def test_a_union_lists_its_members_and_a_lone_one_is_its_own() -> None:
    assert members(_Shape) == (_Round, _Square)
    assert members(Annotated[_Round, ByKind("round")]) == (_Round,)
