"""In continuous integration a skipped test fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest


def test_passes():
    pass


@pytest.mark.skip(reason="promtool is not on PATH")
def test_needs_promtool():
    pass


@pytest.mark.xfail(reason="a known bug")
def test_known_bug():
    assert 1 == 2
"""


def outcome(folder: Path, *, strict: bool, module: str = TESTS) -> subprocess.CompletedProcess[str]:
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    (folder / "test_it.py").write_text(module)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "INFERENCE_CI"))}
    if strict:
        environment["INFERENCE_CI"] = "1"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rsf", "-n", "1", "test_it.py"]
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


def test_a_skip_is_told_and_let_through_on_a_persons_machine(tmp_path: Path) -> None:
    done = outcome(tmp_path, strict=False)

    assert done.returncode == 0
    assert "1 passed, 1 skipped, 1 xfailed" in done.stdout
    assert "promtool is not on PATH" in done.stdout


def test_a_skip_fails_in_continuous_integration(tmp_path: Path) -> None:
    done = outcome(tmp_path, strict=True)

    assert done.returncode == 1
    assert "1 passed, 1 xfailed, 1 error" in done.stdout
    assert "promtool is not on PATH: not allowed with INFERENCE_CI=1" in done.stdout


@pytest.mark.parametrize("module", ["import pytest\npytest.importorskip('no_such_module')\n"])
def test_a_module_that_skips_itself_fails_too(tmp_path: Path, module: str) -> None:
    assert outcome(tmp_path, strict=True, module=module).returncode != 0
