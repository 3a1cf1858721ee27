"""The page: everything in one file, nothing that runs, nothing from elsewhere, whatever the report holds."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings

from infra.comment import html
from infra.diff.changes.report import EnvironmentDiff, Headline, Report

from .browser import CHROMIUM, PICTURE, SIZE, chromium, photograph
from .reports import fleet, three_changes
from .strings import REPORTS, WIDE

needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="chromium is not on PATH; make system installs it")
TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "section", "footer", "h1", "h2", "p", "table",
    "thead", "tbody", "tr", "th", "td", "ul", "li", "strong", "span", "code", "pre", "details", "summary", "div",
    "figure", "figcaption", "img",
}  # fmt: skip
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "id", "title", "src", "alt"}


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words += data


def foreign(text: str) -> list[str]:
    """What in a page is not ours, runs or loads."""
    page = Page(text)
    wrong = [tag for tag in page.tags if tag not in TAGS]
    for name, value in page.attributes:
        if name not in ATTRIBUTES or (
            name == "src" and not re.fullmatch(r"data:image/svg\+xml;base64,[\w+/=]+", value)
        ):
            wrong.append(f"{name}={value[:60]}")
    return wrong


def test_the_page_says_what_the_comment_says() -> None:
    words = " ".join(Page(html.write(three_changes())).words.split())
    order = [
        "staging: 3 changes, 2 disruptive · + $412 a month at most", "pool a100-spot is replaced", "llama restarts",
        "chat route", "cost a month: $1,204", "new warning image-without-digest", "58 objects: 3 changed",
        "nodeConfig.machineType: a2-highgpu-2g", "Cost, line by line", "1 standing, 1 waived",
        "dev and prod: unchanged",
    ]  # fmt: skip
    assert [words.index(part) for part in order] == sorted(words.index(part) for part in order)


def test_pictures_are_images_in_which_nothing_runs() -> None:
    page = Page(html.write(three_changes()))
    sources = [value for name, value in page.attributes if name == "src"]
    drawn = [base64.b64decode(source.partition(",")[2]).decode() for source in sources]
    assert len(drawn) == 2
    assert "a2-highgpu-1g" in drawn[0]
    assert "a2-highgpu-2g" in drawn[1]


@pytest.mark.parametrize(
    "picture", ["", "<!DOCTYPE svg [<!ENTITY a 'b'>]><svg/>", "<svg><!ENTITY></svg>", "no picture"]
)
def test_what_is_no_plain_svg_is_left_out(picture: str) -> None:
    environment = EnvironmentDiff("dev", "changed", before=picture, after=picture)
    assert "<img" not in html.write(Report("a", "b", (environment,)))


def test_the_policy_allows_the_pages_own_style_and_nothing_else() -> None:
    text = html.write(three_changes())
    policy = dict(Page(text).attributes)["content"] and re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    allowed = policy[1].replace("&#39;", "'")
    assert allowed.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{digest}'" in allowed
    assert "unsafe" not in allowed
    assert "script-src" not in allowed


@settings(WIDE, max_examples=40)
@given(REPORTS)
def test_whatever_a_report_holds_nothing_in_the_page_runs_or_loads(report: Report) -> None:
    assert foreign(html.write(report)) == []


def test_a_fleet_that_changes_alike_is_a_small_page() -> None:
    assert len(html.write(fleet(1_000)).encode()) < 20_000


@needs_chromium
def test_a_browser_shows_it_without_a_complaint(tmp_path: Path) -> None:
    evil = "</td><script>document.title='run'</script><img src=x onerror=document.title='run'>"
    report = three_changes()
    picture = f"<svg xmlns='http://www.w3.org/2000/svg' onload=\"document.title='run'\"><text>{evil}</text></svg>"
    headline = Headline(f"A/{evil}", (), "added", evil, evil)
    hostile = EnvironmentDiff("evil", "changed", headlines=(headline,), after=picture)
    page = tmp_path / "diff.html"
    page.write_text(html.write(Report(report.base, report.head, (*report.environments, hostile))), encoding="utf-8")
    done = chromium("--dump-dom", page.as_uri())
    assert "<title>infra diff: origin/main (3a920eb) … HEAD (93489cc)</title>" in done.stdout
    assert "Refused to" not in done.stderr
    assert "Content Security Policy" not in done.stderr


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_draws_it_by_day_and_by_night(scheme: str, tmp_path: Path) -> None:
    page, picture = tmp_path / "diff.html", tmp_path / "diff.png"
    page.write_text(html.write(three_changes()), encoding="utf-8")
    photograph(page, picture, *(["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []))
    assert size(picture) == SIZE
    assert picture.stat().st_size > 40_000


def test_the_picture_in_the_documentation_is_small() -> None:
    assert size(PICTURE) == SIZE
    assert PICTURE.stat().st_size < 300_000


def size(picture: Path) -> tuple[int, int]:
    """Width and height, from the first chunk of a PNG."""
    data = picture.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    return width, height
