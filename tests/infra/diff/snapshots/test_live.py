"""A cluster against the plan, with a kubectl of ours; tests/cluster/test_live.py has a real API server."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from infra.diff.comparison import compare_cluster
from infra.diff.environment_diff import diff
from infra.diff.revisions.sides import How
from infra.diff.snapshots import kubectl_proxy
from infra.diff.snapshots.kubectl_proxy import Answer
from infra.diff.snapshots.live import live_and_planned
from infra.diff.snapshots.snapshot import Resource, Snapshot
from infra.plan.environments import UsageError

from ..repository import LOCAL, Repo

HOW = How(date(2026, 11, 21), picture=False)
KINDS = {
    "/api/v1": [("configmaps", "ConfigMap"), ("secrets", "Secret"), ("secrets/status", "Secret")],
    "/apis/apps/v1": [("deployments", "Deployment")],
}


class Cluster:
    """Answers as an API server does, from what it is told to have."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.objects = {(one["kind"], one["metadata"]["name"]): one for one in objects}
        self.refusals: dict[str, list[Answer]] = {}
        self.asked: list[tuple[str, str, bool]] = []

    def get(self, path: str, **query: str) -> Answer:
        if path == "/version":
            return self.refusals.get("/version", [Answer(200, {})])[0]
        if path in KINDS:
            listed = [{"name": name, "kind": kind, "namespaced": True} for name, kind in KINDS[path]]
            return Answer(200, {"resources": listed})
        if path.count("/") < 4:
            return Answer(404, {"message": "404 page not found"})
        if found := self.refusals.get(path):
            return found[0]
        plural, name = path.split("/")[-2:]
        kind = next(kind for kinds in KINDS.values() for known, kind in kinds if known == plural)
        one = self.objects.get((kind, name))
        return Answer(200, one) if one else Answer(404, {"message": f'{plural} "{name}" not found'})

    def dry_run(self, path: str, manifest: dict[str, Any], manager: str, *, force: bool = False) -> Answer:
        self.asked.append((path, manager, force))
        if self.refusals.get("dry run"):
            return self.refusals["dry run"].pop(0)
        live = self.objects[manifest["kind"], manifest["metadata"]["name"]]
        return Answer(200, {**live, **manifest, "metadata": {**live["metadata"], **manifest["metadata"]}})


def planned(*manifests: dict[str, Any]) -> Snapshot:
    return Snapshot(
        "local",
        tuple(
            Resource(
                key=f"{one['kind']} {one['metadata']['name']}",
                type=f"kubernetes:core/{one['apiVersion']}:{one['kind']}",
                kind=one["kind"], namespace="a", name=one["metadata"]["name"], component="C/c", at=(), role="r",
                properties=one,
            )
            for one in manifests
        ),
    )  # fmt: skip


def made(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "a"}, **fields}


def live(one: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    own = {"uid": "1", "resourceVersion": "2", "managedFields": [], "generation": 1, "creationTimestamp": "x"}
    return {**one, "metadata": {**one["metadata"], **own, **metadata}, "status": {"ready": True}}


def test_what_is_as_planned_differs_in_nothing() -> None:
    config = made("ConfigMap", "c", data={"a": "1"})
    base, head = live_and_planned(planned(config), Cluster(live(config)))  # type: ignore[arg-type]
    assert diff(base, head).status == "unchanged"
    assert base.notes == ()
    assert base.resources[0].properties == {**config, "metadata": {**config["metadata"], "uid": "1"}}


def test_it_is_asked_under_pulumis_own_name_for_the_object() -> None:
    config = made("ConfigMap", "c")
    managers = [
        {"manager": "kubectl", "operation": "Update"},
        {"manager": "pulumi-kubernetes-1f2e3d4c", "operation": "Apply"},
    ]
    cluster = Cluster(live(config, managedFields=managers))
    live_and_planned(planned(config), cluster)  # type: ignore[arg-type]
    assert cluster.asked == [("/api/v1/namespaces/a/configmaps/c", "pulumi-kubernetes-1f2e3d4c", False)]


@pytest.mark.parametrize(("operation", "manager"), [("Apply", "argocd-controller"), ("Update", "pulumi-kubernetes")])
def test_what_others_applied_is_asked_under_their_name(operation: str, manager: str) -> None:
    config = made("ConfigMap", "c")
    cluster = Cluster(live(config, managedFields=[{"manager": "argocd-controller", "operation": operation}]))
    live_and_planned(planned(config), cluster)  # type: ignore[arg-type]
    assert [asked for _, asked, _ in cluster.asked] == [manager]


def test_an_object_that_is_not_there_is_new_and_is_not_asked_for() -> None:
    cluster = Cluster()
    base, head = live_and_planned(planned(made("ConfigMap", "c")), cluster)  # type: ignore[arg-type]
    assert [one.action for one in diff(base, head).changes] == ["create"]
    assert cluster.asked == []


def test_fields_that_others_own_are_told_and_compared() -> None:
    config = made("ConfigMap", "c", data={"a": "1"})
    cluster = Cluster(live(made("ConfigMap", "c", data={"a": "2"})))
    causes = {"details": {"causes": [{"field": ".data.a"}]}, "message": "conflict"}
    cluster.refusals["dry run"] = [Answer(409, causes)]
    base, head = live_and_planned(planned(config), cluster)  # type: ignore[arg-type]
    assert [force for _, _, force in cluster.asked] == [False, True]
    assert [one.fields[0].path for one in diff(base, head).changes] == ["data.a"]
    (note,) = base.notes
    assert note == (
        "ConfigMap a/c: others own data.a: pulumi up refuses, unless PULUMI_K8S_ENABLE_PATCH_FORCE=true takes them over"
    )


def test_each_object_that_cannot_be_compared_is_told_with_its_reason() -> None:
    odd = {**made("Widget", "w"), "apiVersion": "example.com/v1"}
    kind = made("Pod", "p")
    secret = made("Secret", "s")
    cluster = Cluster()
    cluster.refusals["/api/v1/namespaces/a/secrets/s"] = [Answer(403, {"message": "secrets is forbidden"})]
    base, head = live_and_planned(planned(odd, kind, secret), cluster)  # type: ignore[arg-type]
    assert base.notes == (
        "Widget a/w: the cluster has no kind Widget of example.com/v1: is its CRD installed?",
        "Pod a/p: the cluster has no kind Pod of v1: is its CRD installed?",
        "Secret a/s: cannot be read: secrets is forbidden",
    )
    assert diff(base, head).changes == ()


def test_what_the_server_refuses_is_told_and_compared_as_it_is_planned() -> None:
    cluster = Cluster(live(made("ConfigMap", "c", data={"a": "1"}, immutable=True)))
    cluster.refusals["dry run"] = [Answer(422, {"message": "ConfigMap is\n immutable"})]
    wanted = made("ConfigMap", "c", data={"a": "2"}, immutable=True)
    base, head = live_and_planned(planned(wanted), cluster)  # type: ignore[arg-type]
    assert base.notes == ("ConfigMap a/c: the API server refuses it: ConfigMap is immutable",)
    (change,) = diff(base, head).changes
    assert (change.action, [one.path for one in change.fields]) == ("replace", ["data.a"])


def test_a_secrets_values_are_neither_sent_nor_shown() -> None:
    wanted = made("Secret", "s", stringData={"token": "${secret:hf_token}", "new": "${secret:other}"})
    cluster = Cluster(live(made("Secret", "s", data={"token": "aHVudGVyMg=="}, type="Opaque")))
    base, head = live_and_planned(planned(wanted), cluster)  # type: ignore[arg-type]
    assert cluster.asked == []
    assert "aHVudGVyMg" not in repr((base, head))
    assert [one.path for one in diff(base, head).changes[0].fields] == ["data.new"]


def test_values_that_only_a_deployment_knows_are_not_compared() -> None:
    wanted = made("ConfigMap", "c", data={"host": "http://${cluster.endpoint}/", "a": "1"})
    cluster = Cluster(live(made("ConfigMap", "c", data={"host": "http://10.0.0.1/", "a": "2"})))
    base, head = live_and_planned(planned(wanted), cluster)  # type: ignore[arg-type]
    assert [one.path for one in diff(base, head).changes[0].fields] == ["data.a"]
    assert base.notes == ("ConfigMap a/c: has values that only a deployment knows, which are not compared",)


def test_charts_and_cloud_resources_are_counted_as_not_looked_at() -> None:
    snapshot = planned(made("ConfigMap", "c"))
    chart = Resource("Release x", "kubernetes:helm.sh/v3:Release", "Release", "", "x", "C/c", (), "r", {})
    pool = Resource("NodePool x", "gcp:container/nodePool:NodePool", "NodePool", "", "x", "C/c", (), "r", {})
    base, head = live_and_planned(Snapshot("local", (*snapshot.resources, chart, pool)), Cluster())  # type: ignore[arg-type]
    assert [one.key for one in head.resources] == ["ConfigMap c"]
    assert base.notes == ("2 charts and cloud resources were not looked at: pulumi preview --refresh compares them",)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(401, {"message": "Unauthorized"}), "the cluster refuses: Unauthorized; log in to it first"),
        (Answer(502, {"message": "dial tcp: refused"}), "the cluster does not answer: dial tcp: refused"),
    ],
)
def test_a_cluster_that_lets_nobody_in_is_told(answer: Answer, words: str) -> None:
    cluster = Cluster()
    cluster.refusals["/version"] = [answer]
    with pytest.raises(UsageError) as refused:
        live_and_planned(planned(), cluster)  # type: ignore[arg-type]
    assert str(refused.value) == words


def kubectl(folder: Path, program: str) -> None:
    """A kubectl for PATH."""
    path = folder / "bin/kubectl"
    path.parent.mkdir()
    path.write_text(f"#!{sys.executable}\n{program}")
    path.chmod(0o755)


def said(name: str = ".", *environments: str) -> str:
    with pytest.raises(UsageError) as refused:
        compare_cluster(name, environments, HOW)
    return str(refused.value)


def test_without_kubectl_it_says_where_to_get_it(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repo.folder))
    assert said().startswith(
        "local: --live needs kubectl, and it is not on PATH: https://kubernetes.io/docs/tasks/tools/"
    )


def test_a_kubeconfig_that_cannot_be_used_is_told_in_kubectls_words(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl(repo.folder, "import sys\nsys.exit('error: context \"x\" does not exist')\n")
    monkeypatch.setenv("PATH", f"{repo.folder}/bin")
    assert said() == (
        'local: kubectl cannot use the kubeconfig: context "x" does not exist; '
        "start it, or name another in cluster.path"
    )


SERVER = """
import http.server, json, os, socketserver, sys
path = next(a for a in sys.argv if a.startswith("--unix-socket=")).partition("=")[2]
mode = oct(os.stat(os.path.dirname(path)).st_mode)
open(os.path.dirname(__file__) + "/asked", "w").write("\\n".join([*sys.argv[1:], mode]))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"message": "You must\\nlog in"}).encode()
        self.send_response(401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass
    def address_string(self): return ""
class Server(socketserver.UnixStreamServer):
    def get_request(self):
        request, _ = super().get_request()
        return request, ("", 0)
Server(path, Handler).serve_forever()
"""


def test_kubectl_serves_this_user_only_and_lets_nothing_through_that_writes(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kubectl(repo.folder, SERVER)
    config = tmp_path / "config"
    config.write_text("")
    repo.stack("local", LOCAL.replace("kind: kubeconfig", f"kind: kubeconfig\n    path: {config}\n    context: mine"))
    monkeypatch.setenv("PATH", f"{repo.folder}/bin")
    assert said() == (
        "local: the cluster refuses: You must log in; log in to it first; start it, or name another in cluster.path"
    )
    asked = (repo.folder / "bin/asked").read_text()
    assert f"--kubeconfig={config}\n--context=mine\n" in asked
    assert "--reject-methods=^(POST|PUT|DELETE|OPTIONS|HEAD)$\n" in asked
    assert asked.endswith("0o40700")
    folder = Path(next(line for line in asked.splitlines() if "unix-socket" in line).partition("=")[2]).parent
    assert not folder.exists()


def test_a_proxy_is_waited_for_until_it_listens(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket is there before that."""
    late = """
import time
server = Server(path, Handler, bind_and_activate=False)
server.server_bind()
time.sleep(0.5)
server.server_activate()
server.serve_forever()
"""
    kubectl(repo.folder, SERVER.replace("Server(path, Handler).serve_forever()\n", late))
    monkeypatch.setenv("PATH", f"{repo.folder}/bin")
    assert "the cluster refuses: You must log in" in said()


def test_a_proxy_that_does_not_come_up_is_ended(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    kubectl(repo.folder, "import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PATH", f"{repo.folder}/bin")
    monkeypatch.setattr(kubectl_proxy, "_START_SECONDS", 0.2)
    assert "kubectl cannot use the kubeconfig: it says nothing" in said()


def test_a_gke_cluster_is_looked_for_under_gclouds_name(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    kubectl(repo.folder, "import sys\nsys.exit(' '.join(sys.argv))\n")
    monkeypatch.setenv("PATH", f"{repo.folder}/bin")
    repo.stack("dev", (Path(__file__).parents[4] / "stacks/Pulumi.dev.yaml").read_text())
    words = said(".", "dev")
    assert "--context=gke_example-project_us-central1_inference-dev" in words
    assert "--kubeconfig" not in words
    assert words.endswith(
        "gcloud container clusters get-credentials inference-dev --location us-central1 "
        "--project example-project adds it"
    )


def test_a_rendered_folder_does_not_say_where_its_cluster_is(repo: Repo) -> None:
    (repo.folder / "out/kubernetes").mkdir(parents=True)
    assert said("out") == "out is a rendered folder, which does not say where its cluster is; give a revision"


def test_answers_are_read_whatever_they_are() -> None:
    assert Answer(500, {}).message == "HTTP 500"
    assert json.dumps(Answer(404, {"message": " a\n b "}).message) == '"a b"'
