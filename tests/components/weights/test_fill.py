"""The script that fills a cache, run as the container runs it, against a stand-in for huggingface_hub.

It was run as well, by hand on 2026-11-21, with huggingface_hub 0.30.1 and 2.4.0 against an HTTP server that speaks the
Hub's API: whole files, a file cut by the server, and a file damaged in the cache.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.weights import fill

REVISION = "0e9e39f249a16976918f6564b8830bc894c89659"
WEIGHTS, SETTINGS = b"weights" * 100, b"{}"
STAND_IN = """
import hashlib, json, os
from pathlib import Path
from types import SimpleNamespace as Namespace

FILES = {"model.safetensors": b"weights" * 100, "config.json": b"{}", "original/weights.pth": b"again"}
HOME = Path(os.environ["HF_HOME"])


def snapshot_download(model, *, revision, allow_patterns, ignore_patterns, force_download):
    with (HOME / "calls").open("a") as calls:
        calls.write(json.dumps([model, revision, allow_patterns, ignore_patterns, force_download]) + "\\n")
    folder = HOME / "hub" / ("models--" + model.replace("/", "--")) / "snapshots" / revision
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("model.safetensors", "config.json"):
        if force_download or not (folder / name).exists():
            cut = os.environ.get("CUT") == name
            (folder / name).write_bytes(FILES[name][: -1 if cut else None])
    return str(folder)


class HfApi:
    def model_info(self, model, *, revision, files_metadata):
        def about(name, content):
            large = not name.endswith(".json")
            git = hashlib.sha1(b"blob %d\\0" % len(content) + content).hexdigest()
            sha = hashlib.sha256(content).hexdigest()
            lfs = ({"sha256": sha} if os.environ.get("OLD") else Namespace(sha256=sha)) if large else None
            return Namespace(rfilename=name, blob_id=git, lfs=lfs)

        return Namespace(siblings=[about(name, content) for name, content in FILES.items()])
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "huggingface_hub.py").write_text(STAND_IN)
    return tmp_path


def run(home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {"MODEL_ID": "org/model", "MODEL_REVISION": REVISION, "HF_HOME": str(home), "PYTHONPATH": str(home)}
    text = Path(fill.__file__).read_text(encoding="utf-8")
    command = [sys.executable, "-c", text]
    return subprocess.run(
        command, env={**os.environ, **env, **variables}, capture_output=True, text=True, check=False, timeout=60
    )


def snapshot(home: Path) -> Path:
    return home / "hub" / "models--org--model" / "snapshots" / REVISION


def downloads(home: Path) -> list[str]:
    return (home / "calls").read_text().splitlines()


@pytest.mark.parametrize("old", ["", "1"])
def test_whole_files_are_accepted_whatever_the_version_of_the_library(home: Path, old: str) -> None:
    done = run(home, OLD=old, EXCLUDE="original/*")
    assert (done.returncode, done.stderr) == (0, "")
    assert downloads(home) == [f'["org/model", "{REVISION}", null, ["original/*"], false]']


def test_the_patterns_reach_the_download(home: Path) -> None:
    assert run(home, INCLUDE="*.safetensors *.json").returncode == 0
    assert downloads(home) == [f'["org/model", "{REVISION}", ["*.safetensors", "*.json"], null, false]']


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_that_arrives_cut_fails_the_job(home: Path, name: str) -> None:
    done = run(home, CUT=name)
    assert done.returncode == 1
    assert f"not as the Hub has them: {name}" in done.stderr


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_damaged_in_the_cache_is_downloaded_again(home: Path, name: str) -> None:
    assert run(home).returncode == 0
    (snapshot(home) / name).write_bytes(b"damaged")
    assert run(home).returncode == 0
    assert [call.endswith("true]") for call in downloads(home)] == [False, False, True]


def test_who_asks_for_the_revision_by_name_is_led_to_its_files(home: Path) -> None:
    assert run(home).returncode == 0
    reference = snapshot(home).parent.parent / "refs" / REVISION
    assert snapshot(home).with_name(reference.read_text()) == snapshot(home)
    assert reference.stat().st_mode & 0o044 == 0o044


def test_a_damaged_download_is_not_named(home: Path) -> None:
    assert run(home, CUT="config.json").returncode == 1
    assert not (snapshot(home).parent.parent / "refs").exists()


def test_others_can_read_what_was_written(home: Path) -> None:
    previous = os.umask(0o077)
    try:
        run(home)
    finally:
        os.umask(previous)
    assert (snapshot(home) / "config.json").stat().st_mode & 0o044 == 0o044


def test_a_hash_is_of_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fill, "CHUNK", 3)
    path = tmp_path / "file"
    path.write_bytes(WEIGHTS)

    class File:
        lfs = {"sha256": hashlib.sha256(WEIGHTS).hexdigest()}  # noqa: RUF012 - read once

    assert not fill.is_damaged(path, File)
    path.write_bytes(WEIGHTS + SETTINGS)
    assert fill.is_damaged(path, File)
