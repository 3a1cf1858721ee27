"""For each rule a plan it refuses, and one much like it that it lets pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from components.manifest import object_item
from components.plan import Part, Plan
from components.tenancy.namespace import NamespaceConfig, QuotaConfig, namespace

from .plans import (
    COLORS,
    CUSTOM,
    DIGEST,
    TGI,
    Edit,
    added,
    container,
    drop,
    edited,
    exchanged,
    llama,
    pod,
    put,
    route,
    serving,
    sound,
    variable,
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


CASES = (
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
    Case("gpu-request-limit", lambda: llama(_gpus(1, 2)), lambda: llama(_gpus("1", 1))),
    Case(
        "gpu-too-old",
        lambda: with_llama(on=("t4",)),
        lambda: with_llama(on=("t4",), engine=CUSTOM | {"min_compute_capability": 7.5}),
    ),
    Case("zone-without-gpu", lambda: _zoned("us-central1-f"), lambda: _zoned("us-central1-a")),
    Case(
        "more-shards-than-gpus",
        lambda: with_llama(engine=TGI | {"num_shard": 2}),
        lambda: with_llama(on=("l4-pair",), engine=TGI | {"num_shard": 2}, gpus=2),
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
    Case("grace-too-short", lambda: llama(pod(put(terminationGracePeriodSeconds=15)))),
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
)
"""Every rule once."""
