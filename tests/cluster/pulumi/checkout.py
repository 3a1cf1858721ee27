"""A copy of the repository and the Pulumi CLI in it: Pulumi rewrites stack files, so tests never run it on ours."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..place import REPOSITORY
from .tools import search_path, tool

NOBODY = """\
apiVersion: v1
kind: Config
clusters: [{name: nobody, cluster: {server: "https://127.0.0.1:9"}}]
users: [{name: nobody, user: {token: none}}]
contexts: [{name: nobody, context: {cluster: nobody, user: nobody}}]
current-context: nobody
"""
"""The kubeconfig of a cluster where nobody answers: port 9 of the loopback is `discard`, and closed."""

_SECONDS = 600
_UNCHANGED = ("same", "refresh", "read")


class Checkout:
    """One stack of a copy, its state in files beside it.

    Attributes:
        folder: the copy.
        stack: name of the stack, one of those in stacks/.
        kubeconfig: of the cluster it deploys to.
    """

    def __init__(self, folder: Path, stack: str, kubeconfig: Path) -> None:
        self.folder = folder
        self.stack = stack
        self.kubeconfig = kubeconfig
        for name in ("Pulumi.yaml", "pyproject.toml"):
            shutil.copy(REPOSITORY / name, folder / name)
        for name in ("components", "infra", "policy", "stacks"):
            shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / ".venv").symlink_to(Path(sys.prefix))
        (folder / "state").mkdir()
        self.done("stack", "init")

    @property
    def file(self) -> Path:
        """The stack file."""
        return self.folder / "stacks" / f"Pulumi.{self.stack}.yaml"

    def write(self, values: Mapping[str, Any]) -> None:
        """Give the stack file other sections, and leave what Pulumi wrote into it."""
        written = yaml.safe_load(self.file.read_text(encoding="utf-8"))
        written["config"] = {f"inference:{section}": entry for section, entry in values.items()}
        self.file.write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `pulumi` on the stack, whatever comes of it."""
        with self._started(*arguments, **variables) as process:
            out, error = process.communicate(timeout=_SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, out, error)

    def done(self, *arguments: str, **variables: str) -> str:
        """What a command that must succeed prints."""
        answer = self.run(*arguments, **variables)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def up(self, *options: str, **variables: str) -> list[tuple[str, str]]:
        """Deploy; what was done to which URN, in order, nothing for what stays as it is."""
        return self._steps("up", "--skip-preview", "--yes", *options, **variables)

    def preview(self, *options: str) -> list[tuple[str, str]]:
        """What an `up` would do to which URN, in order."""
        return self._steps("preview", *options, PULUMI_ENABLE_STREAMING_JSON_PREVIEW="true")

    def state(self) -> dict[str, Any]:
        """The stack's state: `resources`, and `pending_operations` where it was interrupted."""
        exported: dict[str, Any] = json.loads(self.done("stack", "export"))
        found: dict[str, Any] = exported["deployment"]
        return found

    @contextmanager
    def killed(self, *arguments: str) -> Iterator[None]:
        """A command that runs while the block does, and then dies with all it started, as a machine does."""
        with self._started(*arguments) as process:
            yield
            died = process.poll() is not None
        if died:
            out, error = process.communicate()
            pytest.fail(f"it ended before it could be killed: {out}{error}")

    def _steps(self, *arguments: str, **variables: str) -> list[tuple[str, str]]:
        answer = self.run(*arguments, "--json", **variables)
        events = [json.loads(line) for line in answer.stdout.splitlines() if line.startswith("{")]
        told = [event["diagnosticEvent"] for event in events if "diagnosticEvent" in event]
        errors = [entry["message"] for entry in told if entry["severity"] in ("error", "info#err")]
        assert answer.returncode == 0, "".join([*errors, answer.stderr])
        steps = [event["resourcePreEvent"]["metadata"] for event in events if "resourcePreEvent" in event]
        return [(step["op"], step["urn"]) for step in steps if step["op"] not in _UNCHANGED]

    @contextmanager
    def _started(self, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """Start `pulumi` on a backend of files; nothing of it is left in the end."""
        own = {
            "KUBECONFIG": str(self.kubeconfig),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PATH": search_path(),
            "PYTHONPATH": str(self.folder),
        }
        with subprocess.Popen(
            [tool("pulumi"), *arguments, "--stack", self.stack, "--non-interactive"],
            cwd=self.folder,
            env={**os.environ, **own, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                # Plugins and the program are in process groups of their own, and outlive a CLI that is killed.
                for pid in [process.pid, *_descendants(process.pid)] if process.poll() is None else []:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    told = subprocess.run(("ps", "-A", "-o", "pid=,ppid="), capture_output=True, text=True, check=True).stdout
    parents = {int(child): int(parent) for child, parent in map(str.split, told.splitlines())}
    found = [pid]
    for parent in found:
        found += [child for child, its in parents.items() if its == parent]
    return found[1:]
