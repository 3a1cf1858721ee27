"""The control plane itself: what it is, that it ends, and that nothing else is ended with it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from . import conftest
from .api import Api, until
from .cluster import Cluster
from .modules import CONTROL_PLANE
from .place import REPOSITORY
from .processes import Processes, identity, is_alive, remove_leftovers

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")
STUBBORN = (sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)")


def _known(folder: Path, name: str = "sleeper") -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "run" / f"{name}.json").read_text())
    return found


def test_it_is_the_kubernetes_that_the_module_names(api: Api) -> None:
    assert api.request("GET", "/version").object["gitVersion"] == CONTROL_PLANE.versions()["k8s.io/kubernetes"]


def _sockets(pid: int) -> Iterator[str]:
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            if (target := str(entry.readlink())).startswith("socket:["):
                yield target[8:-1]


def test_it_listens_on_loopback_only(cluster: Cluster) -> None:
    pids = {json.loads(path.read_text())["pid"] for path in cluster.folder.glob("run/*.json")}
    assert len(pids) == 5
    inodes = {inode for pid in pids for inode in _sockets(pid)}
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                listening.append(fields[1].partition(":")[0])
    assert listening
    assert set(listening) <= {"0100007F", "0" * 24 + "01000000"}


def test_a_stranger_may_do_nothing(api: Api) -> None:
    stranger = Api(api.server, api.certificate, "wrong")
    with pytest.raises(AssertionError, match="401"):
        stranger.list("v1", "Secret")


def test_stopping_ends_what_was_started_even_when_it_does_not_want_to(tmp_path: Path) -> None:
    running = Processes(tmp_path)
    running.start("sleeper", SLEEP)
    running.start("stubborn", STUBBORN)
    time.sleep(0.5)  # until the stubborn one ignores the signal
    known = [_known(tmp_path), _known(tmp_path, "stubborn")]
    assert sorted(running.stop()) == ["sleeper", "stubborn"]
    assert not any(map(is_alive, known))


def test_an_id_that_was_given_to_another_process_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with subprocess.Popen(SLEEP) as other:
        try:
            (tmp_path / "run" / "etcd.json").write_text(json.dumps(identity(other.pid) | {"started": "long ago"}))
            assert Processes(tmp_path).stop() == []
            assert other.poll() is None
        finally:
            other.kill()


def test_the_next_run_ends_what_a_killed_run_left(tmp_path: Path) -> None:
    program = (
        "import json, sys, time; from pathlib import Path\n"
        "from tests.cluster.processes import Processes, identity\n"
        "import os; folder = Path(sys.argv[1]) / 'killed'; folder.mkdir()\n"
        "(folder / 'owner.json').write_text(json.dumps(identity(os.getpid())))\n"
        "Processes(folder).start('sleeper', ['sleep', '600']); time.sleep(600)\n"
    )
    with subprocess.Popen((sys.executable, "-c", program, str(tmp_path)), cwd=REPOSITORY) as run:
        record = tmp_path / "killed" / "run" / "sleeper.json"
        until("record of the sleeper", record.exists, 30)
        known = until("whole record", lambda: json.loads(record.read_text() or "{}"))
        assert remove_leftovers(tmp_path) == []  # its owner lives
        assert is_alive(known)
        run.send_signal(signal.SIGKILL)
    assert remove_leftovers(tmp_path) == ["sleeper"]
    assert not is_alive(known)
    assert list(tmp_path.iterdir()) == []


def test_what_was_meant_to_be_left_running_is_no_leftover(tmp_path: Path) -> None:
    kept = Processes(tmp_path / "cluster")
    kept.folder.mkdir()
    kept.start("sleeper", SLEEP)
    try:
        assert remove_leftovers(tmp_path) == []
        assert is_alive(_known(kept.folder))
    finally:
        kept.stop()


class _Terminal:
    """What pytest writes its last lines to."""

    def __init__(self, **stats: list[object]) -> None:
        self.stats = stats
        self.lines: list[str] = []

    def write_line(self, line: str) -> None:
        self.lines.append(line)


def test_the_last_lines_say_what_was_judged_and_whether_anything_disagreed(monkeypatch: pytest.MonkeyPatch) -> None:
    def said(**stats: list[object]) -> list[str]:
        terminal = _Terminal(**stats)
        conftest.pytest_terminal_summary(terminal)  # type: ignore[arg-type]
        return terminal.lines

    monkeypatch.setattr(conftest, "JUDGED", Counter())
    assert said(passed=[1]) == []
    conftest.JUDGED.update({"pods": 7, "objects": 5, "environments": 2})
    judged = ["2 environments", "5 objects", "0 random environments", "7 pods"]
    lines = [f"judged by the control plane: {what}" for what in judged]
    assert said(passed=[1]) == [*lines, "disagreements: none"]
    assert said(failed=[1], error=[1]) == [*lines, "disagreements: 2, the failures above"]
