"""What is read of pods: what they ask for, what they may do, how they stop."""

from __future__ import annotations

from typing import Any

from components.core.plan import GPU
from components.kinds.pod import pod_template


def test_a_limit_stands_for_a_missing_request() -> None:
    spec = {
        "containers": [{"name": "a", "resources": {"limits": {"cpu": "500m", GPU: 2}, "requests": {"cpu": "100m"}}}]
    }
    assert pod_template({"spec": spec}).asked == {"cpu": 100, GPU: 2000}


def test_init_containers_run_before_and_sidecars_beside_the_others() -> None:
    def asking(name: str, cpu: int, **fields: Any) -> dict[str, Any]:
        return {"name": name, "resources": {"requests": {"cpu": cpu}}, **fields}

    spec = {
        "containers": [asking("a", 2), asking("b", 1)],
        "initContainers": [asking("proxy", 1, restartPolicy="Always"), asking("download", 6)],
        "overhead": {"cpu": "250m"},
    }
    assert pod_template({"spec": spec}).asked == {"cpu": 7250}  # the proxy and the download together, plus the overhead
    spec["initContainers"] = spec["initContainers"][:1]  # type: ignore[index]
    assert pod_template({"spec": spec}).asked == {"cpu": 4250}
