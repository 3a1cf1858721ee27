"""What the scheduling rules say of pods, pools and GPUs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.gpu.node_pool import GpuNodePoolConfig
from components.gpu.node_shape import node_shape
from components.proofs.rules import prove

from .plans import CUSTOM, added, findings, llama, only, pod, put, serving, shape, sound, with_llama


def test_a_pod_that_fits_nowhere_is_told_per_pool_as_the_scheduler_would() -> None:
    assert only(with_llama(gpus=2), "unschedulable-pod") == (
        "models.llama.gpus",
        (
            "Deployment llama: 0/4 pools can hold a pod: l4: asks for 2 nvidia.com/gpu, a node has 1; "
            "l4-pair: label cloud.google.com/gke-nodepool=l4-pair is not l4; "
            "t4: label cloud.google.com/gke-accelerator=nvidia-tesla-t4 is not nvidia-l4; "
            "shared: label cloud.google.com/gke-nodepool=shared is not l4"
        ),
        (
            "runs_on: [l4-pair], with room for it",
            "gpus: at most 1 nvidia.com/gpu, what a node of l4 has",
            "machine_type: g2-standard-24 in node_pools.l4",
        ),
    )


def test_too_much_memory_is_blamed_on_memory_and_never_rounds_to_what_the_node_has() -> None:
    at, message, remedies = only(with_llama(resources={"memory": "43Gi"}), "unschedulable-pod")
    assert at == "models.llama.resources.memory"
    assert "l4: asks for 43 GiB memory, a node has 41;" in message
    assert "resources.memory: at most 41 GiB memory, what a node of l4 has" in remedies
    assert "machine_type: g2-standard-16 in node_pools.l4" in remedies


def test_what_daemonsets_take_of_a_node_is_not_there_for_pods() -> None:
    room = {node.pool: node.allocatable["cpu"] for node in sound().nodes}["l4"]
    all_of_it = with_llama(resources={"cpu": f"{room:g}"})
    assert "l4: asks for 11.4 CPU, a node has 11.3" in only(all_of_it, "unschedulable-pod")[1]
    no_daemon = replace(all_of_it, parts=tuple(part for part in all_of_it.parts if part.kind != "DcgmExporter"))
    assert findings(no_daemon, "unschedulable-pod") == []


def test_a_taint_that_is_not_tolerated_is_named() -> None:
    plan = llama(pod(lambda spec: spec.pop("tolerations")))
    assert "l4: taint nvidia.com/gpu=present:NoSchedule is not tolerated" in only(plan, "unschedulable-pod")[1]
    assert only(plan, "unschedulable-pod")[0] == "models.llama.runs_on"


def test_a_pod_that_names_no_pool_is_judged_where_the_plan_has_all_nodes() -> None:
    pool = GpuNodePoolConfig(machine_type="e2-standard-4", nodes={"min": 1, "max": 3}, disk_size_gb=100)
    system = node_shape("system", pool, location="us-central1", path=("cluster", "system_pool"))
    plan = replace(added(sound(), serving("tiny", (), CUSTOM)), nodes=(*sound().nodes, system))
    assert findings(plan, "unschedulable-pod") == []  # another cluster may have roomier nodes
    at, message, remedies = only(replace(plan, nodes_complete=True), "unschedulable-pod")
    assert at == "models.tiny.cache.size"
    assert "system: asks for 50 GiB ephemeral-storage, a node has 43.19" in message
    assert remedies == (
        "cache.size: at most 43.19 GiB ephemeral-storage, what a node of system has",
        "a larger disk_size_gb in cluster.system_pool",
        "a pool of its own in node_pools, named in runs_on",
    )


def test_machines_without_gpus_are_proposed_from_the_family_that_the_pool_has() -> None:
    pool = GpuNodePoolConfig(machine_type="e2-standard-4", nodes={"min": 1, "max": 3}, disk_size_gb=100)
    system = node_shape("system", pool, location="us-central1", path=("cluster", "system_pool"))
    tiny = serving("tiny", (), CUSTOM, resources={"cpu": "6"}, cache={"kind": "node-disk", "size": "5Gi"})
    plan = replace(added(sound(), tiny), nodes=(system,), nodes_complete=True)
    found = [finding for finding in prove(plan) if finding.path[:2] == ("models", "tiny")]
    assert "machine_type: e2-highcpu-8 in cluster.system_pool" in found[0].remedies


def test_only_some_of_many_pools_that_a_pod_does_not_select_are_told() -> None:
    extra = tuple(replace(shape("t4"), pool=f"t4-{number}") for number in range(9))
    plan = replace(with_llama(gpus=2), nodes=(*sound().nodes, *extra))
    message = only(plan, "unschedulable-pod")[1]
    assert message.startswith("Deployment llama: 0/13 pools can hold a pod: l4: ")
    assert message.endswith("; 9 more that it does not select")


def test_pods_that_ask_for_no_gpu_and_no_pool_may_run_on_nodes_outside_the_plan() -> None:
    big = serving("big", (), CUSTOM, resources={"cpu": 96, "memory": "900Gi"})
    assert findings(added(sound(), big), "unschedulable-pod") == []


def test_nothing_is_judged_where_no_nodes_are_known() -> None:
    plan = replace(with_llama(gpus=8), nodes=())
    assert {finding.rule for finding in prove(plan)} == set()


def test_a_pod_of_a_class_that_makes_its_own_pools_is_not_judged() -> None:
    plan = llama(pod(put(nodeSelector={"cloud.google.com/compute-class": "any-gpu"})))
    assert findings(plan, "unschedulable-pod") == []


def test_pods_that_fit_only_one_pool_are_counted_together() -> None:
    assert only(with_llama(replicas=3), "pool-too-small") == (
        "node_pools.l4.nodes.max",
        (
            "pods that fit only l4 need at least 5 nodes for their GPUs (llama 3 × 1 nvidia.com/gpu, "  # noqa: RUF001
            "chat-blue 1 × 1 nvidia.com/gpu, chat-green 1 × 1 nvidia.com/gpu), but nodes.max is 4"  # noqa: RUF001
        ),
        (
            "raise nodes.max of l4 by 1",
            "lower replicas, or autoscaling.min where it is set",
            "name another pool in runs_on as well",
        ),
    )


def test_pods_with_a_choice_count_against_all_their_pools_together() -> None:
    # Two of 50 GiB do not fit one disk, so that each pod takes a node; both colours of chat fit only l4.
    both = ("l4", "l4-pair")
    assert findings(with_llama(on=both, replicas=6), "pool-too-small") == []
    at, message, _ = only(with_llama(on=both, replicas=7), "pool-too-small")
    assert at == "models.llama"
    assert message.startswith("pods that fit only l4 and l4-pair need at least 9 nodes for their ephemeral-storage (")
    assert message.endswith("but their nodes.max are 8 in all")


def test_a_pool_without_a_maximum_holds_any_number() -> None:
    nodes = tuple(replace(node, max_nodes=None) for node in sound().nodes)
    assert findings(replace(with_llama(replicas=99), nodes=nodes), "pool-too-small") == []


def test_a_maximum_beyond_the_pool_is_told_once_where_the_minimum_is_already_too_much() -> None:
    plan = with_llama(autoscaling={"min": 3, "max": 9, "cpu_percent": 80})
    assert len(findings(plan, "pool-too-small")) == 1
    assert findings(plan, "scaled-beyond-pool") == []


def test_an_image_for_newer_gpus_names_the_pools_that_have_one() -> None:
    at, message, remedies = only(with_llama(on=("t4",)), "gpu-too-old")
    assert at == "models.llama.runs_on"
    assert message == (
        "Deployment llama: its image is built for CUDA compute capability 8.0 and later, but nvidia-tesla-t4 (pool t4) "
        "has 7.5: the engine would stop at start"
    )
    assert remedies[0] == "runs_on: one of l4, l4-pair, shared"


def test_an_old_gpu_is_found_by_selector_where_no_pools_are_known() -> None:
    plan = replace(with_llama(on=("t4",)), nodes=())
    assert "nvidia-tesla-t4 has 7.5" in only(plan, "gpu-too-old")[1]


def test_a_pool_in_a_zone_without_its_gpu_is_refused() -> None:
    node = replace(shape("l4"), zones=("us-central1-a", "us-central1-f"))
    at, message, remedies = only(replace(sound(), nodes=(node, *sound().nodes[1:])), "zone-without-gpu")
    assert at == "node_pools.l4.zones"
    assert message == "pool l4 would have nodes in us-central1-f, which has no nvidia-l4"
    assert remedies[0] == "use us-central1-a, us-central1-b, us-central1-c"


@pytest.mark.parametrize(
    ("arguments", "shards"),
    [
        (["--tensor-parallel-size", "2"], 2),
        (["--tensor-parallel-size=2", "--pipeline-parallel-size=2"], 4),
        (["-tp", "2"], 2),
        (["--tp-size", "4"], 4),
    ],
)
def test_shards_are_read_from_the_flags_of_every_engine(arguments: list[str], shards: int) -> None:
    found = findings(with_llama(engine=CUSTOM | {"args": arguments}), "more-shards-than-gpus")
    assert [finding.remedies[0] for finding in found] == [f"gpus: {shards}"]


def test_a_spot_pool_is_reached_only_with_its_toleration() -> None:
    spot = GpuNodePoolConfig(
        accelerator="nvidia-l4", machine_type="g2-standard-12", nodes={"max": 4}, provisioning="spot"
    )
    plan = replace(sound(), nodes=(shape("l4", spot), *sound().nodes[1:]))
    messages = [finding.message for finding in findings(plan, "unschedulable-pod")]
    assert len(messages) == 3
    assert all("taint cloud.google.com/gke-spot=true:NoSchedule is not tolerated" in message for message in messages)
