"""Text that others wrote, safe for Markdown: a pull request must not write links, mentions or markup into a comment.

A stack file's strings reach the comment by many ways, so all text goes through here, our own too. Code stands between
back quotes in it, as in `pool `l4` is replaced`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape as escape_html

from ..terminal.terminal import printable

_CODE = re.compile(r"`([^`]+)`")
_MARKUP = re.compile(r"[\\`*_{}\[\]<>#!|~$&@]")
"""What means something to Markdown within a line; the rest does only at a line's start, where our own words stand."""
_PLAIN_CODE = re.compile(r"[\w ./:=,;@+()%→…×–·*#{}'\"?&~^!\[\]-]+")  # noqa: RUF001
"""What back quotes can hold as it is, in a table too."""
_HIDDEN = "&#8203;"
"""A space without width. It ends what would be a mention, a link or a reference. Those are found in the rendered text,
so that neither a backslash nor an entity helps; Renovate does the same (renovatebot/renovate
lib/util/markdown.ts, sanitizeMarkdown)."""
_LINK = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=GH)(?=-\d)", re.IGNORECASE)
"""Where an address or a reference is cut: these become links without any markup."""
_COMMENT = re.compile(r"<(?=!--)")
FENCE = "```"


@dataclass(frozen=True, slots=True)
class Dialect:
    """One site's Markdown.

    Attributes:
        name: the site.
        sigils: what makes a reference of the word that follows, as `@` makes a mention.
        budget: most bytes of UTF-8 that a comment may take there.
    """

    name: str
    sigils: str
    budget: int

    def text(self, text: str, most: int = 1_000) -> str:
        """Words in one line, the code in them as code.

        Args:
            text: the words.
            most: how many characters are shown.
        """
        pieces = _CODE.split(clipped(line(text[: 4 * most]), most))
        return "".join(code(piece) if number % 2 else self._words(piece) for number, piece in enumerate(pieces))

    def _words(self, text: str) -> str:
        # The marks are put before the markup is taken out; neither makes the other's characters.
        cut = _LINK.sub("\u200b", text)
        cut = re.sub(rf"(?<=[{re.escape(self.sigils)}])(?=[\w\"'\[{{`/.-])", "\u200b", cut)
        return _MARKUP.sub(_entity, cut).replace("\u200b", _HIDDEN)


GITHUB = Dialect("GitHub", "@#", 60_000)
"""Mentions and numbers of issues. GitHub refuses a comment with "Body is too long (maximum is 65536 characters)"; what
it measured in 2025 is 262,144 bytes (dead-claudia/github-limits#13). The budget is below either, whatever counts as a
character."""
GITLAB = Dialect("GitLab", "@#$%!~&^", 250_000)
"""Users, issues, snippets, milestones, merge requests, labels, epics and alerts (docs.gitlab.com/user/markdown,
GitLab-specific references). A note has 1,000,000 characters at most (gitlab-org/gitlab-foss@5af535d9,
MAX_TEXT_SIZE_LIMIT), but rendering one that long is slow; who reads so far has the whole report."""


def line(text: str) -> str:
    """A text in one line, without characters that steer or hide."""
    return " ".join(safe(text.replace("\n", " ").replace("\t", " ")).split())


def safe(text: str) -> str:
    """A text with characters that steer or hide shown instead; most texts have none."""
    return text if text.isprintable() else printable(text)


def clipped(text: str, most: int) -> str:
    """At most so many characters, code closed again where it is cut."""
    if len(text) <= most:
        return text
    short = text[: max(0, most - 2)]
    return f"{short}…`" if short.count("`") % 2 else f"{short}…"


def code(text: str) -> str:
    """Code in one line, wherever Markdown is read, a table's cell too."""
    text = line(text)
    if _PLAIN_CODE.fullmatch(text):
        return f"`{text}`"
    return f"<code>{_MARKUP.sub(_entity, text)}</code>" if text else ""


def html(text: str, most: int = 1_000) -> str:
    """Words for a line of HTML within Markdown, such as a summary: mentions are found there too."""
    pieces = _CODE.split(clipped(line(text[: 4 * most]), most))
    words = (
        f"<code>{escape_html(piece)}</code>" if number % 2 else escape_html(piece).replace("@", f"@{_HIDDEN}")
        for number, piece in enumerate(pieces)
    )
    return "".join(words)


def fenced(lines: list[str], language: str = "") -> str:
    """Lines as a block of code that nothing in them ends; none of them opens a comment either."""
    text = "\n".join(_COMMENT.sub("< ", each) for each in map(safe, lines))
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(len(FENCE), longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _entity(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};"
