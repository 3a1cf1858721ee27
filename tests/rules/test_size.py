"""A file is one noun, and short enough to read through."""

from __future__ import annotations

from .sources import SOURCES

MOST, MOST_OF_TESTS = 400, 550
"""Lines. Tests are lists of sentences, which are looked up one at a time."""


def test_files_are_short() -> None:
    assert [
        f"{source.name} has {lines} lines"
        for source in SOURCES
        if (lines := source.text.count("\n")) > (MOST_OF_TESTS if source.folder == "tests" else MOST)
    ] == []
