"""Environments of another revision, planned by that revision's own code in a process of its own.

That process runs what the revision says. It gets none of our environment variables but those that say where programs
and temporary files are, and in which language to speak: no token, no credential, no proxy. It is no sandbox: it can
read what the user can read. A workflow that shows a stranger's pull request runs in a job without secrets
(docs/how-to/preview-a-pull-request.md).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Self

from ...terminal.terminal import status
from ..snapshots.serial import SerialError, from_json
from ..snapshots.snapshot import Snapshot
from .locks import LOCK, LockError, cache_folder, python_of
from .revisions import RUNNING

SECONDS = 900
"""Longest time a revision may take to plan all its environments."""
ENTRY = "infra/cli.py"
"""Without this file, a revision has no code that could plan."""
_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TMP", "TEMP", "SYSTEMROOT")
_SNAPSHOT = """\
import sys
sys.path.insert(0, sys.argv[1])
from infra.cli import main
sys.exit(main(["snapshot", "--today", sys.argv[2], "--", *sys.argv[3:]]))
"""
_UNKNOWN_COMMAND = "no such command 'snapshot'"
_TOO_OLD = "its code has no `infra snapshot`; check it out, render it, and compare the rendered folders"
_LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class Packages:
    """The Python that plans a revision.

    Attributes:
        python: its path.
        notes: what a reader must know of it.
    """

    python: str
    notes: tuple[str, ...] = ()


def packages_for(root: Path, name: str) -> Packages:
    """The Python with the packages of a revision's own lock; ours where they are the same or cannot be had.

    Args:
        root: the revision's files.
        name: the revision, for people.
    """
    ours, theirs = _text(RUNNING / LOCK), _text(root / LOCK)
    if theirs is None or theirs == ours:
        return Packages(sys.executable)
    try:
        return Packages(str(python_of(theirs)))
    except LockError as error:
        note = f"{name} has another {LOCK}, which could not be installed ({error}): it ran with the packages of now"
        return Packages(sys.executable, (note,))


class Isolated:
    """A revision's environments being planned by its own code.

    Args:
        root: the revision's files.
        name: the revision, for people.
        environments: which to plan.
        today: the day waivers are judged by.
    """

    def __init__(self, root: Path, name: str, environments: Sequence[str], today: date) -> None:
        self._root, self._name = root.resolve(), name
        self._environments = list(environments)
        self._open = ExitStack()
        self._packages = packages_for(root, name)
        self._process = self._start(_SNAPSHOT, today.isoformat(), *self._environments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def snapshots(self) -> dict[str, Snapshot]:
        """Wait for it. An environment that could not be planned has its errors."""
        with status(f"planning {self._name} with its own code"):
            code, text, error = self._finish()
        if not text and _UNKNOWN_COMMAND in error.lower():
            return self._failed(_TOO_OLD)
        if code not in (0, 1, 2) or not text:
            return self._failed(error or f"its code ended with {code} and said nothing")
        return {name: self._noted(snapshot) for name, snapshot in self._read(text, error).items()}

    def end(self) -> None:
        """End it, whatever it has done so far."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._open.close()

    def _start(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        # Files and not pipes: nobody reads while we plan the other side.
        self._out, self._error = (self._open.enter_context(tempfile.TemporaryFile()) for _ in range(2))  # noqa: SIM115 - see end()
        return subprocess.Popen(  # noqa: S603 - this is what a diff of revisions is: their code runs
            [self._packages.python, "-c", program, str(self._root), *arguments],
            cwd=self._root,
            env={name: value for name, value in os.environ.items() if name in _KEPT} | {"PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._error,
        )

    def _finish(self) -> tuple[int, str, str]:
        try:
            code = self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
            return code, "", f"its code did not end in {SECONDS} s"
        texts = []
        for file in (self._out, self._error):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
        return code, texts[0], texts[1].strip()

    def _failed(self, error: str) -> dict[str, Snapshot]:
        lines = tuple(error.splitlines()[-_LAST_LINES:])
        return {name: Snapshot(name, errors=lines) for name in self._environments}

    def _noted(self, snapshot: Snapshot) -> Snapshot:
        notes = (*self._packages.notes, *snapshot.notes)
        return replace(snapshot, notes=notes) if self._packages.notes else snapshot

    def _read(self, text: str, error: str) -> dict[str, Snapshot]:
        try:
            told = json.loads(text)["environments"]
            found = {snapshot.environment: snapshot for snapshot in map(from_json, told)}
        except (ValueError, LookupError, TypeError, AttributeError) as wrong:
            reason = str(wrong) if isinstance(wrong, SerialError) else "what it printed is no JSON of `infra snapshot`"
            return self._failed(error or reason)
        return self._failed("`infra snapshot` of its code left it out") | found


def revision_folder(commit: str) -> Path:
    """Where a revision's files are kept from one diff to the next, with what Python compiled of them."""
    return cache_folder() / "revisions" / commit


def has_code(paths: Iterable[str]) -> bool:
    """Whether a revision with these files can plan by itself."""
    return ENTRY in paths


def _text(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
