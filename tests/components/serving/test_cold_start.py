"""How long a cold start is estimated to take, and what is said when something is not known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.catalog.loading import rates, step_seconds
from components.serving.cold_start import ColdStart, Source, cold_start

MIB = 2**20
SOURCES: tuple[Source, ...] = ("hub", "disk", "filestore", "gcs-fuse", "hyperdisk-ml", "image", "unknown")


def start(source: Source = "hub", **changes: Any) -> ColdStart:
    settings = {"image": "vllm-openai", "engine": "vllm", "weights_bytes": 16 * 10**9, **changes}
    return cold_start(source=source, **settings)


def names(found: ColdStart) -> list[str]:
    return [step.name for step in found.steps]


def test_every_step_is_told_with_its_band() -> None:
    assert str(start()) == (
        "2 min to 25 min: node 60 s to 9 min, image 31 s to 8 min, weights 7 s to 3 min, load 3 s to 57 s, "
        "warm-up 34 s to 4 min"
    )


def test_what_nobody_published_is_unknown_and_has_no_most() -> None:
    found = start(image="somebodys-server", engine="server")
    assert found.high is None
    assert found.unknown == ("image", "warm-up")
    assert str(found).startswith("70 s or more: ")
    assert "image unknown" in str(found)


def test_weights_of_unknown_size_are_unknown_and_not_free() -> None:
    found = start(weights_bytes=None)
    assert found.unknown == ("weights", "load")
    assert found.high is None


@pytest.mark.parametrize(
    ("source", "steps"),
    [
        ("hub", ["weights", "load", "warm-up"]),
        ("gcs-fuse", ["load", "warm-up"]),
        ("hyperdisk-ml", ["load", "warm-up"]),
        ("image", ["load", "warm-up"]),
    ],
)
def test_the_startup_probe_waits_for_what_happens_in_the_container(source: Source, steps: list[str]) -> None:
    assert names(start(source).in_container) == steps


def test_an_image_of_weights_is_pulled_before_the_container_starts() -> None:
    assert names(start("image")) == ["node", "image", "weights", "load", "warm-up"]


def test_the_throughput_a_disk_was_given_bounds_it() -> None:
    load = {mib: start("hyperdisk-ml", throughput_mib=mib).steps[-2].seconds.low for mib in (400, 800, 10**6)}
    assert load[400] == pytest.approx(16 * 10**9 / MIB / 400)
    assert load[800] == pytest.approx(16 * 10**9 / MIB / 800)
    assert load[10**6] == pytest.approx(16 * 10**9 / MIB / rates()["gpu-load"].high)  # type: ignore[operator]


def test_a_source_nobody_measured_has_a_least_from_what_the_gpu_takes() -> None:
    seconds = start("unknown").steps[-2].seconds
    assert seconds.low is not None
    assert seconds.high is None


@given(st.sampled_from(SOURCES), st.integers(1, 10**13), st.none() | st.floats(1, 10**6))
def test_no_band_is_upside_down(source: Source, size: int, throughput: float | None) -> None:
    for step in start(source, weights_bytes=size, throughput_mib=throughput).steps:
        low, high = step.seconds
        assert low is None or high is None or low <= high + 1e-9


@given(st.sampled_from(SOURCES), st.integers(1, 10**12), st.integers(1, 10**12))
def test_more_weights_never_take_less(source: Source, size: int, more: int) -> None:
    assert start(source, weights_bytes=size).low <= start(source, weights_bytes=size + more).low


def test_every_band_of_the_catalog_is_a_band() -> None:
    bands = [*rates().values(), step_seconds("node"), step_seconds("warm-up", "vllm")]
    assert all(band.low is None or band.high is None or 0 < band.low <= band.high for band in bands)
