"""Blue, green and back, while every state of the Service's endpoints is looked at."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.rollout.blue_green import BlueGreenRollout
from infra.render.render import render

from .api import Api, until
from .cluster import Cluster
from .conftest import JUDGED
from .deploy import apply_plan, await_rollout, is_rolled_out, nodes_of, ready_endpoints, surroundings
from .environments import Loaded, loaded, stack_files
from .place import REPOSITORY
from .watcher import EndpointWatch

COLORS = ("blue", "green")


def _blue_green() -> tuple[Loaded, str]:
    """The first blue-green model of the environments that are judged, or one of ours."""
    own = REPOSITORY / "tests" / "stacks" / "ok" / "Pulumi.everything.yaml"
    for path in (*stack_files(), own):
        for name, model in loaded(path).environment.models.items():
            if isinstance(model.rollout, BlueGreenRollout):
                return loaded(path).only(name), name
    raise LookupError("no environment has a blue-green model")


START, MODEL = _blue_green()
SPACE = START.environment.models[MODEL].namespace
REPLICAS = START.environment.models[MODEL].replicas
NEW_VERSION = {"env": {"SETTING": "new"}}
WRITES = [f"Deployment/{MODEL}-green", f"Service/{MODEL}", f"Deployment/{MODEL}-blue"]
"""What a switch to green changes, in the plan's order."""


def _deployment(color: str) -> dict[str, Any]:
    metadata = {"name": f"{MODEL}-{color}", "namespace": SPACE}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}


def _watch(api: Api) -> EndpointWatch:
    return EndpointWatch(api, SPACE, MODEL)


def _serving(api: Api) -> set[str]:
    return ready_endpoints(api, {"metadata": {"name": MODEL, "namespace": SPACE}})


def _is_whole(api: Api, color: str) -> bool:
    """Whether all pods of a colour, and nothing else, serve."""
    serving = _serving(api)
    ours = {name for name in serving if name.startswith(f"{MODEL}-{color}-")}
    return is_rolled_out(api.find(_deployment(color))) and serving == ours and len(ours) == REPLICAS


def _until_whole(api: Api, color: str) -> None:
    until(f"{color} to serve whole", lambda: _is_whole(api, color), 60, lambda: _serving(api))


def _until_settled(api: Api) -> None:
    for color in COLORS:
        await_rollout(api, _deployment(color))


@pytest.fixture
def blue(empty: Api) -> tuple[Api, Loaded]:
    """The shipped blue-green model alone in its cluster, blue active, both colours ready."""
    start = START.with_active(MODEL, "blue")
    nodes_of(empty, start)
    apply_plan(empty, start.plan, wait=True)
    _until_settled(empty)
    _until_whole(empty, "blue")
    return empty, start


def test_a_switch_there_and_back_is_three_writes_and_always_has_ready_endpoints(blue: tuple[Api, Loaded]) -> None:
    api, start = blue
    with _watch(api) as watch:
        assert apply_plan(api, start.with_active(MODEL, "green").plan, wait=True) == WRITES
        _until_whole(api, "green")
        assert apply_plan(api, start.plan, wait=True) == WRITES[::-1]
        _until_whole(api, "blue")
    assert watch.fewest >= REPLICAS
    JUDGED["blue-green switches with ready endpoints at every moment"] += 2


@pytest.mark.parametrize("variant", [{}, NEW_VERSION], ids=["same-version", "new-version"])
def test_a_switch_interrupted_at_any_write_leaves_a_whole_colour_serving(
    blue: tuple[Api, Loaded], variant: dict[str, Any]
) -> None:
    api, start = blue
    there = start.with_active(MODEL, "green", **variant)
    for here, end, color in ((start, there, "green"), (there, start, "blue")):
        other = COLORS[color == "blue"]
        for writes in range(len(WRITES) + 1):
            apply_plan(api, here.plan, wait=True)
            _until_settled(api)
            with _watch(api) as watch:
                assert len(apply_plan(api, end.plan, wait=True, writes=writes)) == writes
                _until_settled(api)
                moved = writes > WRITES.index(f"Service/{MODEL}")
                _until_whole(api, color if moved else other)
                apply_plan(api, end.plan, wait=True)
                _until_settled(api)
                _until_whole(api, color)
            assert watch.fewest >= REPLICAS
            JUDGED["interrupted switches with a whole colour serving"] += 1


class Trees:
    """The rendered trees of two colours, and kubectl to apply them with."""

    def __init__(self, cluster: Cluster, start: Loaded, folder: Path) -> None:
        self._environment = {
            **os.environ,
            "KUBECONFIG": str(cluster.kubeconfig),
            "PATH": f"{folder / 'bin'}:{cluster.programs}:{os.environ['PATH']}",
            "HOME": str(folder),
        }
        for color in COLORS:
            render(start.with_active(MODEL, color).plan, folder / color)
        self._folder = folder
        # The charts bring what the cluster here has already: definitions and namespaces.
        helm = folder / "bin" / "helm"
        helm.parent.mkdir()
        helm.write_text("#!/bin/sh\nexit 0\n")
        helm.chmod(0o755)

    def apply_stages(self, color: str) -> None:
        """Stage by stage, as the tree itself says."""
        self._run(color, "sh", "-e", "stages.txt")

    def apply_at_once(self, color: str) -> None:
        """All files in one go."""
        self._run(color, "kubectl", "apply", "-k", ".")

    def _run(self, color: str, *command: str) -> None:
        done = subprocess.run(
            command,
            cwd=self._folder / color / "kubernetes",
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def trees(empty: Api, cluster: Cluster, tmp_path: Path) -> Trees:
    """Rendered trees, the blue one applied."""
    surroundings(empty, START.plan)
    nodes_of(empty, START)
    made = Trees(cluster, START, tmp_path)
    made.apply_stages("blue")
    _until_settled(empty)
    _until_whole(empty, "blue")
    return made


def _make_cold(api: Api, color: str) -> None:
    api.delete(_deployment(color), propagationPolicy="Foreground")
    until(f"{color} to be gone", lambda: api.find(_deployment(color)) is None)


def test_a_tree_applied_stage_by_stage_always_has_ready_endpoints_even_when_the_target_is_cold(
    trees: Trees, api: Api
) -> None:
    with _watch(api) as watch:
        trees.apply_stages("green")
        _until_whole(api, "green")
        _make_cold(api, "blue")
        trees.apply_stages("blue")
        _until_whole(api, "blue")
    assert watch.fewest >= REPLICAS


def test_a_tree_applied_at_once_has_ready_endpoints_when_the_target_was_ready(trees: Trees, api: Api) -> None:
    with _watch(api) as watch:
        trees.apply_at_once("green")
        _until_whole(api, "green")
        trees.apply_at_once("blue")
        _until_whole(api, "blue")
    assert watch.fewest >= REPLICAS


def test_a_cold_switch_at_once_leaves_the_service_without_ready_endpoints(trees: Trees, api: Api) -> None:
    _make_cold(api, "green")
    with _watch(api) as watch:
        trees.apply_at_once("green")
        _until_whole(api, "green")
    assert watch.fewest == 0
