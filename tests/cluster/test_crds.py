"""Definitions of custom kinds: all of them are here and served, and `make crds` keeps only what the table names."""

from __future__ import annotations

import hashlib
import socket
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from . import crds
from .__main__ import main
from .api import Api
from .crds import Definition, UnavailableError, content, definitions, fetch, resources


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


def _row(data: bytes, source: str, kind: str = "url", file: str = "some.yaml") -> Definition:
    return Definition(file, kind, source, hashlib.sha256(data).hexdigest())


class Site:
    """A web server on loopback.

    Attributes:
        files: what it has, by path.
        cut: paths of which it sends half.
        asked: the paths that were asked for.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                data = site.files.get(self.path)
                self.send_response(404 if data is None else 200)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write((data or b"")[: len(data or b"") // 2 if self.path in site.cut else None])

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}{path}"


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    threading.Thread(target=found.server.serve_forever, args=(0.05,), daemon=True).start()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder where definitions are looked for, and kept."""
    monkeypatch.setattr(crds, "folders", lambda: [tmp_path / "kept"])
    return tmp_path / "kept"


def _named(monkeypatch: pytest.MonkeyPatch, *rows: Definition) -> None:
    monkeypatch.setattr(crds, "definitions", lambda: list(rows))


def test_a_file_with_the_right_sum_is_kept_and_not_fetched_again(
    site: Site, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files["/release.yaml"] = b"right"
    _named(monkeypatch, _row(b"right", site.url("/release.yaml")))
    assert list(fetch()) == []
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == {"some.yaml": b"right"}
    assert list(fetch()) == []
    assert site.asked == ["/release.yaml"]


def test_a_file_with_another_sum_is_refused_and_the_others_are_still_fetched(
    site: Site, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files = {"/wrong.yaml": b"wrong", "/page.json": b"<html>", "/right.yaml": b"right"}
    _named(
        monkeypatch,
        _row(b"right", site.url("/wrong.yaml"), file="wrong.yaml"),
        _row(b"right", site.url("/page.json"), kind="schema", file="page.yaml"),
        _row(b"right", site.url("/gone.yaml"), file="gone.yaml"),
        _row(b"right", site.url("/right.yaml"), file="right.yaml"),
    )
    wrong, page, gone = fetch()
    assert "/wrong.yaml is not the file the table names; nothing was kept" in wrong
    assert "/page.json is not the file the table names; nothing was kept" in page
    assert "/gone.yaml answers 404" in gone
    assert [path.name for path in kept.iterdir()] == ["right.yaml"]


def test_a_file_that_is_here_but_is_another_is_replaced(
    site: Site, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.mkdir()
    (kept / "some.yaml").write_bytes(b"old")
    site.files["/release.yaml"] = b"right"
    _named(monkeypatch, _row(b"right", site.url("/release.yaml")))
    assert list(fetch()) == []
    assert content(_row(b"right", "")) == b"right"


def test_a_file_that_arrives_or_is_written_in_part_is_not_kept(
    site: Site, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files["/release.yaml"] = b"right"
    site.cut.add("/release.yaml")
    _named(monkeypatch, _row(b"right", site.url("/release.yaml")))
    assert "cannot be had: IncompleteRead" in " ".join(fetch())
    assert list(kept.iterdir()) == []

    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:2])
        raise OSError("no space left on device")

    site.cut.clear()
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        list(fetch())
    assert list(kept.iterdir()) == []


def test_without_a_network_one_message_says_what_is_missing_and_what_to_do(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    _named(
        monkeypatch,
        *(_row(b"right", f"{address}/{file}", file=file) for file in ("one.yaml", "two.yaml")),
    )
    told: list[str] = []
    monkeypatch.setattr("tests.cluster.__main__.say", told.append)
    assert main(["crds"]) == 1
    assert f"{address}/one.yaml cannot be had: " in told[0]
    assert "Connection refused" in told[0]
    assert "set CRDS_DIR to their folder; missing: one.yaml, two.yaml" in told[1]
    assert len(told) == 2


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


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Go proxy that has version v1.0.0 of one module, example.test/had, with one file."""
    versions = tmp_path / "proxy" / "example.test" / "had" / "@v"
    versions.mkdir(parents=True)
    (versions / "v1.0.0.info").write_text('{"Version": "v1.0.0"}')
    (versions / "v1.0.0.mod").write_text("module example.test/had\n")
    with zipfile.ZipFile(versions / "v1.0.0.zip", "w") as file:
        file.writestr("example.test/had@v1.0.0/go.mod", "module example.test/had\n")
        file.writestr("example.test/had@v1.0.0/crds/some.yaml", "right")
    settings = {"GOPROXY": (tmp_path / "proxy").as_uri(), "GOMODCACHE": str(tmp_path / "modules")}
    for name, value in {**settings, "GOSUMDB": "off", "GOFLAGS": "-modcacherw"}.items():
        monkeypatch.setenv(name, value)
    crds._modules.cache_clear()
    yield
    crds._modules.cache_clear()


_HAD = "example.test/had@v1.0.0 crds/some.yaml"
_ABSENT = "example.test/absent@v1.0.0 crds/other.yaml"


@pytest.mark.usefixtures("proxy")
def test_a_file_of_a_module_comes_from_it_whatever_other_modules_do(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    had = _row(b"right", _HAD, kind="module")
    _named(monkeypatch, had, _row(b"right", _ABSENT, kind="module", file="other.yaml"))
    assert content(had) == b"right"
    (told,) = fetch()
    assert "other.yaml is not here; example.test/absent@v1.0.0: " in told
    assert list(kept.iterdir()) == []
    with pytest.raises(UnavailableError, match="SHA-256 differs"):
        content(_row(b"wrong", _HAD, kind="module"))


@pytest.mark.usefixtures("proxy")
def test_a_file_whose_module_cannot_be_had_comes_from_a_folder(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = _row(b"right", _ABSENT, kind="module", file="other.yaml")
    _named(monkeypatch, absent)
    kept.mkdir()
    (kept / "other.yaml").write_bytes(b"right")
    assert content(absent) == b"right"
    assert list(fetch()) == []


def test_without_go_a_module_s_file_says_so(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(kept))
    crds._modules.cache_clear()
    with pytest.raises(UnavailableError, match=r"some\.yaml is not here; .* `go` is not on PATH"):
        content(_row(b"right", _HAD, kind="module"))
    crds._modules.cache_clear()


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
