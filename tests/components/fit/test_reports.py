"""The calculator against observed fits and failures. The bars are issue 5's; docs/memory-fit.md shows every row."""

from __future__ import annotations

from statistics import median

import pytest

from .reports import ENGINES, Report, reports

JUDGED = [report for report in reports() if not report.unjudged]
OURS = [report for report in reports() if report.row["engine"] in ENGINES]
AS_CATALOGUED = [report for report in JUDGED if report.logged is not None]


def named(report: Report) -> str:
    return report.id


def test_every_row_of_our_engines_is_judged_or_listed_with_a_reason() -> None:
    assert len(reports()) == 226
    assert len(JUDGED) >= 115
    for report in OURS:
        assert bool(report.unjudged) != (report in JUDGED)
    assert {report.id for report in OURS if report.unjudged} >= {"F035", "F056", "F339"}


@pytest.mark.parametrize("report", [report for report in JUDGED if report.failed], ids=named)
def test_no_failure_is_called_a_fit(report: Report) -> None:
    made = report.answer()
    assert made.verdict != "fits", f"{report.row} was said to fit with {made.headroom / 2**30:.1f} GiB to spare"


@pytest.mark.parametrize("report", [report for report in JUDGED if report.failed], ids=named)
def test_only_failures_in_use_and_of_a_version_are_called_marginal(report: Report) -> None:
    if report.answer().verdict == "marginal":
        assert report.id in {
            "F031",  # a defect of SGLang with Llama 4, in the table of known ones
            "F032",  # out of memory in use, after the warm-up had passed
            "F034",  # TGI 0.9, older than anything that was read
        }


def test_at_most_one_fit_in_twenty_is_refused() -> None:
    works = [report for report in JUDGED if not report.failed]
    refused = [report.id for report in works if report.answer().verdict == "does not fit"]
    assert len(works) >= 100
    assert len(refused) <= 0.05 * len(works), refused


def test_the_cache_holds_what_engines_logged() -> None:
    errors = {report.id: report.cache_error() for report in AS_CATALOGUED}
    assert len(errors) >= 12
    assert median(abs(error) for error in errors.values()) <= 0.05, errors
    assert max(abs(error) for error in errors.values()) <= 0.15, errors


def test_rows_without_a_limit_do_no_worse_at_the_defaults() -> None:
    """They are not judged; the one that is called a fit ran out of memory at a utilization that is not recorded."""
    unlimited = [report for report in OURS if report.unjudged == "no limit is recorded"]
    called = {report.id for report in unlimited if report.failed and report.answer().verdict == "fits"}
    refused = {report.id for report in unlimited if not report.failed and report.answer().verdict == "does not fit"}
    assert (called, refused) == ({"F059"}, set())


def test_no_reading_is_of_a_row_that_is_not_there() -> None:
    ids = {report.id for report in reports()}
    assert {report.id for report in reports() if report.notes} <= ids
