"""Replicas that span nodes: groups of pods, their Service, network, budget and shared memory."""

from __future__ import annotations

from typing import Any

import pytest

from components.addons.addons import MetricsAdapterConfig
from components.core.errors import ConfigError
from components.core.plan import Part
from components.engines.tgi.config import TgiEngine
from components.engines.vllm.config import VllmEngine
from components.gpu.node_pool import GpuNodePoolConfig, Nodes
from components.gpu.node_shape import node_shape
from components.gpu.placement import placement
from components.monitoring.collect.scrape import ManagedPrometheus, scrape_targets
from components.reading.workload import workloads
from components.rollout.blue_green import BlueGreenRollout
from components.rollout.canary import CanaryRollout
from components.rollout.model import ModelConfig, model
from components.rollout.variant import Variant
from components.scaling.hpa import HpaConfig
from components.serving.site import Site
from tests.components.parts import container, kinds, manifest, variables

COMMIT = "0" * 40
LEADER = {"inference/role": "leader"}


@pytest.fixture
def pairs() -> Site:
    """A pool with two L4s a node, in two zones."""
    pool = GpuNodePoolConfig(
        accelerator="nvidia-l4",
        machine_type="g2-standard-24",
        zones=("us-central1-a", "us-central1-b"),
        nodes=Nodes(max=8),
    )
    shape = node_shape("pairs", pool, location="us-central1")
    return Site(nodes=(shape,), placement=placement({"pairs": pool}, gpus=2))


def served(site: Site, engine: dict[str, Any] | None = None, **fields: Any) -> Part:
    settings = {"model": "org/model", "revision": COMMIT, "gpus": 2, "nodes": 2, **fields}
    return model("chat", ModelConfig(engine=VllmEngine(kind="vllm", **(engine or {})), **settings), site)


def group(part: Part, name: str = "lws-chat") -> dict[str, Any]:
    found: dict[str, Any] = manifest(part, "LeaderWorkerSet", name)["spec"]["leaderWorkerTemplate"]
    return found


def leader(part: Part) -> dict[str, Any]:
    found: dict[str, Any] = group(part)["leaderTemplate"]["spec"]["containers"][0]
    return found


def worker(part: Part) -> dict[str, Any]:
    found: dict[str, Any] = group(part)["workerTemplate"]["spec"]["containers"][0]
    return found


def after(flag: str, words: list[str]) -> str:
    return words[words.index(flag) + 1]


def test_a_group_takes_the_place_of_the_pod(pairs: Site) -> None:
    part = served(pairs)
    assert kinds(part) == ["ServiceAccount", "NetworkPolicy", "PodDisruptionBudget", "LeaderWorkerSet", "Service"]
    assert group(part)["size"] == 2
    assert manifest(part, "LeaderWorkerSet")["spec"]["replicas"] == 1


def test_tensors_are_split_within_a_node_and_layers_over_the_nodes(pairs: Site) -> None:
    words = leader(served(pairs, nodes=3))["args"]
    assert (after("--tensor-parallel-size", words), after("--pipeline-parallel-size", words)) == ("2", "3")
    assert after("--nnodes", words) == "3"


def test_workers_join_the_leader_and_answer_no_requests(pairs: Site) -> None:
    part = served(pairs, {"api_server_count": 4, "extra_args": ("--fingerprint-mode", "none")})
    first, other = leader(part)["args"], worker(part)["args"]
    assert after("--node-rank", first) == "0"
    assert after("--node-rank", other) == "$(LWS_WORKER_INDEX)"
    assert after("--master-addr", first) == after("--master-addr", other) == "$(LWS_LEADER_ADDRESS)"
    assert "--headless" in other
    assert "--headless" not in first
    assert "--api-server-count" in first
    assert "--api-server-count" not in other, "a headless pod stops at it"
    assert "--fingerprint-mode" in other
    assert leader(part).keys() - worker(part).keys() == {
        "ports", "startupProbe", "readinessProbe", "livenessProbe", "lifecycle",
    }  # fmt: skip


def test_both_find_the_pod_network_s_interface_and_their_own_address(pairs: Site) -> None:
    for pod in (leader(served(pairs)), worker(served(pairs))):
        env = {entry["name"]: entry for entry in pod["env"]}
        assert env["NCCL_SOCKET_IFNAME"]["value"] == env["GLOO_SOCKET_IFNAME"]["value"] == "eth0"
        assert env["VLLM_HOST_IP"]["valueFrom"] == {"fieldRef": {"fieldPath": "status.podIP"}}


def test_a_replica_on_one_node_needs_none_of_that(l4_site: Site) -> None:
    part = served(l4_site, gpus=1, nodes=1)
    assert "NCCL_SOCKET_IFNAME" not in variables(part)
    assert "--nnodes" not in container(part)["args"]


def test_the_service_and_prometheus_read_leaders_only(pairs: Site) -> None:
    scraped = Site(pairs.nodes, pairs.placement, prometheus=ManagedPrometheus(kind="managed"))
    part = served(scraped)
    assert manifest(part, "Service")["spec"]["selector"] == {"app": "chat", **LEADER}
    assert part.outputs["selector"] == {"app": "chat", **LEADER}
    assert manifest(part, "PodMonitoring")["spec"]["selector"]["matchLabels"] == {"app": "chat", **LEADER}
    assert [target.selector for target in scrape_targets(part.tracks)] == [{"app": "chat", **LEADER}]


def test_the_pods_of_a_model_may_talk_to_each_other_on_any_port(pairs: Site) -> None:
    own = {"podSelector": {"matchLabels": {"app": "chat"}}}
    spec = manifest(served(pairs), "NetworkPolicy")["spec"]
    assert {"from": [own]} in spec["ingress"]
    assert {"to": [own]} in spec["egress"]
    alone = manifest(served(pairs, nodes=1), "NetworkPolicy")["spec"]
    assert {"from": [own]} not in alone["ingress"]
    assert {"to": [own]} not in alone["egress"]


def test_a_group_starts_ends_and_is_replaced_as_one(pairs: Site) -> None:
    spec = manifest(served(pairs), "LeaderWorkerSet")["spec"]
    assert spec["startupPolicy"] == "LeaderCreated", "a leader is ready only with its workers"
    assert group(served(pairs))["restartPolicy"] == "RecreateGroupAfterStart"
    update = spec["rolloutStrategy"]["rollingUpdateConfiguration"]
    assert (update["maxSurge"], update["maxUnavailable"]) == (0, 1)


def test_the_controller_s_own_service_gets_a_name_that_is_not_ours(pairs: Site) -> None:
    part = served(pairs)
    names = {item.kind: item.object_name for item in part.items}
    assert names["LeaderWorkerSet"] != names["Service"]
    long = model(
        "m" * 60,
        ModelConfig(model="org/model", engine=VllmEngine(kind="vllm"), gpus=2, nodes=2),
        pairs,
    )
    name = manifest(long, "LeaderWorkerSet")["metadata"]["name"]
    assert len(f"{name}-999-0123456789") <= 63, "a label of the workers' pods"


def test_an_autoscaler_scales_groups(pairs: Site) -> None:
    scaled = Site(pairs.nodes, pairs.placement, adapter=MetricsAdapterConfig(kind="stackdriver"))
    part = served(scaled, autoscaling=HpaConfig(min=1, max=3, queue_depth=8))
    assert manifest(part, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"] == {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "name": "lws-chat",
    }
    assert "replicas" not in manifest(part, "LeaderWorkerSet")["spec"]


def test_pulumi_waits_until_every_group_is_up_but_not_for_a_standby(pairs: Site) -> None:
    part = served(pairs, rollout=BlueGreenRollout(active="blue"))
    waits = {
        item.object_name: item.properties["metadata"]["annotations"]
        for item in part.items
        if item.kind == "LeaderWorkerSet"
    }
    assert waits == {
        "lws-chat-blue": {"pulumi.com/waitFor": "condition=Available"},
        "lws-chat-green": {"pulumi.com/skipAwait": "true"},
    }
    assert manifest(part, "Service")["spec"]["selector"] == {"app": "chat", "color": "blue", **LEADER}


def test_versions_are_shared_by_groups(pairs: Site) -> None:
    split = CanaryRollout(canary=Variant(env={"A": "1"}), percent=50)
    part = served(pairs, replicas=4, rollout=split)
    replicas = [item.properties["spec"]["replicas"] for item in part.items if item.kind == "LeaderWorkerSet"]
    assert replicas == [2, 2]


def test_proofs_see_leaders_and_workers_with_how_many_there_are(pairs: Site) -> None:
    part = served(pairs, nodes=4, replicas=3)
    item = next(item for item in part.items if item.kind == "LeaderWorkerSet")
    found = {pod.role: (pod.least, pod.most, pod.span) for pod in workloads(part, item, None)}
    assert found == {"leader": (3, 3, 4), "worker": (9, 9, 4)}
    scaled = {pod.role: (pod.least, pod.most) for pod in workloads(part, item, (1, 2))}
    assert scaled == {"leader": (1, 2), "worker": (3, 6)}


def test_a_group_can_be_kept_in_one_place_of_its_own(pairs: Site) -> None:
    part = served(pairs, exclusive_topology="topology.kubernetes.io/zone", replicas=2)
    notes = manifest(part, "LeaderWorkerSet")["metadata"]["annotations"]
    assert notes["leaderworkerset.sigs.k8s.io/exclusive-topology"] == "topology.kubernetes.io/zone"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"engine": TgiEngine(version="sha-db931fc")}, "nodes: got 2; tgi runs a replica on one node here: use 1"),
        ({"replicas": 1_000_001}, "replicas: got 1000001; a LeaderWorkerSet has at most 1000000 replicas"),
        ({"gpus": 0}, "gpus: got 0; "),
        ({"nodes": 1, "exclusive_topology": "a.io/rack"}, "exclusive_topology: keeps the pods of a replica together"),
        (
            {"exclusive_topology": "kubernetes.io/hostname"},
            "exclusive_topology: would put all pods of a replica on one",
        ),
        (
            {"exclusive_topology": "topology.kubernetes.io/zone", "replicas": 3},
            "and up to 3 replicas would each need one to itself, of 2 zones",
        ),
        (
            {"exclusive_topology": "cloud.google.com/gke-nodepool", "rollout": BlueGreenRollout(active="blue")},
            "and up to 2 replicas would each need one to itself, of 1 pools",
        ),
        ({"labels": {"inference/role": "x"}}, "labels.inference/role: is ours"),
        (
            {"engine": VllmEngine(kind="vllm", data_parallel_size=2)},
            "engine.data_parallel_size: got 2 for a replica of 2 nodes",
        ),
        (
            {"engine": VllmEngine(kind="vllm", tensor_parallel_size=2, pipeline_parallel_size=4)},
            "engine: tensor_parallel_size 2 x pipeline_parallel_size 4 is 8 GPUs, and the replica has 4",
        ),
    ],
)
def test_what_does_not_fit_a_group_is_refused(pairs: Site, fields: dict[str, Any], said: str) -> None:
    settings = {"model": "org/model", "engine": VllmEngine(kind="vllm"), "gpus": 2, "nodes": 2, **fields}
    with pytest.raises(ConfigError) as refusal:
        model("chat", ModelConfig(**settings), pairs)
    assert said in str(refusal.value)


def test_layers_can_be_divided_within_nodes_too(pairs: Site) -> None:
    words = leader(served(pairs, {"pipeline_parallel_size": 4}))["args"]
    assert (after("--tensor-parallel-size", words), after("--pipeline-parallel-size", words)) == ("1", "4")


@pytest.mark.parametrize(
    ("engine", "fields", "size"),
    [
        ({}, {}, "2Gi"),
        ({"mm_processor_cache_type": "shm"}, {}, "6Gi"),
        ({"mm_processor_cache_type": "shm", "mm_processor_cache_gb": 0.5}, {}, "3Gi"),
        ({}, {"shared_memory": "512Mi"}, "512Mi"),
    ],
)
def test_shared_memory_follows_the_pod_s_gpus_and_what_the_engine_keeps_there(
    pairs: Site, engine: dict[str, Any], fields: dict[str, Any], size: str
) -> None:
    for template in ("leaderTemplate", "workerTemplate"):
        volumes = {
            volume["name"]: volume for volume in group(served(pairs, engine, **fields))[template]["spec"]["volumes"]
        }
        assert volumes["shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": size}
