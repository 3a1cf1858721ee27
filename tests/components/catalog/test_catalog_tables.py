from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.catalog import table
from components.catalog.accelerators import accelerators, meant
from components.catalog.machines import accelerators_of_machines, machine_types, provisioning_limits
from components.catalog.node_reservations import allocatable
from components.catalog.zones import is_zone, lacks, region_of, regions_by_accelerator, zones_by_accelerator
from components.core.quantity import GIB

TABLES = sorted(Path(table.__file__).parents[1].rglob("*.tsv"))
MACHINES = st.sampled_from(sorted(machine_types()))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_fact_has_a_date_and_a_source(path: Path) -> None:
    for row in table.rows(path.stem, path.parent):
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", row["as_of"])
        assert len(row["source"]) > 10


@pytest.mark.parametrize("path", TABLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_fact_stands_in_a_table_twice(path: Path) -> None:
    facts = [tuple(row.values()) for row in table.rows(path.stem, path.parent)]
    assert len(facts) == len(set(facts))


def test_a_row_with_a_missing_cell_is_reported_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "broken.tsv").write_text("name\tas_of\tsource\nx\t2026-01-01\n")
    with pytest.raises(ValueError, match=r"broken\.tsv:2 has 2 cells; the header has 3 columns"):
        table.rows("broken", tmp_path)


def test_a_table_without_sources_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bare.tsv").write_text("name\tas_of\n")
    with pytest.raises(ValueError, match=r"bare\.tsv has no column source"):
        table.rows("bare", tmp_path)


def test_every_gpu_a_machine_has_is_described_and_has_regions() -> None:
    for accelerator in accelerators_of_machines():
        assert accelerator in accelerators()
        assert regions_by_accelerator()[accelerator]


def test_every_limit_is_of_a_machine_in_the_catalog() -> None:
    for machine, _ in provisioning_limits():
        assert machine in machine_types()


def test_every_zone_with_a_gpu_is_in_a_region_with_it() -> None:
    for accelerator, zones in zones_by_accelerator().items():
        for zone in zones:
            assert is_zone(zone)
            assert region_of(zone) in regions_by_accelerator()[accelerator]
            assert not lacks(accelerator, zone)


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("l4", "nvidia-l4"),
        ("A100", "nvidia-tesla-a100"),
        ("a100-80gb", "nvidia-a100-80gb"),
        ("nvidia-tesla-l4", "nvidia-l4"),
        ("nvidia-t4", "nvidia-tesla-t4"),
        ("H100 mega", "nvidia-h100-mega-80gb"),
        ("toaster", None),
    ],
)
def test_short_and_misspelt_gpu_names_are_understood(word: str, name: str | None) -> None:
    assert meant(word) == name


def test_a_t4_machine_takes_the_counts_its_size_allows() -> None:
    assert machine_types()["n1-standard-4"].gpus == {"nvidia-tesla-t4": (1, 2, 4)}
    assert machine_types()["n1-standard-64"].gpus == {"nvidia-tesla-t4": (4,)}
    assert machine_types()["e2-standard-4"].gpus == {}


def test_gke_keeps_what_its_own_formula_says() -> None:
    """A 4-core, 15 GiB node: 80 millicores, and 2.6 GiB by brackets, plus the kernel's and the eviction's share."""
    left = allocatable(machine_types()["n1-standard-4"], disk_gb=100, local_ssds=0)
    assert left["cpu"] == pytest.approx(4 - 0.08 - 0.5, abs=0.002)
    assert 10.8 < left["memory"] / GIB < 11.3
    assert 43 < left["ephemeral-storage"] / GIB < 47


def test_local_ssds_replace_the_boot_disk_as_ephemeral_storage() -> None:
    machine = machine_types()["g2-standard-48"]
    one = allocatable(machine, disk_gb=100, local_ssds=1)["ephemeral-storage"]
    four = allocatable(machine, disk_gb=100, local_ssds=4)["ephemeral-storage"]
    assert one / GIB == pytest.approx(375 * 0.9 - 50 - 7289472 / 2**20, abs=0.01)
    assert four > 3 * one


@given(MACHINES, st.integers(20, 65536), st.integers(0, 30))
def test_a_node_never_offers_more_than_the_machine_has(name: str, disk: int, ssds: int) -> None:
    machine = machine_types()[name]
    left = allocatable(machine, disk_gb=disk, local_ssds=ssds)
    assert 0 < left["cpu"] < machine.vcpus
    assert 0 < left["memory"] < machine.memory_gib * GIB
    assert 0 <= left["ephemeral-storage"] < (ssds * 375 if ssds else disk) * GIB


@given(st.integers(20, 65000), st.integers(1, 500))
def test_a_larger_boot_disk_never_offers_less(disk: int, more: int) -> None:
    machine = machine_types()["g2-standard-4"]
    small, large = (allocatable(machine, disk_gb=size, local_ssds=0) for size in (disk, disk + more))
    assert small["ephemeral-storage"] <= large["ephemeral-storage"]
