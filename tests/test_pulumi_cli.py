"""The real CLI and provider on a copy of the repository, where they are on PATH: what a person sees of `pulumi`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_TOOLS = ("pulumi", "pulumi-language-python", "pulumi-resource-kubernetes")
_ABSENT = [tool for tool in _TOOLS if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(bool(_ABSENT), reason=f"needs the Pulumi CLI: {', '.join(_ABSENT)} not on PATH")

_NOBODY = """\
apiVersion: v1
kind: Config
clusters: [{name: nobody, cluster: {server: "https://127.0.0.1:9"}}]
users: [{name: nobody, user: {token: none}}]
contexts: [{name: nobody, context: {cluster: nobody, user: nobody}}]
current-context: nobody
"""
"""A cluster where nobody answers: port 9 of the loopback is `discard`, and closed."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository as a person has it, for Pulumi rewrites stack files."""
    for name in ("Pulumi.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("components", "infra", "stacks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    (tmp_path / "state").mkdir()
    (tmp_path / "kubeconfig").write_text(_NOBODY)
    run(tmp_path, "stack", "init", "local")
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `pulumi` there, on a backend of files."""
    own = {
        "KUBECONFIG": str(folder / "kubeconfig"),
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PYTHONPATH": str(folder),
    }
    command = ["pulumi", *arguments, "--non-interactive"]
    return subprocess.run(
        command, cwd=folder, env=os.environ | own, capture_output=True, text=True, timeout=300, check=False
    )


def test_a_preview_without_a_cluster_shows_the_plan_and_warns(copy: Path) -> None:
    answer = run(copy, "preview", "--stack", "local")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "11 to create" in answer.stdout
    assert "does not answer" in answer.stdout


def test_an_up_without_a_cluster_changes_nothing_and_says_why(copy: Path) -> None:
    answer = run(copy, "up", "--stack", "local", "--yes", "--skip-preview")
    assert answer.returncode != 0
    assert "does not answer" in answer.stdout + answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr
    assert "kubernetes:" not in run(copy, "stack", "export", "--stack", "local").stdout.replace(
        "providers:kubernetes", ""
    )


def test_a_misspelt_section_is_refused_with_the_right_one(copy: Path) -> None:
    stack = copy / "stacks/Pulumi.local.yaml"
    stack.write_text(stack.read_text().replace("inference:models:", "inference:modles:"))
    answer = run(copy, "preview", "--stack", "local")
    assert answer.returncode != 0
    assert "modles: unknown section; did you mean models?" in answer.stdout + answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr
