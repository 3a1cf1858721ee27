from __future__ import annotations

from .others import kaito, planner
from .page import FAILURES, PAGE, WORKS, page
from .reports import reports


def test_the_page_says_what_the_calculator_does() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_page_accounts_for_every_row_of_our_engines() -> None:
    text = page()
    assert all(report.id in text for report in reports() if report.row["engine"] in ("vLLM", "TGI", "SGLang"))


def test_the_other_formulas_do_worse_on_the_same_rows() -> None:
    """If one did better, its way of counting should be ours."""
    ours = sum(report.answer().verdict == "fits" for report in FAILURES)
    for formula in (kaito, planner):
        assert sum(formula(report)[0] for report in FAILURES) > ours
        assert len([report for report in WORKS if not formula(report)[0]]) >= 1
