"""The report for machines."""

from __future__ import annotations

import json

from ..diff.report import Report, as_json
from ..diff.telling.redact import redacted

VERSION = 1
"""Of the form: a larger one means that a key went away or means something else. New keys do not count."""


def write(report: Report) -> str:
    """The report as JSON: `version`, then its attributes by name (`infra.diff.report` describes them).

    A field that is absent on one side of a change lacks `before` or `after`; null is a value.
    """
    # Without indentation the encoder is written in C: 9,000 changes take a tenth of the time.
    text = json.dumps({"version": VERSION, **as_json(redacted(report))}, ensure_ascii=False, default=str)
    return text.encode("utf-8", "backslashreplace").decode() + "\n"
