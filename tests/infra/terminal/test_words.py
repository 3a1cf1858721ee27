"""Numbers and lists read as people write them."""

from __future__ import annotations

import pytest

from infra.terminal.columns import aligned
from infra.terminal.words import bytes_in_words, counted, dollars, joined, span


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (412.4, "$412"),
        (0.361, "$0.36"),
        (5.0, "$5"),
        (1204.0, "$1,204"),
        (0.0001, "$0"),
        (-30.0, "−$30"),  # noqa: RUF001
        (None, "unknown"),
    ],
)
def test_cents_are_for_small_amounts(amount: float | None, words: str) -> None:
    assert dollars(amount) == words


def test_where_larger_sums_have_no_cents_either_a_smaller_one_keeps_them() -> None:
    assert (dollars(12.41), dollars(12.41, whole_from=10), dollars(9.5, whole_from=10)) == ("$12.41", "$12", "$9.50")


def test_one_of_a_thing_has_no_s() -> None:
    assert (counted(0, "pod"), counted(1, "pod"), counted(1200, "pod")) == ("0 pods", "1 pod", "1,200 pods")


def test_a_range_of_one_number_is_that_number() -> None:
    assert (span(3, 3), span(1, 4), span(1, None)) == ("3", "1–4", "1 or more")  # noqa: RUF001


def test_of_a_long_list_in_a_sentence_the_first_are_told_and_the_others_counted() -> None:
    names = [*"abcde"]
    assert (joined(names[:1], 3), joined(names[:3], 3), joined(names, 3)) == ("a", "a, b and c", "a, b, c and 2 more")


def test_sizes_are_of_a_thousand_and_never_nothing() -> None:
    assert [bytes_in_words(size) for size in (10, 12_400, 1_600_000)] == ["1 kB", "12 kB", "1.6 MB"]


def test_a_table_is_as_wide_as_its_cells_and_its_lines_end_without_spaces() -> None:
    lines = [*aligned(("name", "usd"), [("l4", "1.5"), ("disk", "12"), ("free", "")], right=("usd",))]
    assert lines == ["  name  usd", "  l4    1.5", "  disk   12", "  free"]
