"""A control plane for all tests in this folder, one environment after the other in it, and the sum at the end."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from components.core.plan import Item

from .api import Answer, Api, ApiError
from .binaries import MissingToolError
from .cluster import Cluster, run_folder
from .deploy import apply_object, nodes_of, stand_ins, surroundings, wipe
from .environments import Loaded, label, loaded, manifests, stack_files

HERE = Path(__file__).parent
JUDGED: Counter[str] = Counter()
"""What the run has judged, for its last lines. Tests add to it."""
_FIRST = ("environments", "objects", "random environments")
"""What every run says first, 0 included."""


@dataclass(slots=True)
class Deployed:
    """An environment in the cluster, with what the API server said to each of its objects.

    Attributes:
        loaded: the environment.
        accepted: every object the server took.
        refused: every object it refused, with its words.
        unserved: objects of kinds whose definition could not be had here.
    """

    loaded: Loaded
    accepted: list[tuple[Item, dict[str, Any], Answer]] = field(default_factory=list)
    refused: list[tuple[Item, ApiError]] = field(default_factory=list)
    unserved: list[Item] = field(default_factory=list)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """These tests build and start a control plane: they run when asked for by path, as `make e2e` does."""
    asked = [Path(str(argument).partition("::")[0]).resolve() for argument in config.args]
    if any(path == HERE or HERE in path.parents for path in asked):
        return None
    return True if HERE in collection_path.parents or collection_path == HERE else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was judged, environments and objects first, and whether anything disagreed with what is proved."""
    if not JUDGED:
        return
    for what in [*_FIRST, *(what for what in JUDGED if what not in _FIRST)]:
        terminalreporter.write_line(f"judged by the control plane: {JUDGED[what]} {what}")
    failed = sum(len(terminalreporter.stats.get(outcome, ())) for outcome in ("failed", "error"))
    terminalreporter.write_line(f"disagreements: {failed or 'none'}{', the failures above' if failed else ''}")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A control plane of this run; or, at `INFERENCE_CLUSTER`, the folder of one that `make cluster` started."""
    if given := os.environ.get("INFERENCE_CLUSTER"):
        running = Cluster(Path(given))
        wipe(running.api)
        yield running
        return
    made = Cluster(run_folder() / f"e2e-{os.getpid()}")
    # A SIGTERM would end Python at once; as an exception it ends the fixtures, and so the programs.
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated"))
    try:
        made.start(owned=True)
        yield made
    except MissingToolError as error:
        pytest.fail(str(error), pytrace=False)
    finally:
        made.stop()
        signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def api(cluster: Cluster) -> Api:
    """An administrator's client."""
    return cluster.api


@pytest.fixture(scope="session", params=stack_files(), ids=label)
def deployed(request: pytest.FixtureRequest, api: Api) -> Iterator[Deployed]:
    """An environment with the nodes its pools can grow to; every object applied in the plan's order."""
    environment = loaded(request.param)
    found = Deployed(environment)
    surroundings(api, environment.plan)
    nodes_of(api, environment)
    for item, wanted in manifests(environment.plan):
        if not api.serves(wanted["apiVersion"], wanted["kind"]):
            found.unserved.append(item)
            for controller in stand_ins(wanted):
                api.apply(controller)
            continue
        try:
            found.accepted.append((item, wanted, apply_object(api, environment.plan, wanted)))
        except ApiError as error:
            found.refused.append((item, error))
    JUDGED["environments"] += 1
    JUDGED["objects"] += len(found.accepted) + len(found.refused)
    yield found
    wipe(api)


@pytest.fixture
def empty(api: Api) -> Iterator[Api]:
    """A cluster with nothing in it, for tests that bring their own environment."""
    wipe(api)
    yield api
    wipe(api)
