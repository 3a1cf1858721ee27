"""A git repository with stack files, for tests that compare its revisions."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LOCAL = (ROOT / "stacks" / "Pulumi.local.yaml").read_text()
_AUTHOR = {
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
}  # fmt: skip
CLI = '''\
import json, os, pathlib, sys
def main(arguments):
    """Print a snapshot with what this process was given, as `infra snapshot` does."""
    names = arguments[arguments.index("--") + 1:]
    pathlib.Path(".ran").write_text("yes")
    told = [
        {"environment": name, "file": "stacks/Pulumi." + name + ".yaml", "resources": [], "nodes": [],
         "notes": [" ".join(sorted(os.environ)), " ".join(arguments), sys.executable, os.getcwd()]}
        for name in names
    ]
    print(json.dumps({"format": 1, "environments": told}))
    return 0
'''
"""Code of a revision that plans nothing, and tells how it was run."""


class Repo:
    """A repository in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "stacks").mkdir(parents=True)
        shutil.copy(ROOT / "Pulumi.yaml", folder)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=self.folder, env={**os.environ, **_AUTHOR}, check=True, capture_output=True,
            text=True,
        ).stdout.strip()  # fmt: skip

    def write(self, path: str, text: str) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def stack(self, name: str, text: str = LOCAL) -> None:
        self.write(f"stacks/Pulumi.{name}.yaml", text)

    def commit(self, message: str = "a") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def with_code(self, code: str = CLI) -> None:
        """Code of its own, which stands for another version of ours."""
        self.write("infra/__init__.py", "")
        self.write("infra/cli.py", code)
