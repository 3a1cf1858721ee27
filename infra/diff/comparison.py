"""From what was given on a command line to a report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from .environment_diff import diff
from .report import Report
from .revisions import resolve
from .sides import Sides, read_sides


def compare_revisions(base: str, head: str, environments: Sequence[str], today: date) -> Report:
    """Compare two revisions, folders, or one of each.

    Args:
        base: as `revisions.resolve` takes it.
        head: the same.
        environments: which; empty for all.
        today: the day waivers are judged by.

    Raises:
        UsageError: for what cannot be meant, and when nothing of either side can be read.
    """
    return report_of(read_sides(resolve(base), resolve(head), environments, today))


def report_of(sides: Sides) -> Report:
    """What the two sides differ in."""
    environments = tuple(diff(before, after) for before, after in sides.pairs.values())
    return Report(sides.base, sides.head, environments, sides.notes)
