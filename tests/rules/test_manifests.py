"""Who takes manifests apart: kinds/ alone, beside the builders that write them and what walks any tree of fields."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("components", "infra", "tools")
FIELDS = frozenset({
    "spec", "template", "containers", "initContainers", "scaleTargetRef", "jobTemplate", "leaderWorkerTemplate",
    "securityContext", "nodeSelector", "tolerations", "volumeClaimTemplates", "accessModes", "matchLabels",
    "matchExpressions", "backendRefs", "parentRefs", "podSelector", "metadata", "annotations", "volumes", "subjects",
    "allowedTopologies", "replicas", "minReplicas", "maxReplicas", "volumeMounts", "env", "ports",
})  # fmt: skip
"""Fields that only Kubernetes' manifests have."""
WALKERS = {"inside"}
"""Functions that are handed the names of fields to go down by."""
LET = {
    "components/kinds": "reads them, alone",
    "components/core/plan.py": "an item knows its own name and namespace, before anybody reads it",
    "components/serving/leader_worker_set.py": "makes the leader and the workers of the pod that was built for it",
    "infra/diff/changes/compare.py": "walks any two trees, and asks whether one comes from a cluster",
    "infra/diff/snapshots": "tells which object a file or a cluster's answer is about",
    "infra/diff/pulumi_preview.py": "tells which object a step of a preview is about",
}
"""Files and folders that may, each with why."""


def offences(path: Path) -> Iterator[str]:
    """Where a file reads a field that only manifests have."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[ast.expr] = []
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            names = [node.slice]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            names = node.args[:1]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in WALKERS:
            names = node.args[1:]
        for name in names:
            if isinstance(name, ast.Constant) and name.value in FIELDS:
                yield f"{path.relative_to(ROOT).as_posix()}:{name.lineno} reads {name.value!r}"


def files() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def is_let(name: str) -> bool:
    return any(name == allowed or name.startswith(f"{allowed}/") for allowed in LET)


def test_only_kinds_takes_manifests_apart() -> None:
    found = [text for path in files() if not is_let(path.relative_to(ROOT).as_posix()) for text in offences(path)]
    assert "\n".join(found) == "", "read what components/kinds/ says of it, and add there what it does not say yet"


@pytest.mark.parametrize("name", LET)
def test_nobody_is_let_who_does_not_do_it(name: str) -> None:
    path = ROOT / name
    assert any(any(offences(file)) for file in ([path] if path.is_file() else path.rglob("*.py")))
