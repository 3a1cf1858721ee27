"""Lists and times read as people write them."""

from __future__ import annotations

import pytest

from components.core.words import about, duration, duration_range, listed


def test_of_a_long_list_the_first_are_told_and_the_others_counted() -> None:
    names = [*"abcde"]
    assert (listed(names[:4]), listed(names), listed(names, 1)) == (
        "a, b, c, d",
        "a, b, c, d and 1 more",
        "a and 4 more",
    )
    assert listed(map(str, range(1202)), 2) == "0, 1 and 1,200 more"


def test_up_to_two_minutes_seconds_are_told() -> None:
    assert (duration(40), duration(119), duration(120), duration(200)) == ("40 s", "119 s", "2 min", "3 min")
    assert (duration_range(40, 200), duration_range(200, None)) == ("40 s to 3 min", "3 min or more")


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (540, 840, "9–14 min"),  # noqa: RUF001
        (540, 550, "about 9 min"),
        (40, 40, "about 40 s"),
        (40, 200, "40 s to 3 min"),
        (200, None, "3 min or more"),
    ],
)
def test_in_a_sentence_minutes_are_one_range(low: float, high: float | None, words: str) -> None:
    assert about(low, high) == words
