"""The steps that engines choose where nobody says how large they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.catalog.engine_memory import NEWEST, version_of
from components.catalog.gpu_memory import GpuMemory, gpu_memories
from components.catalog.step_defaults import default_step

GPUS = st.sampled_from(gpu_memories())


@pytest.mark.parametrize(
    ("version", "gpu", "gib", "step"),
    [
        ("0.8.5", "A100-80GB", 79.2, (8192, 1024)),
        ("0.9.0", "A100-80GB", 79.2, (2048, 256)),
        ("0.33.0", "L4", 22.0, (2048, 256)),
        ("0.33.0", "H100-80GB", 79.1, (8192, 1024)),
        ("0.24.0", "B200", 178.0, (8192, 1024)),
        ("0.30.0", "B200", 178.0, (16384, 1024)),
    ],
)
def test_vllm_s_step_is_that_of_its_version_and_gpu(version: str, gpu: str, gib: float, step: tuple[int, int]) -> None:
    assert default_step("vllm", version_of(version), gpu=gpu, gib=gib) == step


@pytest.mark.parametrize(
    ("version", "gib", "shards", "step"),
    [
        ("0.4.6.post1", 24, 1, (2048, 8)),
        ("0.4.6.post1", 24, 4, (2048, 80)),
        ("0.4.6.post1", 80, 8, (8192, 160)),
        ("0.5.10.post1", 24, 2, (2048, 24)),
        ("0.5.10.post1", 24, 4, (2048, 80)),
        ("0.5.10.post1", 80, 4, (8192, 512)),
        ("0.5.10.post1", 192, 1, (16384, 512)),
    ],
)
def test_sglang_s_step_is_that_of_its_version_memory_and_shards(
    version: str, gib: float, shards: int, step: tuple[int, int]
) -> None:
    assert default_step("sglang", version_of(version), gpu="any", gib=gib, shards=shards) == step


@given(gpu=GPUS, shards=st.sampled_from([1, 2, 4, 8]))
def test_every_gpu_has_a_step_in_the_newest_versions(gpu: GpuMemory, shards: int) -> None:
    for engine in ("vllm", "sglang"):
        assert min(default_step(engine, NEWEST, gpu=gpu.name, gib=gpu.nominal_gb, shards=shards)) > 0


def test_a_version_before_the_table_has_no_step() -> None:
    with pytest.raises(KeyError, match=r"vllm \(0, 6, 3\)"):
        default_step("vllm", version_of("0.6.3"), gpu="L4", gib=22)
