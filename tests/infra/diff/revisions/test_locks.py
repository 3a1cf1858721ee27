"""Packages of another lock: installed once, whole or not at all."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from infra.diff.revisions import locks
from infra.diff.revisions.locks import LockError, python_of

LOCK = b"wheel-of-ours==1.0 --hash=sha256:" + b"0" * 64 + b"\n"


def test_the_environment_is_kept_under_the_locks_hash(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def install(lock: bytes, work: Path) -> None:
        made.append(work)
        (work / "environment/bin").mkdir(parents=True)
        (work / "environment/bin/python").symlink_to(sys.executable)

    monkeypatch.setattr(locks, "_install", install)
    python = python_of(LOCK)
    assert python == cache / "locks" / hashlib.sha256(LOCK).hexdigest() / "bin/python"
    assert python_of(LOCK) == python
    assert len(made) == 1
    assert python_of(LOCK + b"\n") != python
    assert not made[0].exists()


def test_an_environment_that_failed_is_not_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def install(lock: bytes, work: Path) -> None:
        (work / "environment/bin").mkdir(parents=True)
        (work / "environment/bin/python").symlink_to(sys.executable)
        raise LockError("no network")

    monkeypatch.setattr(locks, "_install", install)
    with pytest.raises(LockError, match="no network"):
        python_of(LOCK)
    assert list((cache / "locks").iterdir()) == []


def test_a_package_that_cannot_be_had_is_pips_own_last_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(LockError, match=r"No matching distribution found for wheel-of-ours==1\.0"):
        python_of(LOCK)


def test_without_an_environment_to_make_it_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(LockError, match="no folder to keep them in: Not a directory"):
        python_of(LOCK)


def test_what_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "SECONDS", 0.01)
    with pytest.raises(LockError, match=r"it took longer than 0\.01 s"):
        python_of(LOCK)


def test_pip_gets_its_settings_and_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], env: dict[str, str], **_: object) -> subprocess.CompletedProcess[bytes]:
        seen.append((command, env))
        return subprocess.CompletedProcess(command, 1, b"", b"ERROR: first\nERROR: last\n")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setenv("PIP_CACHE_DIR", "here")
    monkeypatch.setenv("GITHUB_TOKEN", "hidden")
    with pytest.raises(LockError, match=r"^last$"):
        python_of(LOCK)
    assert seen[0][1]["PIP_CACHE_DIR"] == "here"
    assert "GITHUB_TOKEN" not in seen[0][1]


def test_a_relative_cache_folder_counts_as_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locks.cache_folder() == tmp_path / ".cache/inference"
