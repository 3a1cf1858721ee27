"""The control plane for people: `start [ENV]` leaves one running, `stop` ends it, `crds` fetches definitions."""

from __future__ import annotations

import sys

from .binaries import MissingToolError
from .cluster import Cluster, is_running, run_folder
from .crds import fetch
from .deploy import nodes_of, surroundings
from .environments import shipped
from .place import say

FOLDER = run_folder() / "cluster"


def start(environment: str | None) -> int:
    """Start one control plane with the nodes of an environment, `local` when none is named, and leave it running."""
    cluster = Cluster(FOLDER)
    if is_running(FOLDER):
        say("one is running already")
    else:
        cluster.stop()
        cluster.start(owned=False)
        loaded = shipped(environment or "local")
        surroundings(cluster.api, loaded.plan)
        nodes_of(cluster.api, loaded)
        for reason in cluster.missing.values():
            say(reason)
    print(f"export KUBECONFIG={cluster.kubeconfig}")  # noqa: T201 - the result, for a shell to evaluate
    print(f'export PATH="{cluster.programs}:$PATH"  # has kubectl')  # noqa: T201
    print("# make cluster-stop ends it")  # noqa: T201
    return 0


def stop() -> int:
    """Stop it."""
    say("stopped" if is_running(FOLDER) else "none was running")
    Cluster(FOLDER).stop()
    return 0


def main(arguments: list[str]) -> int:
    """Run one command; 2 for a wrong one."""
    try:
        match arguments:
            case ["start", *rest] if len(rest) <= 1:
                return start(rest[0] if rest else None)
            case ["stop"]:
                return stop()
            case ["crds"]:
                problems = list(fetch())
                for line in problems or ["every definition is here"]:
                    say(line)
                return 1 if problems else 0
    except MissingToolError as error:
        say(str(error))
        return 1
    say("give one of: start [ENV], stop, crds")
    return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
