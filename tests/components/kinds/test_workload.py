"""Controllers of pods of every kind: how many, of what, and how they are exchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.kinds.names import CONTROLLERS
from components.kinds.workload import Exchange, UpdateStep, controller
from components.reading.index import Index
from infra.plan.environments import load
from tests.rendered import ENVIRONMENTS, ROOT

TEMPLATE = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "server", "image": "a:1"}]}}
GROUP = {"size": 3, "workerTemplate": TEMPLATE}


@pytest.mark.parametrize(
    ("kind", "spec", "bounds", "roles"),
    [
        ("Deployment", {"template": TEMPLATE}, (1, 1, 1), [""]),
        ("Deployment", {"replicas": 0, "template": TEMPLATE}, (0, 0, 1), [""]),
        ("StatefulSet", {"replicas": 3, "template": TEMPLATE}, (3, 3, 1), [""]),
        ("LeaderWorkerSet", {"replicas": 2, "leaderWorkerTemplate": GROUP}, (2, 2, 3), ["leader", "worker"]),
        ("DaemonSet", {"template": TEMPLATE}, (0, 0, 1), [""]),
        ("Job", {"template": TEMPLATE}, (1, 1, 1), [""]),
        ("Job", {"parallelism": 4, "template": TEMPLATE}, (4, 4, 1), [""]),
        ("CronJob", {"jobTemplate": {"spec": {"template": TEMPLATE}}}, (0, 1, 1), [""]),
        ("Deployment", {"replicas": None, "template": None}, (1, 1, 1), []),
        ("Deployment", {"replicas": -2, "template": {"metadata": {}}}, (0, 0, 1), []),
        ("LeaderWorkerSet", {"leaderWorkerTemplate": {"size": 0}}, (1, 1, 1), []),
    ],
)  # fmt: skip
def test_what_a_controller_says_is_how_many_pods_of_which_templates(
    kind: str, spec: Any, bounds: tuple[int, int, int], roles: list[str]
) -> None:
    says = controller(kind, {"spec": spec})
    assert says is not None
    assert (says.least, says.most, says.span) == bounds
    assert [role for role, _ in says.templates] == roles


def test_every_kind_of_controller_is_in_the_table_above() -> None:
    assert all(controller(kind, {}) is not None for kind in CONTROLLERS)
    assert controller("Service", {"spec": {"template": TEMPLATE}}) is None


def test_a_leader_without_a_template_of_its_own_has_the_workers() -> None:
    own = {"spec": {"containers": [{"name": "leader"}]}}
    says = controller("LeaderWorkerSet", {"spec": {"leaderWorkerTemplate": GROUP | {"leaderTemplate": own}}})
    same = controller("LeaderWorkerSet", {"spec": {"leaderWorkerTemplate": GROUP}})
    assert says is not None
    assert same is not None
    assert [template.containers[0].name for _, template in says.templates] == ["leader", "server"]
    assert [template.containers[0].name for _, template in same.templates] == ["server", "server"]


@pytest.mark.parametrize(
    ("kind", "spec", "replicas", "step"),
    [
        ("Deployment", {}, 1, UpdateStep(1, 0)),
        ("Deployment", {}, 8, UpdateStep(2, 2)),
        ("Deployment", {"strategy": {"type": "Recreate"}}, 3, UpdateStep(0, 3)),
        ("Deployment", {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}, 3, UpdateStep(0, 1)),
        ("Deployment", {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "1%"}}}, 3, UpdateStep(0, 1)),
        ("Deployment", {"strategy": {"rollingUpdate": {"maxSurge": "a", "maxUnavailable": []}}}, 3, UpdateStep(0, 1)),
        ("StatefulSet", {}, 3, UpdateStep(0, 1)),
        ("StatefulSet", {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}}, 3, UpdateStep(0, 2)),
        ("LeaderWorkerSet", {}, 3, UpdateStep(0, 1)),
        ("LeaderWorkerSet", {"rolloutStrategy": {"rollingUpdateConfiguration": {"maxSurge": 1}}}, 3, UpdateStep(1, 1)),
    ],
)  # fmt: skip
def test_how_pods_are_exchanged_has_kubernetes_own_defaults(
    kind: str, spec: dict[str, Any], replicas: int, step: UpdateStep
) -> None:
    says = controller(kind, {"spec": spec})
    assert says is not None
    assert says.exchange.step(replicas) == step


def test_a_job_exchanges_nothing_by_surge() -> None:
    says = controller("Job", {})
    assert says is not None
    assert says.exchange == Exchange(recreate=False, surge=0, unavailable=1)


STACKS = [*ENVIRONMENTS.values(), *sorted((ROOT / "tests/stacks/ok").glob("*.yaml"))]


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_what_a_builder_knew_of_a_model_is_what_its_manifests_say(path: Path) -> None:
    plan = load(path, None).plan
    index = Index(plan)
    leading = {(pod.part.key, pod.item.role): pod for pod in index.workloads if pod.role != "worker"}
    for part in plan.parts:
        for track in part.tracks:
            pod = leading[part.key, track.role]
            assert (pod.least, pod.most, pod.span, pod.controller.gpus) == (
                track.fewest,
                track.most,
                track.span,
                track.gpus,
            )
            assert (pod.kind, pod.namespace) == (track.kind, track.namespace)
            assert (pod.containers[0].name, pod.containers[0].image) == (track.container, track.image)
