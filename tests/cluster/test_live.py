"""`infra diff --live` against the control plane: what is as planned differs in nothing, what was changed is told."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from infra.diff.changes.report import EnvironmentDiff
from infra.diff.environment_diff import diff
from infra.diff.snapshots.from_plan import resources_of, snapshot_of
from infra.diff.snapshots.kubectl_proxy import KubectlProxy
from infra.diff.snapshots.live import live_and_planned
from infra.diff.snapshots.snapshot import Snapshot
from infra.plan.environments import UsageError, load
from infra.stack.project import load_project

from .api import Api
from .cluster import Cluster
from .conftest import JUDGED, Deployed
from .deploy import apply_object, surroundings
from .environments import Loaded, manifests, shipped
from .place import REPOSITORY


def snapshot(environment: Loaded) -> Snapshot:
    return Snapshot(environment.plan.environment, tuple(resources_of(environment.plan)))


@pytest.fixture
def proxy(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubectlProxy]:
    monkeypatch.setenv("PATH", str(cluster.programs))
    with KubectlProxy(cluster.kubeconfig, None) as opened:
        yield opened


def told(planned: Snapshot, proxy: KubectlProxy) -> EnvironmentDiff:
    JUDGED["live clusters compared with a plan"] += 1
    return diff(*live_and_planned(planned, proxy))


def test_every_environment_that_was_applied_differs_in_nothing(deployed: Deployed, proxy: KubectlProxy) -> None:
    """Whatever the server fills in, moves, or rounds in any object of any environment is no change."""
    accepted = {item.name for item, _, _ in deployed.accepted}
    planned = snapshot(deployed.loaded)
    known = tuple(
        one
        for (_, item), one in zip(deployed.loaded.plan.items(), planned.resources, strict=True)
        if item.name in accepted
    )
    found = told(replace(planned, resources=known), proxy)
    assert found.changes == ()
    assert [note for note in found.notes if "only a deployment knows" not in note] == []


@pytest.fixture
def local(empty: Api) -> Loaded:
    environment = shipped("local")
    surroundings(empty, environment.plan)
    for _, wanted in manifests(environment.plan):
        apply_object(empty, environment.plan, wanted)
    return environment


def kubectl(cluster: Cluster, *arguments: str) -> None:
    programs = cluster.programs
    subprocess.run(
        [programs / "kubectl", f"--kubeconfig={cluster.kubeconfig}", "--namespace=inference", *arguments],
        check=True,
        capture_output=True,
    )


def test_what_somebody_changed_by_hand_is_told(local: Loaded, cluster: Cluster, proxy: KubectlProxy) -> None:
    planned = snapshot_of(
        load(REPOSITORY / "stacks/Pulumi.local.yaml", load_project(REPOSITORY)), today=date(2026, 11, 21), picture=False
    )
    assert told(planned, proxy).changes == ()

    kubectl(cluster, "scale", "deployment", "qwen", "--replicas=3")
    found = told(planned, proxy)
    (change,) = found.changes
    assert (change.resource, change.action, change.effect) == ("Deployment inference/qwen", "update", "scaled")
    assert [(one.path, one.before, one.after) for one in change.fields] == [("spec.replicas", 3, 1)]
    assert found.notes == (
        (
            "Deployment inference/qwen: others own spec.replicas: pulumi up refuses, unless "
            "PULUMI_K8S_ENABLE_PATCH_FORCE=true takes them over"
        ),
    )

    kubectl(cluster, "scale", "deployment", "qwen", "--replicas=1")
    kubectl(cluster, "delete", "poddisruptionbudget", "qwen")
    (change,) = told(planned, proxy).changes
    assert (change.resource, change.action) == ("PodDisruptionBudget inference/qwen", "create")


def test_nothing_is_changed_by_looking(local: Loaded, empty: Api, cluster: Cluster, proxy: KubectlProxy) -> None:
    kubectl(cluster, "delete", "service", "qwen")
    objects = {wanted["kind"]: wanted for _, wanted in manifests(local.plan)}
    before = _version(empty.find(objects["Deployment"]))
    wanted = local.with_values(models={"qwen": {**_model(local), "replicas": 4}})
    actions = {one.resource: one.action for one in told(snapshot(wanted), proxy).changes}
    assert actions == {"Deployment inference/qwen": "update", "Service inference/qwen": "create"}
    assert _version(empty.find(objects["Deployment"])) == before
    assert empty.find(objects["Service"]) is None


def test_a_plan_that_the_server_refuses_is_told_in_its_words(local: Loaded, proxy: KubectlProxy) -> None:
    planned = snapshot(local)
    resources = []
    for one in planned.resources:
        properties: dict[str, Any] = dict(one.properties)
        if one.kind == "Deployment":
            properties["spec"] = {**properties["spec"], "selector": {"matchLabels": {"other": "label"}}}
        resources.append(replace(one, properties=properties))
    found = told(replace(planned, resources=tuple(resources)), proxy)
    (change,) = found.changes
    assert (change.action, change.effect) == ("replace", "replaced")
    (note,) = found.notes
    assert note.startswith('Deployment inference/qwen: the API server refuses it: Deployment.apps "qwen" is invalid')


def test_a_cluster_where_nobody_answers_is_told(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(cluster.programs))
    config = tmp_path / "kubeconfig"
    text = cluster.kubeconfig.read_text()
    config.write_text(text.replace(cluster.api.server, "https://127.0.0.1:9"))
    with KubectlProxy(config, None) as proxy, pytest.raises(UsageError, match="the cluster does not answer: "):
        live_and_planned(snapshot(shipped("local")), proxy)


def _model(environment: Loaded) -> dict[str, Any]:
    found: dict[str, Any] = environment.environment.model_dump(mode="json", exclude_unset=True)["models"]["qwen"]
    return found


def _version(found: dict[str, Any] | None) -> str:
    assert found
    return str(found["metadata"]["resourceVersion"])
