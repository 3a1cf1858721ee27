"""The benchmark's fleets are what it says they are."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from infra.plan.environments import Loaded, load
from infra.plan.overview import models
from tools import bench

MODELS = 30


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    path = tmp_path_factory.mktemp("fleet") / "Pulumi.fleet.yaml"
    path.write_text("".join(bench.fleet(MODELS)))
    return load(path, None)


def test_every_model_of_a_fleet_has_every_object_of_a_model_server(fleet: Loaded) -> None:
    kinds = {tuple(sorted(item.kind for item in part.items)) for part in models(fleet.plan)}

    assert kinds == {
        (
            "Deployment", "ExternalSecret", "HorizontalPodAutoscaler", "NetworkPolicy", "PersistentVolumeClaim",
            "PodDisruptionBudget", "PodMonitor", "Service", "ServiceAccount",
        )
    }  # fmt: skip
    assert sum(1 for _ in models(fleet.plan)) == MODELS


def test_engines_are_mixed_and_no_two_models_are_alike(fleet: Loaded) -> None:
    settings = fleet.environment.models.values()

    assert set(Counter(model.engine.kind for model in settings).values()) == {MODELS // 2}
    assert len({model.model_dump_json(exclude={"model", "revision", "env", "labels"}) for model in settings}) == MODELS


def test_a_fleet_is_proved_and_its_row_has_what_the_file_promises(tmp_path: Path) -> None:
    row = bench.measure(3, tmp_path)

    assert row.models == 3
    assert row.objects == 3 * 9 + len({"the namespace", "its network policy"})
    tree = [path for path in (tmp_path / "tree").rglob("*") if path.is_file()]
    assert row.bytes == sum(path.stat().st_size for path in tree)
    assert row.seconds == pytest.approx(
        row.load_seconds + row.plan_seconds + row.prove_seconds + row.render_seconds, abs=1e-3
    )


def test_the_rows_are_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "new" / "bench.json"

    assert bench.main(["--size", "1", "--size", "2", "--output", str(output)]) == 0

    rows = json.loads(output.read_text())
    assert [row["models"] for row in rows] == [1, 2]
    assert set(rows[0]) == {
        "models", "objects", "bytes", "load_seconds", "plan_seconds", "prove_seconds", "render_seconds", "peak_mb",
    }  # fmt: skip
    assert "infra check of all environments, cold" in capsys.readouterr().out
