"""Programs in the background, each stopped by its recorded id, and only when that id is still the program's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_POLITE_SECONDS = 5.0


def started_at(pid: int) -> str | None:
    """When a process was started, in the system's own words; `None` when there is no such process.

    Together with the id it names one process for ever: ids are given again, times are not.
    """
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] == "Z" else fields[19]
    done = subprocess.run(("ps", "-o", "lstart=", "-p", str(pid)), capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def identity(pid: int) -> dict[str, object]:
    """What a file says of a process, so that a later run knows it again."""
    return {"pid": pid, "started": started_at(pid)}


def is_alive(known: dict[str, object]) -> bool:
    """Whether the process that `identity` described still runs."""
    return known["started"] is not None and started_at(int(str(known["pid"]))) == known["started"]


class Processes:
    """The programs of one folder: `run/<name>.json` says which process each is, `log/<name>.log` what it said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: Sequence[str | Path], **environment: str) -> None:
        """Start a program in a session of its own, so that Ctrl-C ends the tests and they end the program."""
        for folder in ("run", "log"):
            (self.folder / folder).mkdir(exist_ok=True)
        inherited = {key: value for key, value in os.environ.items() if key.lower() not in (*_PROXIES, "kubeconfig")}
        with self._log(name).open("wb") as log:
            child = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=inherited | environment,
                cwd=self.folder,
                start_new_session=True,
            )
        self._children[name] = child
        (self.folder / "run" / f"{name}.json").write_text(json.dumps(identity(child.pid)), encoding="utf-8")

    def died(self) -> str | None:
        """The first program that has ended, with the end of its log; `None` while all run."""
        for name, child in self._children.items():
            if child.poll() is not None:
                text = self._log(name).read_text(encoding="utf-8", errors="replace")
                return f"{name} ended with {child.returncode}:\n{text[-2000:]}"
        return None

    def stop(self) -> list[str]:
        """Stop every recorded program, last started first; the names of those that still ran."""
        records = sorted(self.folder.glob("run/*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        running = [(path.stem, known) for path in records if is_alive(known := json.loads(path.read_text()))]
        for _, known in running:
            _send(known, signal.SIGTERM)
        limit = time.monotonic() + _POLITE_SECONDS
        while any(self._runs(name, known) for name, known in running) and time.monotonic() < limit:
            time.sleep(0.05)
        for name, known in running:
            if self._runs(name, known):
                _send(known, signal.SIGKILL)
                while self._runs(name, known):
                    time.sleep(0.05)
        for child in self._children.values():
            child.wait()
        for path in records:
            path.unlink(missing_ok=True)
        self._children.clear()
        return [name for name, _ in running]

    def _runs(self, name: str, known: dict[str, object]) -> bool:
        if child := self._children.get(name):
            child.poll()  # an ended child is a process until its parent has looked
        return is_alive(known)

    def _log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"


def remove_leftovers(folder: Path) -> list[str]:
    """Stop what earlier runs left in the folders below `folder`, when the process they belonged to is gone.

    A folder with no owner was meant to be left running; one whose owner lives belongs to another run.
    """
    stopped = []
    for owner in folder.glob("*/owner.json"):
        if not is_alive(json.loads(owner.read_text(encoding="utf-8"))):
            stopped += Processes(owner.parent).stop()
            shutil.rmtree(owner.parent, ignore_errors=True)
    return stopped


def _send(known: dict[str, object], number: signal.Signals) -> None:
    if is_alive(known):
        os.kill(int(str(known["pid"])), number)
