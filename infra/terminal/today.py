"""Which day it is: waivers are judged by it."""

from __future__ import annotations

from datetime import UTC, date, datetime


def utc_day() -> date:
    """Today in UTC, so that a waiver ends at the same moment for everybody."""
    return datetime.now(tz=UTC).date()
