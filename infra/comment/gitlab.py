"""The comment for a merge request: the same facts as on GitHub, within GitLab's limits and references."""

from __future__ import annotations

from ..diff.report import Report
from . import markdown
from .escape import GITLAB

BUDGET = 250_000
"""Bytes of UTF-8. A note has 1,000,000 characters at most (gitlab-org/gitlab-foss@5af535d9, MAX_TEXT_SIZE_LIMIT), but
rendering one that long is slow; who reads so far has the whole report."""


def write(report: Report, *, budget: int = BUDGET, whole_report: str = "", key: str = "", source_url: str = "") -> str:
    """The report as a note for a merge request; the arguments are those of `markdown.write`.

    No line begins with a slash, so that nothing in it is a quick action.
    """
    return markdown.write(
        report, budget=budget, whole_report=whole_report, key=key, source_url=source_url, dialect=GITLAB
    )
