"""The scalar rules, held to what go-yaml and Pulumi answered for the same text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.stack.goyaml import MAX_WHOLE, ScalarError, as_text, plain, tagged

RECORDED: list[list[Any]] = json.loads(Path(__file__).with_name("data").joinpath("scalars.json").read_text())["scalars"]


def refused(row: list[Any]) -> bool:
    """Whether Pulumi fails on the text, rewrites it, or rounds it."""
    text, *answer = row
    if not answer:
        return True
    value = answer[0]
    if isinstance(value, str):
        return bool(value != text)
    return type(value) in (int, float) and bool(abs(value) > MAX_WHOLE)


@pytest.mark.parametrize("row", [row for row in RECORDED if not refused(row)], ids=lambda row: repr(row[0])[:40])
def test_a_plain_scalar_has_the_value_that_pulumi_gives_it(row: list[Any]) -> None:
    text, value, at_the_top = row
    assert (type(plain(text)), plain(text)) == (type(value), value)
    assert as_text(plain(text)) == at_the_top


@pytest.mark.parametrize("text", [row[0] for row in RECORDED if refused(row)], ids=lambda text: text[:40])
def test_a_plain_scalar_that_pulumi_would_change_is_refused(text: str) -> None:
    with pytest.raises(ScalarError, match=r"quotes|finite"):
        plain(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("1e3", 1000),
        ("0o10", 8),
        ("010", 8),
        ("1_000", 1000),
        ("3.0", 3),
    ],
)
def test_the_scalars_people_stumble_over(text: str, value: object) -> None:
    assert (type(plain(text)), plain(text)) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-11-21", "is a date"),
        (".inf", "finite"),
        (".nan", "finite"),
        ("9007199254740993", "2^53"),
        ("12e34", "2^53"),
    ],
)
def test_a_refused_scalar_says_what_would_happen(text: str, words: str) -> None:
    with pytest.raises(ScalarError) as caught:
        plain(text)
    assert words in str(caught.value)


def test_two_to_the_53rd_is_the_largest_whole_number() -> None:
    assert plain(str(MAX_WHOLE)) == MAX_WHOLE
    with pytest.raises(ScalarError):
        plain(str(MAX_WHOLE + 1))


@pytest.mark.parametrize("tag", ["!mine", "tag:yaml.org,2002:binary", "tag:yaml.org,2002:timestamp", "!"])
def test_a_tag_that_pulumi_drops_is_refused(tag: str) -> None:
    with pytest.raises(ScalarError, match="remove the tag"):
        tagged(tag, "2026-11-21")


@given(st.text(max_size=30))
def test_any_text_has_a_value_or_is_refused(text: str) -> None:
    try:
        value = plain(text)
    except ScalarError:
        return
    assert isinstance(value, str | int | float | bool | None)
    assert not isinstance(value, str) or value == text


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15))
def test_a_float_keeps_its_value_and_a_whole_one_becomes_an_integer(number: float) -> None:
    value = plain(repr(number))
    assert value == number
    assert isinstance(value, int) == number.is_integer()
    assert float(as_text(value)) == number


@given(st.integers(min_value=-MAX_WHOLE, max_value=MAX_WHOLE), st.sampled_from(["d", "x", "o", "b"]))
def test_an_integer_keeps_its_value_in_every_base(number: int, base: str) -> None:
    assert plain(format(number, base if base == "d" else f"#{base}")) == number
