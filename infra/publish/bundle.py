"""What the job that ran a pull request's code left behind, read as data that somebody hostile wrote.

Nothing is unpacked to disk: names are a fixed list, sizes are limited before and while reading.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from .rest import RefusedError

LARGEST = 20 * 2**20
"""Bytes of an artifact that is looked at; it holds the whole report too."""
COMMENT, SARIF, NUMBER = "comment.md", "report.sarif", "number"
_MOST = {COMMENT: 400_000, SARIF: 8 * 2**20, NUMBER: 20}
"""The files that are read, with the most bytes of each."""
_DIGITS = 9


def read(archive: bytes) -> dict[str, str]:
    """The files of an artifact that are posted, by name; all others are left alone.

    Raises:
        RefusedError: when it is no archive, or a file is too large, twice there, or no text.
    """
    found: dict[str, str] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            for entry in opened.infolist():
                if entry.filename not in _MOST:
                    continue
                if entry.filename in found:
                    raise RefusedError(0, f"the artifact has {entry.filename} twice")
                found[entry.filename] = _text(opened, entry)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        if isinstance(error, RefusedError):
            raise
        raise RefusedError(0, "the artifact cannot be read") from None
    return found


def _text(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    most = _MOST[entry.filename]
    with archive.open(entry) as file:
        # The size that the archive states is its author's.
        data = file.read(most + 1)
    if len(data) > most:
        raise RefusedError(0, f"{entry.filename} of the artifact is larger than {most:,} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise RefusedError(0, f"{entry.filename} of the artifact is no text") from None


def number(files: Mapping[str, str]) -> int:
    """The pull request that the artifact says it is about; only a hint until the server confirms it.

    Raises:
        RefusedError: when it is no number.
    """
    text = files.get(NUMBER, "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise RefusedError(0, "the artifact does not say which pull request it is about")
    return int(text)


def comment(files: Mapping[str, str], marker: str) -> str | None:
    """The comment; `None` when there is none.

    Raises:
        RefusedError: when it does not begin with the marker, or holds a second one, by which it would be taken for
            another comment.
    """
    text = files.get(COMMENT)
    if text is None:
        return None
    first, _, rest = text.replace("\r\n", "\n").partition("\n")
    if first.strip() != marker or "<!--" in rest:
        raise RefusedError(0, f"the comment in the artifact does not begin with {marker}, or hides something")
    return text


def sarif(files: Mapping[str, str]) -> str | None:
    """The annotations; `None` when there are none.

    Raises:
        RefusedError: when they are no SARIF 2.1.0.
    """
    text = files.get(SARIF)
    if text is None:
        return None
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or data.get("version") != "2.1.0" or not isinstance(data.get("runs"), list):
        raise RefusedError(0, "the annotations in the artifact are no SARIF 2.1.0")
    return text
