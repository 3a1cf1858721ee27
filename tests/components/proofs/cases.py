"""For each rule a plan it refuses, and one much like it that it lets pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from components.core.demand import Demand
from components.core.manifest import object_item
from components.core.plan import Part, Plan
from components.memory.architecture import ArchitectureConfig
from components.tenancy.namespace import NamespaceConfig, QuotaConfig, namespace

from .plans import (
    COLORS,
    CUSTOM,
    DIGEST,
    SCALED,
    SURGE,
    TEI,
    TGI,
    VLLM,
    Edit,
    added,
    budgeted,
    claimed,
    container,
    drop,
    edited,
    exchanged,
    llama,
    on_spot,
    pod,
    put,
    route,
    second_budget,
    serving,
    sound,
    variable,
    with_limits,
    with_llama,
    without,
)


@dataclass(frozen=True)
class Case:
    """A rule, a plan it refuses, and a plan much like it that it lets pass."""

    rule: str
    bad: Callable[[], Plan]
    good: Callable[[], Plan] = sound


def _with_route(name: str, to: str, subsets: Mapping[str, Mapping[str, str]], **settings: Any) -> Plan:
    return exchanged(sound(), f"VirtualService/{name}", route(name, to, subsets, **settings))


def _destination(edit: Edit) -> Plan:
    return edited(
        sound(),
        "VirtualService/chat",
        "virtual-service",
        lambda manifest: edit(manifest["spec"]["http"][0]["route"][0]["destination"]),
    )


def _with_quota(**quota: Any) -> Plan:
    config = NamespaceConfig(pod_security="baseline", quota=QuotaConfig(**quota))
    return exchanged(sound(), "Namespace/inference", namespace("inference", config, path=("namespaces", "inference")))


def _zoned(zone: str) -> Plan:
    return llama(pod(lambda spec: spec["nodeSelector"].update({"topology.kubernetes.io/zone": zone})))


def _group(**settings: Any) -> Plan:
    """The sound plan with `llama` over three nodes with two GPUs each."""
    return with_llama(on=("l4-pair",), engine=VLLM, gpus=2, nodes=3, **settings)


def _size(pods: int) -> Edit:
    return lambda manifest: manifest["spec"]["leaderWorkerTemplate"].update(size=pods)


def _sliced(plan: Plan) -> Plan:
    """The plan on nodes whose GPUs are MIG slices."""
    slices = {"cloud.google.com/gke-gpu-partition-size": "3g.20gb"}
    return replace(plan, nodes=tuple(replace(node, labels={**node.labels, **slices}) for node in plan.nodes))


def _worker_as_root(manifest: dict[str, Any]) -> None:
    manifest["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]["securityContext"]["runAsUser"] = 0


def _spare(name: str) -> Part:
    return namespace(name, NamespaceConfig(), path=("namespaces", name))


def _settings(name: str, role: str) -> Part:
    """A component of another team, with one ConfigMap."""
    about = {"name": f"{name}-of-{role}", "namespace": "inference"}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": {}}
    return Part("Settings", name, (object_item(role, name, manifest),))


def _gateways() -> Plan:
    """An Istio Gateway and one of the Gateway API, of one name in one namespace."""
    istio = route("chat", "chat", COLORS, gateway={"namespace": "inference"}, rules=[{"to": {"blue": 100}}])
    plan = exchanged(sound(), "VirtualService/chat", istio)
    other = next(item for item in istio.items if item.kind == "Gateway")
    theirs = replace(
        other,
        type="kubernetes:gateway.networking.k8s.io/v1:Gateway",
        properties={**other.properties, "apiVersion": "gateway.networking.k8s.io/v1"},
    )
    return added(plan, Part("Gateway", "chat", (theirs,)))


def _gpus(request: object, limit: object) -> Edit:
    def edit(target: dict[str, Any]) -> None:
        target["resources"]["requests"]["nvidia.com/gpu"] = request
        target["resources"]["limits"]["nvidia.com/gpu"] = limit

    return container(edit)


_HYPERDISK = {
    "cache": {"kind": "hyperdisk-ml", "size": "1Ti", "disk": "projects/p/zones/us-central1-a/disks/weights"},
    "resources": {"cpu": 1, "memory": "4Gi"},
}


def _impatient(minutes: int) -> dict[str, Any]:
    """An engine whose startup probe gives up after so many minutes; 8 billion parameters take longer than none."""
    return {**CUSTOM, "probes": {"startup": {"period_seconds": 2, "failure_threshold": minutes * 3}}}


UNKNOWN = "acme/chat-7b"
SHAPE = ArchitectureConfig(
    num_hidden_layers=32,
    hidden_size=4096,
    intermediate_size=11008,
    num_attention_heads=32,
    vocab_size=32000,
    max_position_embeddings=4096,
)


def asking(*, on: tuple[str, ...] = ("l4",), **demand: Any) -> Plan:
    """The sound plan whose `llama` asks for GPU memory like this."""
    settings = {"engine": "vllm", "version": "0.24.0", "model": "Qwen/Qwen3-8B", "request_tokens": 8192}
    part = serving("llama", on)
    asked = tuple(replace(track, demand=Demand(**{**settings, **demand})) for track in part.tracks)
    return exchanged(sound(), "ModelServer/llama", replace(part, tracks=asked))


def _on_ceph() -> Plan:
    return with_llama(cache={"kind": "claim", "size": "1Ti", "access_mode": "ReadWriteMany", "storage_class": "ceph"})


CASES = (
    Case("memory-does-not-fit", lambda: asking(request_tokens=32768), asking),
    Case("memory-marginal", lambda: asking(memory_fraction=1.0), lambda: asking(memory_fraction=0.9)),
    Case(
        "unknown-model",
        lambda: asking(model=UNKNOWN, request_tokens=4096),
        lambda: asking(model=UNKNOWN, request_tokens=4096, architecture=SHAPE.model(UNKNOWN)),
    ),
    Case("impossible-shards", lambda: asking(tensor_parallel=3), lambda: asking(tensor_parallel=4)),
    Case(
        "quantization-unsupported",
        lambda: asking(on=("t4",), model="Qwen/Qwen2.5-1.5B-Instruct", dtype="bfloat16"),
        lambda: asking(on=("t4",), model="Qwen/Qwen2.5-1.5B-Instruct", dtype="float16"),
    ),
    Case("duplicate-component", lambda: added(sound(), serving("llama"))),
    Case(
        "duplicate-object",
        lambda: added(sound(), replace(_spare("inference"), name="spare", kind="Tenant")),
        lambda: added(sound(), _spare("spare")),
    ),
    Case(
        "duplicate-resource",
        lambda: added(sound(), _settings("a", "b-cache"), _settings("a-b", "cache")),
        lambda: added(sound(), _settings("a", "cache"), _settings("a-b", "cache")),
    ),
    Case("one-file-twice", _gateways),
    Case(
        "invalid-name",
        lambda: edited(
            sound(), "ModelServer/llama", "service", lambda manifest: manifest["metadata"].update(name="3llama")
        ),
    ),
    Case(
        "invalid-label",
        lambda: llama(lambda manifest: manifest["spec"]["template"]["metadata"]["labels"].update(team="a" * 64)),
        lambda: llama(lambda manifest: manifest["spec"]["template"]["metadata"]["labels"].update(team="a" * 63)),
    ),
    Case(
        "disk-cannot-attach",
        lambda: added(sound(), serving("big", ("t4",), CUSTOM, **_HYPERDISK)),
        lambda: added(sound(), serving("big", ("l4",), CUSTOM, **_HYPERDISK)),
    ),
    Case(
        "startup-budget-too-short",
        lambda: added(sound(), serving("big", ("l4",), _impatient(1))),
        lambda: added(sound(), serving("big", ("l4",), _impatient(30))),
    ),
    Case(
        "unknown-namespace",
        lambda: added(sound(), serving("chat-beta", namespace="beta")),
        lambda: added(sound(), _spare("beta"), serving("chat-beta", namespace="beta")),
    ),
    Case("unschedulable-pod", lambda: with_llama(gpus=2), lambda: with_llama(on=("l4-pair",), gpus=2)),
    Case(
        "pool-too-small",
        lambda: with_llama(replicas=3),
        lambda: with_llama(replicas=2),
    ),
    Case(
        "scaled-beyond-pool",
        lambda: with_llama(autoscaling={"min": 1, "max": 3, "cpu_percent": 80}),
        lambda: with_llama(autoscaling={"min": 1, "max": 2, "cpu_percent": 80}),
    ),
    Case("update-never-ends", lambda: with_llama(replicas=2, update=SURGE), lambda: with_llama(update=SURGE)),
    Case(
        "update-waits-at-peak",
        lambda: with_llama(autoscaling=SCALED, update=SURGE),
        lambda: with_llama(autoscaling=SCALED, update=SURGE | {"max_unavailable": 1}),
    ),
    Case(
        "volume-of-one-pod",
        lambda: claimed("ReadWriteOncePod", update=SURGE),
        lambda: claimed("ReadWriteOncePod"),
    ),
    Case(
        "volume-of-one-node",
        lambda: claimed("ReadWriteOnce", replicas=2),
        lambda: claimed("ReadWriteOnce"),
    ),
    Case("deadline-before-start", lambda: with_llama(start_seconds=1800), lambda: with_llama(start_seconds=1801)),
    Case(
        "drain-blocked",
        lambda: budgeted(minAvailable=2, replicas=2),
        lambda: budgeted(minAvailable=1, replicas=2),
    ),
    Case(
        "pod-in-two-budgets",
        lambda: added(sound(), second_budget({"app": "llama"})),
        lambda: added(sound(), second_budget({"app": "other"})),
    ),
    Case("grace-too-short", lambda: llama(pod(put(terminationGracePeriodSeconds=15)))),
    Case("spot-cuts-requests", lambda: on_spot(15), lambda: on_spot(105)),
    Case(
        "grace-beyond-gke",
        lambda: with_llama(engine=TGI | {"graceful_termination_timeout": 600}),
        lambda: with_llama(engine=TGI | {"graceful_termination_timeout": 570}),
    ),
    Case("quota-too-small", lambda: _with_quota(gpus=0), lambda: _with_quota(gpus=9, memory="1Ti")),
    Case(
        "daemonset-misses-pool",
        lambda: edited(sound(), "DcgmExporter/dcgm-exporter", "daemon-set", pod(drop("tolerations"))),
    ),
    Case(
        "shared-gpu-request",
        lambda: with_llama(on=("shared",), gpus=2),
        lambda: with_llama(on=("shared",), gpus=1, resources={"memory": "8Gi"}),
    ),
    Case(
        "shared-gpu-request",
        lambda: with_llama(on=("shared",), engine=VLLM, gpus=1, nodes=2, resources={"memory": "8Gi"}),
        lambda: with_llama(on=("l4",), engine=VLLM, gpus=1, nodes=2),
    ),
    Case(
        "volume-of-one-node",
        lambda: _group(cache={"kind": "claim", "size": "1Ti", "access_mode": "ReadWriteOnce"}),
        lambda: _group(cache={"kind": "claim", "size": "1Ti", "access_mode": "ReadWriteMany"}),
    ),
    Case(
        "update-never-ends",
        lambda: with_llama(on=("l4-pair",), engine=VLLM, gpus=2, nodes=4, update={"max_surge": 1}),
        lambda: with_llama(on=("l4-pair",), engine=VLLM, gpus=2, nodes=4),
    ),
    Case(
        "runs-as-root",
        lambda: edited(_group(), "ModelServer/llama", "leader-worker-set", _worker_as_root),
        _group,
    ),
    Case(
        "sharded-mig-slices",
        lambda: _sliced(with_llama(on=("l4-pair",), engine=VLLM, gpus=2)),
        lambda: _sliced(with_llama(on=("l4-pair",), engine=VLLM, gpus=1)),
    ),
    Case(
        "sharded-mig-slices",
        lambda: _sliced(with_llama(on=("l4",), engine=VLLM, gpus=1, nodes=2)),
        lambda: with_llama(on=("l4",), engine=VLLM, gpus=1, nodes=2),
    ),
    Case("gpu-request-limit", lambda: llama(_gpus(1, 2)), lambda: llama(_gpus("1", 1))),
    Case(
        "gpu-too-old",
        lambda: with_llama(on=("t4",)),
        lambda: with_llama(on=("t4",), engine=CUSTOM | {"min_compute_capability": 7.5}),
    ),
    Case(
        "gpu-too-new",
        lambda: with_llama(engine=TEI | {"variant": "turing"}, resources={"memory": "8Gi"}),
        lambda: with_llama(engine=TEI | {"variant": "ada-lovelace"}, resources={"memory": "8Gi"}),
    ),
    Case("zone-without-gpu", lambda: _zoned("us-central1-f"), lambda: _zoned("us-central1-a")),
    Case(
        "more-shards-than-gpus",
        lambda: with_llama(engine=TGI | {"num_shard": 2}),
        lambda: with_llama(on=("l4-pair",), engine=TGI | {"num_shard": 2}, gpus=2),
    ),
    Case(
        "more-shards-than-gpus",
        lambda: edited(_group(), "ModelServer/llama", "leader-worker-set", _size(2)),
        _group,
    ),
    Case(
        "idle-gpus",
        lambda: edited(_group(), "ModelServer/llama", "leader-worker-set", _size(4)),
        _group,
    ),
    Case(
        "idle-gpus",
        lambda: with_llama(on=("l4-pair",), engine=TGI | {"num_shard": 1}, gpus=2),
        lambda: with_llama(on=("l4-pair",), gpus=2),
    ),
    Case(
        "unknown-host",
        lambda: _destination(put(host="chat.inference")),
        lambda: _destination(put(host="chat")),
    ),
    Case("unknown-port", lambda: _destination(put(port={"number": 8080})), lambda: _destination(drop("port"))),
    Case("unknown-subset", lambda: _destination(put(subset="bleu"))),
    Case(
        "empty-subset",
        lambda: _with_route("chat", "chat", COLORS, rules=[{"to": {"blue": 60, "green": 40}}]),
        lambda: _with_route("chat", "chat", COLORS, rules=[{"to": {"blue": 100, "green": 0}}]),
    ),
    Case(
        "service-selects-nothing",
        lambda: edited(
            sound(), "ModelServer/llama", "service", lambda manifest: manifest["spec"].update(selector={"app": "lama"})
        ),
    ),
    Case(
        "unknown-target-port",
        lambda: llama(container(lambda target: target["ports"][0].update(name="web"))),
        lambda: edited(
            sound(),
            "ModelServer/llama",
            "service",
            lambda manifest: manifest["spec"]["ports"][0].update(targetPort=8080),
        ),
    ),
    Case(
        "weights-not-100",
        lambda: edited(
            sound(),
            "VirtualService/small",
            "virtual-service",
            lambda manifest: manifest["spec"]["http"][1]["route"][1].update(weight=20),
        ),
    ),
    Case(
        "host-routed-twice",
        lambda: added(sound(), route("other", "llama", {}, hosts=["chat.example.com"], rules=[{"to": {"all": 100}}])),
        lambda: added(sound(), route("other", "llama", {}, rules=[{"to": {"all": 100}}])),
    ),
    Case(
        "host-ruled-twice",
        lambda: added(sound(), route("chat-beta", "chat", COLORS, rules=[{"to": {"blue": 100}}])),
        lambda: added(sound(), route("chat-beta", "llama", {}, rules=[{"to": {"all": 100}}])),
    ),
    Case(
        "no-default-route",
        lambda: _with_route("chat", "chat", COLORS, rules=[{"path_prefix": "/v1", "to": {"blue": 100}}]),
        lambda: _with_route(
            "chat", "chat", COLORS, rules=[{"path_prefix": "/v1", "to": {"blue": 100}}, {"to": {"blue": 100}}]
        ),
    ),
    Case(
        "timeout-cuts-answers",
        lambda: _with_route("chat", "chat", COLORS, timeout_seconds=60, rules=[{"to": {"blue": 100}}]),
        lambda: _with_route("chat", "chat", COLORS, timeout_seconds=90, rules=[{"to": {"blue": 100}}]),
    ),
    Case(
        "runs-as-root",
        lambda: with_llama(engine=CUSTOM, security={"user": 0}),
        lambda: with_llama(engine=TGI, security={"user": 0}),
    ),
    Case("container-not-hardened", lambda: with_llama(security={"read_only_root": False})),
    Case(
        "pod-not-isolated",
        lambda: llama(pod(drop("automountServiceAccountToken", "enableServiceLinks"))),
    ),
    Case(
        "no-network-policy",
        lambda: without(without(sound(), "ModelServer/llama", "network-policy"), "Namespace/inference", "default-deny"),
        lambda: without(sound(), "Namespace/inference", "default-deny"),
    ),
    Case(
        "refused-by-pod-security",
        lambda: exchanged(
            sound(),
            "Namespace/inference",
            namespace("inference", NamespaceConfig(pod_security="restricted"), path=("namespaces", "inference")),
        ),
    ),
    Case(
        "lax-namespace",
        lambda: added(sound(), _spare("beta"), serving("chat-beta", engine=CUSTOM, namespace="beta")),
        lambda: added(
            sound(),
            namespace("beta", NamespaceConfig(pod_security="restricted"), path=("namespaces", "beta")),
            serving("chat-beta", engine=CUSTOM, namespace="beta"),
        ),
    ),
    Case("missing-probe", lambda: llama(container(drop("startupProbe", "livenessProbe")))),
    Case("no-memory-limit", lambda: llama(container(lambda target: target["resources"]["limits"].pop("memory")))),
    Case(
        "idle-capability",
        lambda: edited(
            sound(),
            "Canary/small",
            "stable-deployment",
            container(lambda target: target["securityContext"]["capabilities"].update(add=["NET_BIND_SERVICE"])),
        ),
    ),
    Case(
        "moving-image",
        lambda: with_llama(engine=CUSTOM | {"image": "registry.example.com/team/server:latest"}),
        lambda: with_llama(engine=CUSTOM | {"image": f"registry.example.com/team/server@{DIGEST}"}),
    ),
    Case(
        "image-without-digest",
        lambda: with_llama(engine=CUSTOM | {"image": "vllm/vllm-openai:v0.30.0"}),
    ),
    Case(
        "model-not-pinned",
        lambda: with_llama(revision="main"),
    ),
    Case(
        "plaintext-secret",
        lambda: llama(
            container(lambda target: target["env"].append({"name": "HF_TOKEN", "value": "hf_abcdefghijklmnop"}))
        ),
        lambda: variable("MAX_TOTAL_TOKENS", "4096"),
    ),
    Case(
        "over-budget",
        lambda: with_limits(monthly_usd=4000.0),
        lambda: with_limits(monthly_usd=4200.0),
    ),
    Case(
        "budget-unknown",
        lambda: with_limits(_on_ceph(), monthly_usd=100_000.0),
        lambda: with_limits(monthly_usd=100_000.0),
    ),
    Case(
        "over-gpu-quota",
        lambda: with_limits(gpu_quota={"nvidia-l4": (13, None)}),
        lambda: with_limits(gpu_quota={"nvidia-l4": (14, None)}),
    ),
)
"""Every rule once."""
