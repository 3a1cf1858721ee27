"""The control plane itself: what it is, that it ends, and that nothing else is ended with it."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from . import crds
from .api import Api, until
from .binaries import versions
from .cluster import Cluster
from .crds import Definition, UnavailableError, content, definitions, fetch, resources
from .place import REPOSITORY
from .processes import Processes, identity, is_alive, remove_leftovers

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")
STUBBORN = (sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)")


def _known(folder: Path, name: str = "sleeper") -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "run" / f"{name}.json").read_text())
    return found


def test_it_is_the_kubernetes_that_the_module_names(api: Api) -> None:
    assert api.request("GET", "/version").object["gitVersion"] == versions()["k8s.io/kubernetes"]


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


@pytest.mark.parametrize("definition", definitions(), ids=lambda definition: definition.file)
def test_every_definition_is_here_and_served(definition: Definition, api: Api) -> None:
    try:
        found = resources(definition)
    except UnavailableError as reason:
        pytest.skip(str(reason))
    for entry in found:
        spec = entry["spec"]
        served = [version["name"] for version in spec["versions"] if version["served"]]
        assert all(api.serves(f"{spec['group']}/{version}", spec["names"]["kind"]) for version in served)


def _row(data: bytes, source: str, kind: str = "url") -> Definition:
    return Definition("some.yaml", kind, source, hashlib.sha256(data).hexdigest())


def test_definitions_are_fetched_once_and_only_kept_when_they_are_the_ones_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "release.yaml"
    source.write_bytes(b"right")
    target = tmp_path / "kept"
    monkeypatch.setattr(crds, "definitions", lambda: [_row(b"right", source.as_uri())])
    assert list(fetch(target)) == []
    assert (target / "some.yaml").read_bytes() == b"right"
    source.unlink()
    assert list(fetch(target)) == []  # it is there already

    source.write_bytes(b"wrong")
    (target / "some.yaml").unlink()
    assert "is not the file the table names" in "".join(fetch(target))
    assert not (target / "some.yaml").exists()


def test_the_folder_that_is_named_comes_first_and_its_files_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRDS_DIR", str(tmp_path))
    (tmp_path / "some.yaml").write_bytes(b"right")
    assert content(_row(b"right", "")) == b"right"
    with pytest.raises(UnavailableError, match="SHA-256 differs"):
        content(_row(b"wrong", ""))


def test_a_definition_that_cannot_be_had_says_so_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crds, "folders", lambda: [tmp_path])
    with pytest.raises(UnavailableError, match=r"some\.yaml is not here; run `make crds`"):
        content(_row(b"right", ""))


def test_gke_s_compute_class_is_made_from_its_schema_to_the_byte() -> None:
    row = next(row for row in definitions() if row.kind == "schema")
    try:
        made = resources(row)[0]
    except UnavailableError as reason:
        pytest.skip(str(reason))
    schema = made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    data = crds._compute_class(_closed(schema))
    assert hashlib.sha256(data).hexdigest() == row.sha256


def _closed(node: object) -> dict[str, object]:
    """The schema as it is published: closed objects say so."""
    assert isinstance(node, dict)
    return {**node, "additionalProperties": False}
