"""Memory fit over a plan: every pool a pod may land on, shares and slices of GPUs, and the advice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.core.plan import NodeShape, Plan
from components.proofs.memory import Judged, judged
from components.reading.index import Index

from .cases import SHAPE, UNKNOWN, asking
from .plans import exchanged, findings, only, shape

SEED = {"model": "meta-llama/Meta-Llama-3.1-8B-Instruct", "engine": "tgi", "version": "3.3.5", "dtype": "float16"}
"""The source document's own example: 8 B parameters in float16 on one T4, with TGI's launcher."""


def on_node(plan: Plan, name: str, node: NodeShape) -> Plan:
    """The plan with another node in place of a pool's."""
    return replace(plan, nodes=tuple(node if one.pool == name else one for one in plan.nodes))


def of_llama(plan: Plan) -> list[Judged]:
    return [one for one in judged(Index(plan)) if one.pod.item.object_name == "llama"]


def test_the_source_documents_own_example_is_refused_with_pools_that_hold_it() -> None:
    path, message, remedies = only(asking(on=("t4",), **SEED, request_tokens=4096), "memory-does-not-fit")
    assert path == "models.llama.runs_on"
    assert "meta-llama/Llama-3.1-8B-Instruct needs 16." in message
    assert "nvidia-tesla-t4 (pool t4) gives 14.6 (weights 15.0: 8.03 B parameters in float16" in message
    assert remedies[0] == "runs_on: one of l4, l4-pair"
    assert len(remedies) >= 3
    assert any("nvidia-l4" in remedy and "$" in remedy for remedy in remedies[1:])


def test_every_pool_a_pod_may_land_on_must_hold_the_model() -> None:
    plan = asking(on=("l4", "t4"), dtype="float16", request_tokens=4096)
    assert [one.pools for one in of_llama(plan)] == [("l4",), ("t4",)]
    _, message, _ = only(plan, "memory-does-not-fit")
    assert "(pool t4)" in message


def test_pools_with_the_same_gpu_are_told_once() -> None:
    plan = asking(on=("l4", "l4-pair"), request_tokens=32768)
    _, message, _ = only(plan, "memory-does-not-fit")
    assert "nvidia-l4 (pool l4, l4-pair)" in message


def test_of_a_shared_gpu_counts_the_share() -> None:
    plan = asking(on=("shared",), model="Qwen/Qwen2.5-3B-Instruct", request_tokens=4096)
    assert findings(asking(model="Qwen/Qwen2.5-3B-Instruct", request_tokens=4096), "memory-does-not-fit") == []
    _, message, _ = only(plan, "memory-does-not-fit")
    assert "gives 5.5" in message  # a quarter of 21.96 GiB


def test_of_a_slice_counts_its_own_memory() -> None:
    slice_label = {"cloud.google.com/gke-gpu-partition-size": "1g.5gb"}
    node = replace(shape("l4"), accelerator="nvidia-tesla-a100", labels={**shape("l4").labels, **slice_label})
    small = on_node(asking(model="Qwen/Qwen2.5-0.5B-Instruct", request_tokens=4096, memory_fraction=0.8), "l4", node)
    (one,) = of_llama(small)
    assert one.gpu is not None
    assert one.gpu.bytes / 2**30 == pytest.approx(4.71)
    assert one.made is not None
    assert one.made.verdict == "fits"
    (large,) = of_llama(on_node(asking(request_tokens=4096), "l4", node))
    assert large.made is not None
    assert large.made.verdict == "does not fit"


def test_advice_was_tried_before_it_is_given() -> None:
    _, _, remedies = only(asking(request_tokens=32768), "memory-does-not-fit")
    (tokens,) = [remedy for remedy in remedies if remedy.startswith("max_model_len: ")]
    length = int(tokens.split()[1])
    assert findings(asking(request_tokens=length), "memory-does-not-fit") == []


def test_a_model_that_is_not_known_is_told_how_to_be_introduced() -> None:
    path, message, remedies = only(asking(model="Qwen/Qwen3-8"), "unknown-model")
    assert path == "models.llama.architecture"
    assert "Qwen/Qwen3-8 is not in the catalog" in message
    assert remedies == (
        "model: Qwen/Qwen3-8B, if that is what is meant",
        "architecture: as its config.json has it",
    )


def test_an_architecture_in_the_stack_is_proved_like_the_catalogs() -> None:
    plan = asking(model=UNKNOWN, request_tokens=None, architecture=SHAPE.model(UNKNOWN), memory_fraction=0.5)
    _, message, _ = only(plan, "memory-does-not-fit")
    assert "acme/chat-7b needs" in message
    assert "6.74 B parameters" in message  # as the published count of Llama-2-7b, whose shape it is


def test_shards_that_do_not_divide_the_heads_are_refused_with_those_that_do() -> None:
    path, message, remedies = only(asking(tensor_parallel=3), "impossible-shards")
    assert path == "models.llama.gpus"
    assert "32 attention heads cannot be split over 3 GPUs; it can be split over 1, 2, 4, 8, 16" in message
    assert remedies == ("gpus: 1", "gpus: 2", "gpus: 4", "gpus: 8")


def test_a_deployment_without_a_demand_is_not_judged() -> None:
    plan = asking()
    part = next(part for part in plan.parts if part.key == "ModelServer/llama")
    assert len(of_llama(plan)) == 1
    assert of_llama(exchanged(plan, part.key, replace(part, tracks=()))) == []


def test_of_a_shared_gpu_an_engine_may_take_its_fraction_of_the_whole() -> None:
    """0.2 of the whole is less than the quarter of four clients; 0.2 of the quarter would hold nothing."""
    plan = asking(on=("shared",), model="Qwen/Qwen2.5-0.5B-Instruct", request_tokens=2048, memory_fraction=0.2)
    (one,) = of_llama(plan)
    assert one.made is not None
    assert one.made.budget.share / 2**30 == pytest.approx(0.2 * 21.96)
