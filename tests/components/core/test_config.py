"""The types that all settings share mean what they mean to Kubernetes."""

from __future__ import annotations

import pytest
from pydantic import field_validator

from components.core.config import Bytes, Config, Count, LabelValue, ascii_only
from components.core.errors import ConfigError, InferenceError
from components.core.quantity import number


class _Settings(Config):
    amount: Bytes = "1"
    label: LabelValue = ""
    count: Count = 1


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
