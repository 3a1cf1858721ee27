"""Price tables of a team's own: read in three forms, every mistake with its line, and written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.catalog.prices import KINDS, UNITS, prices
from components.core.price import PriceRow
from infra.stack.price_file import COLUMNS, PriceFileError, read_prices, write_prices

ROW = {
    "kind": "machine",
    "name": "g2-standard-12",
    "provisioning": "on-demand",
    "region": "us-central1",
    "unit": "hour",
    "usd": "0.9",
    "as_of": "2026-11-01",
    "source": "invoice of October",
}
OURS = PriceRow(**ROW | {"usd": 0.9})  # type: ignore[arg-type]


def separated(by: str, *rows: dict[str, Any]) -> str:
    return "\n".join([by.join(COLUMNS), *(by.join(str(row[column]) for column in COLUMNS) for row in rows)]) + "\n"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.tsv", separated("\t", ROW)),
        ("p.csv", separated(",", ROW)),
        ("p.csv", "\ufeff" + separated(",", ROW).replace("\n", "\r\n")),
        ("p.json", json.dumps([ROW | {"usd": 0.9}])),
        ("p.json", json.dumps([ROW])),
    ],
)
def test_a_table_is_read_in_three_forms(tmp_path: Path, name: str, text: str) -> None:
    assert read_prices(written(tmp_path, name, text)) == (OURS,)


def test_columns_come_in_any_order_and_two_of_them_may_be_left_out(tmp_path: Path) -> None:
    fee = {"usd": 0.1, "unit": "hour", "name": "gke-cluster", "kind": "fee", "source": "a", "as_of": "2026-11-01"}
    (row,) = read_prices(written(tmp_path, "p.json", json.dumps([fee])))
    assert row.key == ("fee", "gke-cluster", "", "")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"usd": "-1"}, "usd: got"),
        ({"usd": "about 1"}, "must be a number of US dollars"),
        ({"usd": "nan"}, "usd: got"),
        ({"usd": "1e999"}, "usd: got"),
        ({"usd": "1000001"}, "0 to 1,000,000"),
        ({"kind": "machin"}, "did you mean machine?"),
        ({"unit": "GiB-month"}, "a machine is sold by the hour"),
        ({"provisioning": "sopt"}, "for a machine write on-demand, spot, flex-start"),
        ({"provisioning": ""}, "got nothing; for a machine write"),
        ({"region": "us-central1-a"}, "must be a region such as us-central1"),
        ({"as_of": "yesterday"}, "must be a day as YYYY-MM-DD"),
        ({"as_of": "20261101"}, "must be a day as YYYY-MM-DD"),
        ({"source": ""}, "source: is empty; write"),
        ({"name": ""}, "name: is empty; write"),
        ({"name": " g2 "}, "without spaces around it"),
        ({"kind": "managed-endpoint", "name": "l4", "provisioning": ""}, "such as gcp/nvidia-l4/x1"),
    ],
)
def test_a_wrong_cell_is_told_with_its_line(tmp_path: Path, changes: dict[str, str], told: str) -> None:
    path = written(tmp_path, "p.tsv", separated("\t", ROW | {"region": "europe-west4"}, ROW | changes))
    with pytest.raises(PriceFileError) as refused:
        read_prices(path)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{path}:3: ")
    assert told in line


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "p.tsv", separated("\t", ROW | {"usd": "x", "as_of": "x"}, ROW, ROW, ROW | {"kind": "x"}))
    with pytest.raises(PriceFileError) as refused:
        read_prices(path)
    lines = str(refused.value).splitlines()
    assert [line.removeprefix(f"{path}:").partition(":")[0] for line in lines] == ["2", "2", "4", "5"]
    assert "stands in line 3 already" in lines[2]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("p.tsv", "", "1: there is no column kind"),
        ("p.tsv", separated("\t"), "has no price in it"),
        ("p.tsv", separated("\t", ROW).replace("usd", "eur"), "1: there is no column usd"),
        ("p.tsv", separated("\t", ROW) + "machine\n", "3: has 1 cells; the header has 8 columns"),
        ("p.json", "{}", "1: must be a list of prices"),
        ("p.json", "[\n{}, ]", "2: is not JSON"),
        ("p.json", "[\n\n1]", "3: got 1; must be an object"),
        ("p.json", json.dumps([ROW | {"usd": True}]), "usd: got true"),
        ("p.json", json.dumps([ROW | {"name": 3}]), "name: got 3; must be text"),
        ("p.json", json.dumps([ROW | {"usd": float("inf")}]), "usd: got"),
        ("p.json", json.dumps([{"kind": "machine"}]), "name: is required: what it is called"),
    ],
)
def test_a_file_that_is_no_table_is_told_so(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(PriceFileError, match=rf"(?s){told}"):
        read_prices(written(tmp_path, name, text))


def test_a_file_that_is_not_utf_8_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "p.tsv"
    path.write_bytes(b"kind\xff")
    with pytest.raises(PriceFileError, match="is not UTF-8"):
        read_prices(path)


def test_the_catalog_survives_being_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "prices.tsv"
    write_prices(path, prices().rows)
    assert set(read_prices(path)) == set(prices().rows)
    as_json = written(tmp_path, "prices.json", json.dumps([asdict(row) for row in prices().rows], indent=2))
    assert set(read_prices(as_json)) == set(prices().rows)


TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=20).filter(str.isprintable)
ROWS = st.sampled_from([kind for kind in KINDS if kind != "managed-endpoint"]).flatmap(
    lambda kind: st.builds(
        PriceRow,
        kind=st.just(kind),
        name=TEXT.filter(lambda text: text == text.strip()),
        provisioning=st.just("spot" if kind in ("machine", "gpu", "autopilot", "disk") else ""),
        region=st.sampled_from(["", "us-central1", "europe-west12"]),
        unit=st.just(UNITS[kind]),
        usd=st.floats(0, 1e6).map(lambda value: float(f"{value:.9g}")),
        as_of=st.dates().map(lambda day: day.isoformat()),
        source=TEXT.filter(lambda text: text == text.strip()),
    )
)


@given(rows=st.lists(ROWS, min_size=1, max_size=6, unique_by=lambda row: row.key))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[PriceRow]) -> None:
    path = tmp_path_factory.mktemp("prices") / "prices.tsv"
    write_prices(path, rows)
    assert set(read_prices(path)) == set(rows)


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "prices.tsv", "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    replaced: Callable[..., object] = Path.replace
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_prices(path, [OURS])
    monkeypatch.setattr(Path, "replace", replaced)
    assert path.read_text(encoding="utf-8") == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["prices.tsv"]
