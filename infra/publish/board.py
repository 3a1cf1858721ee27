"""One comment that is kept up to date: found again by a hidden marker, changed in place, made when there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, Protocol

from .rest import RefusedError

LONGEST = 65_000
"""Characters. GitHub refuses more than 65,536: "Body is too long"."""
_TOO_LONG = 422
_SHORT = 4_000
"""What is left of a body that a server found too long although it is shorter than `LONGEST`."""
_MENTION = re.compile(r"(?<![\w`/.-])@(?=[A-Za-z0-9])")
_COMMAND = re.compile(r"^(\s*)/(?=[a-z])", re.MULTILINE)
_HIDDEN = "\N{ZERO WIDTH SPACE}"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn text around."""

Outcome = Literal["created", "updated", "unchanged"]


class Note(NamedTuple):
    """One comment."""

    id: int
    body: str


class Board(Protocol):
    """Where comments are."""

    def mine(self) -> Iterator[Note]:
        """Every comment that this job's own account wrote; nobody else's is ever touched."""

    def create(self, body: str) -> None:
        """Write a new one."""

    def update(self, note: Note, body: str) -> None:
        """Replace one's text."""


def publish(board: Board, marker: str, body: str, more: str = "") -> Outcome:
    """Write a comment, or bring the one with that marker up to date.

    Args:
        board: where.
        marker: a hidden line, which is the first of the body.
        body: Markdown that is safe to show; see `harmless`.
        more: says where the rest is; the last line of a body that had to be cut.

    Raises:
        RefusedError: when the server refuses it for another reason than its length.
    """
    # An editor of a site may have given the old comment other line ends.
    found = next((note for note in board.mine() if note.body.lstrip().startswith(marker)), None)
    text = shortened(body, LONGEST, more)
    if found and found.body.replace("\r\n", "\n").strip() == text.strip():
        return "unchanged"
    try:
        _write(board, found, text)
    except RefusedError as error:
        if error.status != _TOO_LONG:
            raise
        _write(board, found, shortened(body, _SHORT, more))
    return "updated" if found else "created"


def harmless(text: str) -> str:
    """Markdown by somebody unknown, without what would act: mentions, commands to bots, hidden characters."""
    text = _CONTROL.sub("", text.replace("\r\n", "\n"))
    return _COMMAND.sub(rf"\1{_HIDDEN}/", _MENTION.sub(f"@{_HIDDEN}", text))


def shortened(body: str, most: int, more: str = "") -> str:
    """A body of at most `most` characters: whole lines, what was folded and fenced closed again."""
    if len(body) <= most:
        return body
    kept: list[str] = []
    left = most - len(more) - 100
    for line in body.split("\n"):
        left -= len(line) + 1
        if left < 0:
            break
        kept.append(line)
    fences = sum(line.lstrip().startswith("```") for line in kept)
    text = "\n".join(kept)
    closing = ["```"] if fences % 2 else []
    closing += ["", *["</details>"] * min(4, max(0, text.count("<details") - text.count("</details>")))]
    return "\n".join([text, *closing, "", f"**The rest was cut.** {more}".rstrip()])


def _write(board: Board, found: Note | None, text: str) -> None:
    if found:
        board.update(found, text)
    else:
        board.create(text)
