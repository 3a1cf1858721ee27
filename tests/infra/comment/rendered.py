"""Markdown as a site shows it: CommonMark with tables, and what such a site then makes of plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token

_INLINE = {"<sub>", "</sub>", "<code>", "</code>"}
_TAGS = {"details", "summary", "code"}
REFERENCE = re.compile(r"(?<!\w)@[\w/]|[\w.+-]@[\w-]+\.|#\d|GH-\d|://|\bwww\.", re.IGNORECASE)
"""What GitHub makes a mention, a link or a reference of, without any markup, outside code."""


def tokens(text: str) -> list[Token]:
    """The blocks of a Markdown text."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)


def inlines(found: list[Token]) -> Iterator[Token]:
    """What is within lines; what stands between code's tags is told as code."""
    for token in found:
        inside = False
        for child in token.children or []:
            if child.type == "html_inline" and child.content in ("<code>", "</code>"):
                inside = child.content == "<code>"
            elif child.type == "text" and inside:
                child.type = "code_inline"
            yield child


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag if not attrs else f"{tag} with {attrs}")

    def handle_endtag(self, tag: str) -> None:
        self.found.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if self.found[-1:] != ["code"]:
            self.words.append(data)


def faults(text: str, *, links: bool = False) -> list[str]:
    """What in a comment is not ours; `links` when it may link to the head's files."""
    found = tokens(text)
    wrong = []
    depth = 0
    for number, token in enumerate(found):
        if token.type == "html_block":
            content = token.content.strip()
            if number == 0:
                wrong += [] if re.fullmatch(r"<!-- infra-diff[^<>]*-->", content) else [f"begins with {content[:80]}"]
                continue
            tags = _Tags()
            tags.feed(content)
            wrong += [f"tag {tag}" for tag in tags.found if tag.removeprefix("/") not in _TAGS]
            wrong += [f"summary {word}" for word in tags.words if REFERENCE.search(word)]
            depth += tags.found.count("details") - tags.found.count("/details")
            wrong += [f"details {depth} deep"] if depth not in (0, 1) else []
        elif token.type == "fence":
            wrong += [f"fence {token.info}"] if token.info != "diff" else []
        elif token.type not in _BLOCKS:
            wrong.append(token.type)
    wrong += ["details left open"] if depth else []
    for token in inlines(found):
        if token.type == "html_inline" and token.content not in _INLINE:
            wrong.append(f"tag {token.content}")
        elif token.type == "text" and REFERENCE.search(token.content):
            wrong.append(f"reference in {token.content}")
        elif token.type == "link_open":
            wrong += [] if links and str(token.attrs["href"]).startswith("https://github.com/o/r/blob/") else ["link"]
        elif token.type not in _WORDS:
            wrong.append(token.type)
    wrong += [f"quick action {row[:40]}" for row in text.splitlines() if row.lstrip().startswith("/")]
    return wrong


_BLOCKS = frozenset(
    {"paragraph_open", "paragraph_close", "inline", "bullet_list_open", "bullet_list_close", "list_item_open",
     "list_item_close", "table_open", "table_close", "thead_open", "thead_close", "tbody_open", "tbody_close",
     "tr_open", "tr_close", "th_open", "th_close", "td_open", "td_close", "blockquote_open", "blockquote_close"}
)  # fmt: skip
_WORDS = frozenset(
    {"text", "code_inline", "strong_open", "strong_close", "softbreak", "hardbreak", "html_inline", "link_close"}
)
