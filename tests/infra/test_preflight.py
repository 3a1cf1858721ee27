"""What `pulumi up` finds missing, against a small API server on loopback."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.addons.addons import AddonsConfig
from components.catalog.charts import crds_of
from components.gpu.cluster import GkeExistingConfig
from components.gpu.kubeconfig import KubeconfigConfig, gke_kubeconfig
from components.monitoring.observability import ObservabilityConfig
from infra import preflight
from infra.plan.environment import Environment
from tests.contract.program import STACKS, recorder_for, up

USER = "sesame-open"
HANGS = 0
"""A status that stands for no answer at all."""
BARE = Environment(cluster=KubeconfigConfig(kind="kubeconfig"))
WITH_ADDONS = Environment(cluster=BARE.cluster, addons=AddonsConfig(istio="present", external_secrets="present"))
EXISTING = GkeExistingConfig(kind="gke-existing", name="theirs", project="example-project", location="us-central1")


class ApiServer(http.server.ThreadingHTTPServer):
    """Answers every path with 200, or what `statuses` says for its last word."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses: dict[str, int] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.done = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: ApiServer

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        status = self.server.statuses.get(self.path.rpartition("/")[2], 200)
        if status == HANGS:
            self.server.done.wait()
            return
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - http.server's name
        pass


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.done.set()
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def kubeconfig(folder: Path, address: str, **cluster: str) -> Path:
    """A kubeconfig file for one cluster."""
    path = folder / "kubeconfig"
    content = {
        "clusters": [{"name": "c", "cluster": {"server": address, **cluster}}],
        "users": [{"name": "u", "user": {"token": USER}}],
        "contexts": [{"name": "mine", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "mine",
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def found(
    file: Path | Mapping[str, Any], environment: Environment = WITH_ADDONS, context: str | None = None
) -> list[str]:
    lines = list(preflight.missing(environment, file, context))
    assert USER not in "\n".join(lines)
    assert all("\n" not in line for line in lines)
    return lines


def test_a_cluster_with_everything_passes_and_is_asked_as_its_user(server: ApiServer, tmp_path: Path) -> None:
    assert found(kubeconfig(tmp_path, server.address)) == []
    assert [path.rpartition("/")[2] for path, _ in server.asked] == [
        "version",
        *crds_of("istio"),
        *crds_of("external_secrets"),
    ]
    assert {user for _, user in server.asked} == {f"Bearer {USER}"}


def test_add_ons_that_are_not_marked_present_are_not_looked_for(server: ApiServer, tmp_path: Path) -> None:
    installed = Environment(cluster=BARE.cluster, addons=AddonsConfig(istio="install"))
    assert found(kubeconfig(tmp_path, server.address), installed) == []
    assert [path for path, _ in server.asked] == ["/version"]


def test_all_crds_that_are_missing_are_named_with_their_add_on(server: ApiServer, tmp_path: Path) -> None:
    first, second, *_ = crds_of("istio")
    (third,) = crds_of("external_secrets")
    server.statuses = dict.fromkeys((first, second, third), 404)
    istio, secrets = found(kubeconfig(tmp_path, server.address))
    fix = "install it, or set addons.{} to install or absent"
    assert istio == f"addons.istio: marked present, but the cluster has no {first}, {second}; {fix.format('istio')}"
    assert secrets.startswith(f"addons.external_secrets: marked present, but the cluster has no {third}; ")


@pytest.mark.parametrize("status", [401, 403])
def test_crds_that_may_not_be_read_count_as_there(server: ApiServer, tmp_path: Path, status: int) -> None:
    server.statuses = dict.fromkeys(crds_of("istio"), status)
    assert found(kubeconfig(tmp_path, server.address)) == []


def test_managed_prometheus_is_looked_for_where_the_cluster_is_somebody_elses(
    server: ApiServer, tmp_path: Path
) -> None:
    (crd,) = crds_of("managed_prometheus")
    server.statuses = {crd: 404}
    (line,) = found(kubeconfig(tmp_path, server.address), Environment(cluster=EXISTING))
    assert line.startswith(f"observability.prometheus: is managed, but the cluster has no {crd}; turn on")
    without = Environment(cluster=EXISTING, observability=ObservabilityConfig(prometheus={"kind": "none"}))
    assert found(kubeconfig(tmp_path, server.address), without) == []


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "refuses these credentials (401 Unauthorized); log in again, or use another context"),
        (403, "refuses these credentials (403 Forbidden); log in again, or use another context"),
        (503, "answers 503 Service Unavailable; is this address an API server?"),
        (302, "answers 302 Found; is this address an API server?"),
    ],
)
def test_a_cluster_that_does_not_let_us_in_is_told(server: ApiServer, tmp_path: Path, status: int, says: str) -> None:
    server.statuses = {"version": status}
    assert found(kubeconfig(tmp_path, server.address)) == [f"cluster: {server.address} {says}"]
    assert len(server.asked) == 1


def test_a_cluster_that_hangs_is_given_up_once(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "SECONDS", 0.2)
    server.statuses = {"version": HANGS}
    (line,) = found(kubeconfig(tmp_path, server.address))
    assert "does not answer" in line
    assert "timed out" in line
    assert len(server.asked) == 1


def test_a_cluster_that_dies_in_between_is_told(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "SECONDS", 0.2)
    server.statuses = {crds_of("istio")[1]: HANGS}
    (line,) = found(kubeconfig(tmp_path, server.address))
    assert "does not answer" in line


def test_a_cluster_that_is_not_there_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (line,) = found(kubeconfig(tmp_path, f"http://127.0.0.1:{port}"))
    assert line.startswith(f"cluster: http://127.0.0.1:{port} does not answer: ")
    assert line.endswith("Connection refused; is it up, and the VPN on?")


def test_a_server_that_speaks_no_tls_is_not_trusted(server: ApiServer, tmp_path: Path) -> None:
    (line,) = found(kubeconfig(tmp_path, server.address.replace("http:", "https:")))
    assert "cannot be trusted" in line
    assert line.endswith("compare the kubeconfig's address and certificate")


def test_a_certificate_that_is_none_is_told(server: ApiServer, tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, server.address.replace("http:", "https:"), **{"certificate-authority-data": "aGVsbG8="})
    (line,) = found(file)
    assert "cannot be trusted" in line


def test_a_kubeconfig_that_is_not_there_is_told(tmp_path: Path) -> None:
    fix = "start the cluster, name its file in cluster.path, or set KUBECONFIG"
    assert found(tmp_path / "none") == [f"cluster: there is no kubeconfig {tmp_path / 'none'}; {fix}"]
    assert found(tmp_path) == [f"cluster: there is no kubeconfig {tmp_path}; {fix}"]


def test_a_context_that_is_not_there_is_named(server: ApiServer, tmp_path: Path) -> None:
    (line,) = found(kubeconfig(tmp_path, server.address), context="theirs")
    assert line.startswith("cluster: the kubeconfig cannot be used: ")
    assert "theirs" in line


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "text", "a: b: c", "{clusters: 3}", "\x00", "contexts: [3]\ncurrent-context: mine", "\ttab: 1",
        f"token: {USER}: {USER}",
        json.dumps({
            "clusters": [{"name": "c", "cluster": {}}],
            "contexts": [{"name": "m", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "m",
        }),
    ],
)  # fmt: skip
def test_a_file_that_is_no_kubeconfig_is_told_without_its_content(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text, encoding="utf-8")
    (line,) = found(file)
    assert line.startswith(("cluster: the kubeconfig cannot be used: ", f"cluster: {file} is no kubeconfig; "))


def test_googles_login_plugin_is_asked_for_when_it_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (line,) = found(gke_kubeconfig("127.0.0.1:1", "aGVsbG8=", "theirs"))
    assert line.endswith("is not installed; run `gcloud components install gke-gcloud-auth-plugin`")


def plugin(folder: Path, script: str) -> None:
    file = folder / "gke-gcloud-auth-plugin"
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)


def test_googles_login_plugin_that_fails_stops_the_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(tmp_path, "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert found(gke_kubeconfig("127.0.0.1:1", "aGVsbG8=", "theirs")) == [
        "cluster: the kubeconfig cannot be used: gke-gcloud-auth-plugin cannot log in; run `gcloud auth login`"
    ]


def test_a_cluster_of_google_is_asked_with_the_plugins_token(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "kind": "ExecCredential",
        "status": {"token": USER},
    }
    plugin(tmp_path, f"echo '{json.dumps(credential)}'")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    content = gke_kubeconfig("unused", "aGVsbG8=", "theirs")
    content["clusters"][0]["cluster"] = {"server": server.address}
    assert found(content, Environment(cluster=EXISTING)) == []
    assert {user for _, user in server.asked} == {f"Bearer {USER}"}


def test_the_program_looks_before_it_registers(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, server.address)))
    assert up(recorder_for(STACKS["local"], preview=False), missing=None).resources
    server.statuses = {"version": 503}
    refused = recorder_for(STACKS["local"], preview=False)
    with pytest.raises(pulumi.RunError, match="nothing was changed"):
        up(refused, missing=None)
    assert refused.resources == []
    warned = up(recorder_for(STACKS["local"], preview=True), missing=None)
    assert warned.resources
    assert [line for line in warned.warnings if "answers 503" in line]
