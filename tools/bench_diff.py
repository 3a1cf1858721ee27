"""How fast `infra diff` is: the shipped environments, and two fleets of 1,000 models with one change.

A fleet's diff is held against the renders of both its sides, because that is what else would be compared. Every command
runs in a process of its own, a few times; the quickest counts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from infra.plan.environments import PROJECT_FILE, need_project
from infra.terminal.terminal import say
from tools.bench import fleet

MODELS = 1000
_RUNS = 3
_MEMORY = "/dev/shm"  # noqa: S108 - only to make temporary folders in, under names of their own
_AUTHOR = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")


def main() -> int:
    """Print two lines."""
    project = need_project()
    say(f"  infra diff HEAD, all environments: {_seconds(project.path.parent, 'diff', 'HEAD'):.2f} s")
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as name:
        folder = Path(name)
        _two_fleets(folder, project.path)
        renders = 2 * _seconds(folder, "render", "fleet", "--output", "out")
        compared = _seconds(folder, "diff", "HEAD")
    say(
        f"  infra diff of two fleets of {MODELS:,} models with one change: {compared:.2f} s, "
        f"{compared / renders:.2f} × their renders ({renders:.2f} s)"  # noqa: RUF001 - as print has it
    )
    return 0


def _two_fleets(folder: Path, project: Path) -> None:
    """A repository with a fleet, and the same with one change in its files."""
    shutil.copy(project, folder / PROJECT_FILE)
    (folder / "stacks").mkdir()
    (folder / ".gitignore").write_text("out\n")
    path = folder / "stacks" / "Pulumi.fleet.yaml"
    text = "".join(fleet(MODELS))
    path.write_text(text)
    for arguments in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "fleet")):
        subprocess.run(["git", *_AUTHOR, *arguments], cwd=folder, check=True)  # noqa: S603, S607 - a repository of ours
    changed = text.replace("max_total_tokens: 2048\n", "max_total_tokens: 2049\n", 1)
    if changed == text:
        raise SystemExit("bench: the fleet has no model to change")
    path.write_text(changed)


def _seconds(folder: Path, *arguments: str) -> float:
    """The quickest of some runs; what else the machine does only slows them down."""
    command = [sys.executable, "-c", "import sys; from infra.cli import main; sys.exit(main())", *arguments]
    times: list[float] = []
    for _ in range(_RUNS):
        started = perf_counter()
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)  # noqa: S603 - ourselves
        times.append(perf_counter() - started)
        if done.returncode not in (0, 1):
            raise SystemExit(done.stderr.strip() or f"bench: infra {arguments[0]} ended with {done.returncode}")
    return min(times)


if __name__ == "__main__":
    sys.exit(main())
