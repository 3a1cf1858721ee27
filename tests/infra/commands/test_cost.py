"""`infra cost` and `infra prices`: tables for people, JSON for machines, exit codes, and prices of one's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from infra import cli
from infra.commands.cost_report import WIDTH

ROOT = Path(__file__).resolve().parents[3]
ROW = {
    "kind": "disk",
    "name": "filestore-zonal",
    "provisioning": "",
    "region": "us-central1",
    "unit": "GiB-month",
    "usd": 0.3,
    "as_of": "2026-11-01",
    "source": "invoice of October",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("Pulumi.yaml", "stacks"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    (tmp_path / "stacks/prices.tsv").unlink(missing_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(list(arguments))
    told = capsys.readouterr()
    return code, told.out, told.err


def costs(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    code, out, _ = run(capsys, "cost", *arguments, "--format", "json")
    assert code == 0
    found: list[dict[str, Any]] = json.loads(out)["environments"]
    return found


def own_price(folder: Path, **changes: Any) -> str:
    path = folder / "ours.json"
    path.write_text(json.dumps([ROW | changes]), encoding="utf-8")
    return str(path)


@pytest.mark.usefixtures("project")
def test_every_environment_is_told_within_100_columns_with_date_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "cost", "--managed")
    assert (code, err) == (0, "")
    assert all(len(line) <= WIDTH for line in out.splitlines())
    for word in ("dev, us-central1", "not a quote", "each model's part of the total", "Cyclenerd", "730 hours",
                 "managed is cheaper", "least: the fewest replicas"):  # fmt: skip
        assert word in out


def test_the_table_breaks_no_word_and_says_what_has_no_price(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack = project / "stacks/Pulumi.prod.yaml"
    stack.write_text(stack.read_text(encoding="utf-8").replace("zonal-rwx", "ceph-rwx"), encoding="utf-8")
    _, out, _ = run(capsys, "cost", "prod")
    told = [line.strip() for line in out.splitlines()]
    (prod,) = costs(capsys, "prod")
    assert {line["at"] for line in prod["lines"]} <= set(told)
    assert any(line.startswith("total ") and line.endswith("+ ?") for line in told)
    assert any(line.startswith("? models.arr-coc-vlm: ") for line in told)
    assert "A pod that fits several pools is in each of their lines, and once in the total." in told


@pytest.mark.usefixtures("project")
def test_machines_get_lines_models_and_totals(capsys: pytest.CaptureFixture[str]) -> None:
    (dev,) = costs(capsys, "dev")
    assert dev["environment"] == "dev"
    assert dev["unknown"] == []
    assert dev["total"]["max_usd"] == pytest.approx(sum(line["max_usd"] for line in dev["lines"]), abs=1e-3)
    assert " ".join(dev["lines"][0]) == (
        "at what provisioning kind quantity unit usd_per_unit min_usd expected_usd max_usd unknown as_of source"
    )
    assert [model["at"] for model in dev["models"]] == ["models.qwen"]


def test_a_price_of_ones_own_holds_instead_of_the_catalogs(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (before,) = costs(capsys, "prod")
    (once,) = costs(capsys, "prod", "--prices", own_price(project))
    assert once["total"]["max_usd"] == pytest.approx(before["total"]["max_usd"] + 1024 * (0.3 - 0.25), abs=1e-3)
    code, out, _ = run(capsys, "prices", "update", "--from", own_price(project))
    assert (code, out) == (0, "1 price read, 1 new or changed; 1 in stacks/prices.tsv\n")
    (kept,) = costs(capsys, "prod")
    assert kept["total"] == once["total"]
    assert run(capsys, "prices", "filestore-zonal")[1].count("filestore-zonal") == 1


def test_figures_as_wide_as_the_table_are_told_all_the_same(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "cost", "prod", "--prices", own_price(project, usd=1_000_000))
    assert code == 0
    assert "total" in out


def test_an_update_adds_to_the_table_and_replaces_what_it_names(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "prices", "update", "--from", own_price(project))
    run(capsys, "prices", "update", "--from", own_price(project, region="europe-west4"))
    code, out, _ = run(capsys, "prices", "update", "--from", own_price(project, usd=0.4))
    assert (code, out) == (0, "1 price read, 1 new or changed; 2 in stacks/prices.tsv\n")
    code, out, _ = run(capsys, "prices", "filestore-zonal", "--format", "json")
    assert sorted(row["usd"] for row in json.loads(out)) == [0.3, 0.4]


def test_a_wrong_table_changes_nothing_and_exits_with_2(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "prices", "update", "--from", own_price(project, usd="cheap", unit="hour"))
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 2
    assert "ours.json:1: usd: got" in err
    assert not (project / "stacks/prices.tsv").exists()


def test_a_broken_table_beside_the_stacks_stops_every_command(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "stacks/prices.tsv").write_text("kind\n", encoding="utf-8")
    for command in (["cost"], ["check"], ["prices"]):
        code, _, err = run(capsys, *command)
        assert code == 2
        assert "stacks/prices.tsv:1: there is no column name" in err


def test_the_teams_prices_hold_for_its_budget(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack = project / "stacks/Pulumi.prod.yaml"
    stack.write_text(
        stack.read_text(encoding="utf-8") + "\n  inference:policy:\n    budget: {monthly_usd: 70000}\n",
        encoding="utf-8",
    )
    text = stack.read_text(encoding="utf-8")
    stack.write_text(text.replace("zonal-rwx", "ceph-rwx"), encoding="utf-8")
    assert "[budget-unknown] warning" in run(capsys, "check", "prod", "--format", "short")[1]
    stack.write_text(text, encoding="utf-8")
    assert "budget" not in run(capsys, "check", "prod", "--format", "short")[1]
    run(capsys, "prices", "update", "--from", own_price(project, usd=30))
    code, out, _ = run(capsys, "check", "prod", "--format", "short")
    assert code == 1
    assert "[over-budget] error" in out


def test_a_stack_file_elsewhere_is_priced(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "cost", "--stack", str(project / "stacks/Pulumi.dev.yaml"))
    assert code == 0
    assert "node_pools.t4-spot" in out


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["cost", "dve"], "did you mean dev"),
        (["cost", "dev", "--stack", "x.yaml"], "not both"),
        (["cost", "--prices", "nowhere.tsv"], "nowhere.tsv"),
        (["prices", "update"], "--from FILE"),
        (["prices", "--from", "x.tsv"], "infra prices update"),
        (["prices", "update", "now", "--from", "x.tsv"], "--from FILE"),
    ],
)
def test_a_wrong_question_exits_with_2(capsys: pytest.CaptureFixture[str], arguments: list[str], told: str) -> None:
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert told in err


@pytest.mark.usefixtures("project")
def test_a_search_finds_prices_by_what_they_are_of_and_by_the_gpus_of_machines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = run(capsys, "prices", "L4", "spot", "europe-west4")
    assert code == 0
    assert "g2-standard-12" in out
    assert "us-central1" not in out
    assert "2026-08-20" in out
    assert run(capsys, "prices", "z9")[0] == 1


@pytest.mark.usefixtures("project")
def test_an_unreadable_environment_does_not_hide_the_others(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "stacks/Pulumi.dev.yaml").write_text("config: [", encoding="utf-8")
    code, out, err = run(capsys, "cost")
    assert code == 2
    assert "Pulumi.dev.yaml" in err
    assert "prod, us-central1" in out
