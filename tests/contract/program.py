"""The real program, run as the engine runs it: infra/ as a folder, and a stack's configuration as it hands it over."""

from __future__ import annotations

import json
import os
import runpy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import infra.preflight
from infra.stack.project import load_project
from infra.stack.stackfile import NAMESPACE, load_stack

from .recorder import Recorder

ROOT = Path(__file__).resolve().parents[2]
STACKS = {
    **{path.name.split(".")[1]: path for path in sorted((ROOT / "stacks").glob("Pulumi.*.yaml"))},
    "everything": ROOT / "tests" / "stacks" / "ok" / "Pulumi.everything.yaml",
    "loading": ROOT / "tests" / "stacks" / "ok" / "loading.yaml",
}
"""The shipped environments, and two with what they do not use."""
SHIPPED = [name for name, path in STACKS.items() if path.parent == ROOT / "stacks"]
ENDPOINT, CERTIFICATE = "203.0.113.7", "Y2VydGlmaWNhdGU="
COMPUTED = {
    "gcp:container/cluster:Cluster": {"endpoint": ENDPOINT, "masterAuth": {"clusterCaCertificate": CERTIFICATE}}
}
"""What Google fills in when a cluster is made."""
ANSWERS: Mapping[str, Any] = {
    "gcp:container/getCluster:getCluster": {
        "endpoint": ENDPOINT,
        "masterAuths": [{"clusterCaCertificate": CERTIFICATE}],
    }
}
"""What Google says about a cluster that is there."""


def secret_value(key: str) -> str:
    """What a secret of the stack holds in these tests; must never be seen in plain text."""
    return f"value-of-{key}"


def handed_over(values: Mapping[str, Any], secrets: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Configuration as the engine puts it, mappings and lists as JSON text, and the names of what is secret."""
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    config = {f"{NAMESPACE}:{key}": text for key, text in (texts | dict(secrets)).items()}
    return config, tuple(f"{NAMESPACE}:{key}" for key in secrets)


def recorder_for(path: Path, *, preview: bool, answers: Mapping[str, Any] = ANSWERS) -> Recorder:
    """An engine with a stack selected."""
    stack = load_stack(path, load_project(ROOT))
    config, secret_keys = handed_over(stack.values, {key: secret_value(key) for key in stack.secrets})
    return Recorder(stack.environment, config, secret_keys, preview, COMPUTED, answers)


def up(recorder: Recorder, *, missing: Sequence[str] | None = ()) -> Recorder:
    """Run infra/ in its own folder.

    Args:
        recorder: the engine.
        missing: what preflight finds, without looking; `None` lets it look.

    Raises:
        pulumi.RunError: what the program wants a person to fix.
    """
    with pytest.MonkeyPatch.context() as patch:
        if missing is not None:
            patch.setattr(infra.preflight, "missing", lambda *arguments: iter(missing))
            patch.setenv("KUBECONFIG", "~/.kube/config")
        patch.chdir(ROOT / "infra")
        return recorder.run(lambda: runpy.run_path(os.fspath(ROOT / "infra"), run_name="__main__"))
