"""Printing to a terminal, a file or a pipe: plain lines, colour where a person looks, and nothing that steers it.

Results go to stdout, errors to stderr.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TextIO

PROVED, FINDINGS, BAD_INPUT = 0, 1, 2
"""Exit codes."""
_LINE_START = "\r\x1b[2K"
"""Go to the line's beginning and clear it (ECMA-48)."""
_COLORS = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "dim": "2"}


class ClosedPipeError(Exception):
    """Nobody reads the output any more, as in `infra check | head`."""


@dataclass(frozen=True, slots=True)
class Paint:
    """Colour where a person looks at a terminal, and none elsewhere (no-color.org)."""

    on: bool

    @classmethod
    def of(cls, stream: TextIO) -> Paint:
        """The paint for a stream."""
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return cls(not plain and stream is not None and stream.isatty())

    def __call__(self, text: str, *styles: str) -> str:
        """The text in some styles."""
        codes = ";".join(_COLORS[style] for style in styles)
        return f"\x1b[{codes}m{text}\x1b[0m" if self.on and codes and text else text


PLAIN = Paint(on=False)
"""No colours."""


def say(line: str = "", *, file: TextIO | None = None) -> None:
    """Print a line to stdout, or to another stream.

    Raises:
        ClosedPipeError: when nobody reads it any more.
    """
    stream = sys.stdout if file is None else file
    try:
        if stream is not None:  # a caller may have closed it
            stream.write(line + "\n")
    except BrokenPipeError:
        raise ClosedPipeError from None


def say_json(value: Any) -> None:
    """Print data for machines."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def complain(line: str) -> None:
    """Print a line to stderr."""
    say(line, file=sys.stderr)


@contextlib.contextmanager
def status(doing: str) -> Iterator[None]:
    """Say what is being done while it is, to a person at a terminal: large environments take seconds."""
    stream = sys.stderr
    if stream is None or not stream.isatty():
        yield
        return
    stream.write(f"{_LINE_START}  {printable(doing)} …")
    stream.flush()
    try:
        yield
    finally:
        stream.write(_LINE_START)


def printable(text: str) -> str:
    """Text from a file without what would steer a terminal: control characters are shown, not obeyed."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
