"""CONTRIBUTING.md names every folder, and nothing that is not there."""

from __future__ import annotations

import re

from .sources import ROOT, SOURCES

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
LISTED = {
    path.rstrip("/")
    for line in PAGE.splitlines()
    if line.startswith("| `") and "/`" in line
    for path in re.findall(r"`([^`]+/)`", line.split("|")[1])
}
"""The folders of its table; `<engine>` in a path stands for any."""


def test_every_folder_says_when_to_add_code_to_it() -> None:
    patterns = [re.compile(re.sub(r"<\w+>", "[^/]+", path)) for path in LISTED]
    folders = {source.name.rpartition("/")[0] for source in SOURCES if source.text.strip()}
    # A folder of tests is explained by the folder it mirrors, and the top of each tree by what is in it.
    explained = {
        folder
        for folder in folders - {"components", "tests"}
        if not folder.startswith("tests/") or folder.count("/") == 1 or folder in LISTED
    }
    assert sorted(folder for folder in explained if not any(pattern.fullmatch(folder) for pattern in patterns)) == []


def test_every_path_it_names_exists() -> None:
    named = set(re.findall(r"`((?:components|infra|tools|tests|docs)/[\w./-]*)`", PAGE))
    assert sorted(path for path in named if not (ROOT / path).exists()) == []
