"""Dollars are said as they are known: a band, a difference, or that nobody knows."""

from __future__ import annotations

from typing import Any

import pytest

from components.cost.delta import UNKNOWN, delta
from infra.comment import money

from .reports import cost


def total(low: float | None, high: float | None, **more: Any) -> Any:
    return {"min_usd": low, "expected_usd": None, "max_usd": high, **more}


def line(at: str, most: float | None, **more: Any) -> Any:
    return {"at": at, "what": "a disk", "before": None, "after": total(0.0, most), "max_usd": most, **more}


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [
        (0.0, 412.0, "+ $412 a month at most"),
        (100.0, 412.0, "+ $412 a month at most"),
        (412.0, 412.0, "+ $412 a month"),
        (-30.0, 412.0, "− $30 a month at minimum replicas, + $412 at maximum"),  # noqa: RUF001
        (900.0, 412.0, "+ $900 a month at minimum replicas, + $412 at maximum"),
        (0.0, -30.0, "− $30 a month at most"),  # noqa: RUF001
        (12.5, 0.0, "+ $12.50 a month at minimum replicas, the same at maximum"),
        (0.0, 0.0, "same cost"),
        (None, None, "cost unknown"),
        (7.0, None, "+ $7 a month at minimum replicas, unknown at maximum"),
    ],
)
def test_the_verdict_says_the_difference_that_is_known(least: float | None, most: float | None, words: str) -> None:
    assert money.in_short(cost(min_usd=least, max_usd=most)) == words


def test_an_unbounded_band_says_what_of_it_is_known() -> None:
    assert money.band(total(10.0, None)) == "$10 – unknown"  # noqa: RUF001
    assert money.band(total(10.0, None, known_max_usd=90.0)) == "$10 – $90 + ?"  # noqa: RUF001
    assert money.band(total(0.0, None)) == "unknown"
    assert money.band(None) == "nothing"


def test_a_base_that_nobody_estimated_did_not_cost_nothing() -> None:
    found = delta(UNKNOWN, {"total": total(411.0, 627.0, expected_usd=420.0), "lines": []})
    assert money.in_short(found) == "$411 – $627 a month, before unknown"  # noqa: RUF001
    assert money.in_full(found) == "cost a month: unknown → $411 – $627 · expected $420"  # noqa: RUF001
    gone = delta({"total": total(411.0, 627.0), "lines": []}, UNKNOWN)
    assert (money.in_short(gone), money.in_full(gone)) == ("cost unknown", "cost a month: $411 – $627 → unknown")  # noqa: RUF001


def test_what_has_no_price_on_both_sides_is_named_where_the_band_says_so() -> None:
    one = total(10.0, None, known_max_usd=90.0)
    text = money.in_full(cost(base=one, head=one, lines=[], unpriced=["a: no price of x", "b: no price of y"]))
    assert text.startswith("cost a month: $10 – $90 + ? (")  # noqa: RUF001
    assert text.endswith("?: a: no price of x and 1 more")


def test_a_place_that_changes_at_its_least_alone_is_a_cause() -> None:
    text = money.in_full(cost(lines=[line("node_pools.a", 0.0, min_usd=50.0)]))
    assert "`node_pools.a` + $50 at minimum replicas" in text


def test_lines_that_overlap_are_said_to() -> None:
    lines = [line("node_pools.a", 100.0, min_usd=0.0)]
    assert "count once" in money.in_full(cost(lines=lines, max_usd=0.0))
    assert "count once" not in money.in_full(cost(lines=lines, max_usd=100.0))


def test_lines_of_one_place_are_one_cause_and_the_largest_come_first() -> None:
    lines = [line("node_pools.a", 100.0), line("node_pools.b", 900.0), line("node_pools.a", -30.0)]
    text = money.in_full(cost(lines=lines))
    assert "`node_pools.b` + $900 at most · `node_pools.a` + $70 at most" in text


def test_a_place_with_one_unknown_line_is_unknown() -> None:
    text = money.in_full(
        cost(lines=[line("a", 5.0), line("a", None)], unknown=["a: no price of x", "b: no price of y"])
    )
    assert "`a` by an unknown amount" in text
    assert text.endswith("not counted: a: no price of x and 1 more")


def test_a_line_says_what_is_bought_before_and_after() -> None:
    before, after = total(0.0, 1.0, what="1 GPU"), total(0.0, 2.0, what="2 GPUs")
    (found,) = money.lines(cost(lines=[line("a", 1.0, before=before, after=after)]))
    assert found == ("a", "1 GPU → 2 GPUs", "$0 – $1", "$0 – $2", "+ $1")  # noqa: RUF001
    (found,) = money.lines(cost(lines=[line("a", 1.0, before=before, after=after | {"expected_usd": 1.5})]))
    assert found[3] == "$0 – $2, expected $1.50"  # noqa: RUF001


def test_a_ceiling_that_is_passed_is_told() -> None:
    assert "above the ceiling of $5,000" in money.in_full(cost(ceiling_usd=5_000))
    assert "ceiling" not in money.in_full(cost(ceiling_usd=6_000))


def test_what_a_million_tokens_cost_is_told_where_it_changes() -> None:
    def model(low: float, high: float) -> Any:
        return {"usd_per_million_tokens": {"min": low, "max": high}}

    models = [{"at": "models.a", "before": model(0.1, 0.2), "after": model(0.3, 0.3)},
              {"at": "models.b", "before": model(1, 2), "after": model(1, 2)}]  # fmt: skip
    assert "a million tokens: `models.a` $0.10 – $0.20 → $0.30" in money.in_full(cost(models=models))  # noqa: RUF001
    assert "models.b" not in money.in_full(cost(models=models))
