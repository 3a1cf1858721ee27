"""actionlint, built from its Go module, and GitHub's own schema judge all workflows."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .reading import FILES, FOLDER, ROOT

SOURCE = Path(__file__).with_name("actionlint")


@pytest.fixture(scope="session")
def actionlint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go")
    if go is None:
        pytest.skip("go is not on PATH; see https://go.dev/dl")
    program = tmp_path_factory.mktemp("actionlint") / "actionlint"
    # Go keeps what it compiles in its own cache, so only the first build takes more than a moment.
    build = [go, "build", "-buildvcs=false", "-o", str(program), "."]
    done = subprocess.run(build, cwd=SOURCE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def judged(program: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    # shellcheck and pyflakes would be used only where they happen to be.
    command = [str(program), "-shellcheck=", "-pyflakes=", "-no-color", *map(str, files)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_actionlint_finds_nothing(actionlint: Path) -> None:
    done = judged(actionlint, *FILES)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("needs: check", "needs: chek", "chek"),
        ("vars.DEPLOY_ENVIRONMENTS", "var.DEPLOY_ENVIRONMENTS", 'undefined variable "var"'),
        ("id-token: write", "id-token: yes", "yes"),
        ("      environment: prod", "      enviroment: prod", "enviroment"),
    ],
)
def test_actionlint_finds_what_is_wrong(actionlint: Path, tmp_path: Path, old: str, new: str, words: str) -> None:
    folder = tmp_path / ".github" / "workflows"
    shutil.copytree(FOLDER, folder)
    file = folder / "deploy.yml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)

    command = [str(actionlint), "-shellcheck=", "-pyflakes=", "-no-color"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert words in done.stdout


def test_the_schema_of_workflows_finds_nothing() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*command, *map(str, FILES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
