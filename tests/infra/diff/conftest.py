"""A repository of stack files to work in, and a cache of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from .repository import Repo


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test leaves anything in a person's cache."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "inference"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """A repository with the environment `local`, committed; it is the working folder."""
    made = Repo(tmp_path / "repo")
    made.stack("local")
    made.commit()
    monkeypatch.chdir(made.folder)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    return made
