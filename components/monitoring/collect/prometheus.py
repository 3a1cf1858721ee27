"""The standalone Prometheus: one small hardened server that finds its targets through the Kubernetes API."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import yaml

from ...catalog.charts import addon_image, chart
from ...core.errors import Path
from ...core.manifest import metadata, object_item, without_none
from ...core.plan import Item, Part
from ...core.quantity import number
from ...tenancy.network import dns_egress, in_namespaces
from .scrape import (
    PROMETHEUS_PORT,
    STANDALONE_NAME,
    EphemeralStorage,
    PersistentStorage,
    PrometheusConfig,
    ScrapeTarget,
    StandalonePrometheus,
    prometheus_url,
)

_USER = 65534
"""`nobody`, the user of the image (prometheus/prometheus Dockerfile)."""
_LABELS = {"app.kubernetes.io/name": STANDALONE_NAME}
_META = "__meta_kubernetes_"
_CONFIG_FILE = "prometheus.yml"


def prometheus(
    config: PrometheusConfig, *, targets: Iterable[ScrapeTarget], after: tuple[str, ...] = (), path: Path = ()
) -> Part | None:
    """The Prometheus that the stack runs itself: the standalone one, or none."""
    if not isinstance(config, StandalonePrometheus):
        return None
    return standalone(config, targets=targets, after=after, path=path)


def standalone(
    config: StandalonePrometheus,
    *,
    targets: Iterable[ScrapeTarget],
    name: str = STANDALONE_NAME,
    after: tuple[str, ...] = (),
    path: Path = (),
) -> Part:
    """The standalone server. Its namespace and those of its targets must exist: put their parts into `after`.

    Args:
        config: its settings.
        targets: every group of pods it reads.
        name: name of the component; its objects are always called prometheus-server.
        after: parts that come first.
        path: where the configuration stands.
    """
    wanted = sorted(targets, key=lambda target: (target.job, target.namespace, sorted(target.selector.items())))
    namespaces = sorted({target.namespace for target in wanted})
    text = yaml.safe_dump(scrape_configuration(wanted, config.interval_seconds), sort_keys=False, width=4096)
    items = [
        _item("service-account", config, "v1", "ServiceAccount", automountServiceAccountToken=False),
        *(item for namespace in namespaces for item in _access(config, namespace)),
        _item("config", config, "v1", "ConfigMap", data={_CONFIG_FILE: text}),
        _network_policy(config, namespaces),
    ]
    if isinstance(config.storage, PersistentStorage):
        items.append(_claim(config, config.storage))
    items.append(_deployment(config, text, after=tuple(item.role for item in items)))
    items.append(_service(config))
    outputs = {"url": prometheus_url(config), "namespace": config.namespace}
    named = tuple(replace(item, name=f"{name}-{item.role}") for item in items)
    return Part("Prometheus", name, named, outputs, after=after, path=path)


def scrape_configuration(targets: Sequence[ScrapeTarget], interval_seconds: int) -> dict[str, Any]:
    """Prometheus' configuration: a job for each kind of target, which reads every pod of every replica on its own.

    All jobs share one discovery, word for word: Prometheus then watches the API server once, however many jobs there
    are (prometheus/prometheus discovery/manager.go, registerProviders).
    """
    namespaces = sorted({target.namespace for target in targets})
    groups: dict[tuple[str, str], list[ScrapeTarget]] = {}
    for target in targets:
        groups.setdefault((target.job, target.path), []).append(target)
    paths = Counter(job for job, _ in groups)
    return {
        "global": {"scrape_interval": f"{interval_seconds}s", "evaluation_interval": f"{interval_seconds}s"},
        "scrape_configs": [
            {
                # Job names must be unique; a second path of the same job is part of its name.
                "job_name": job if paths[job] == 1 else f"{job}:{path}",
                "metrics_path": path,
                "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": list(namespaces)}}],
                "relabel_configs": _relabeling(group),
            }
            for (job, path), group in groups.items()
        ],
    }


def _relabeling(targets: Sequence[ScrapeTarget]) -> list[dict[str, Any]]:
    """Keep the pods that one of the targets selects, and name them as the Prometheus operator would."""
    keys = sorted({key for target in targets for key in target.selector})
    sources = [f"{_META}namespace", f"{_META}pod_container_port_name", *(_label(key) for key in keys)]
    selected = "|".join(sorted({_pattern(target, keys) for target in targets}))
    return [
        {"source_labels": sources, "regex": selected, "action": "keep"},
        # A pod that has finished keeps its address in the API for a while.
        {"source_labels": [f"{_META}pod_phase"], "regex": "Failed|Succeeded", "action": "drop"},
        *(
            {"source_labels": [f"{_META}{label}"], "target_label": name}
            for name, label in (("namespace", "namespace"), ("pod", "pod_name"), ("container", "pod_container_name"))
        ),
    ]


def _pattern(target: ScrapeTarget, keys: Sequence[str]) -> str:
    values = (target.selector.get(key) for key in keys)
    return ";".join(".*" if value is None else _escaped(value) for value in (target.namespace, target.port, *values))


def _escaped(value: str) -> str:
    """Names and label values hold letters, digits, dashes, underscores and dots; only a dot means more in RE2."""
    return value.replace(".", r"\.")


def _label(key: str) -> str:
    return f"{_META}pod_label_" + re.sub(r"[^a-zA-Z0-9_]", "_", key)


def _item(role: str, config: StandalonePrometheus, api: str, kind: str, **fields: Any) -> Item:
    manifest = {
        "apiVersion": api,
        "kind": kind,
        "metadata": metadata(STANDALONE_NAME, config.namespace, _LABELS),
        **fields,
    }
    return object_item(role, STANDALONE_NAME, manifest)


def _access(config: StandalonePrometheus, namespace: str) -> tuple[Item, Item]:
    """Leave to list the pods of one namespace. Nothing cluster-wide: it cannot see what it does not read."""
    api = "rbac.authorization.k8s.io"
    meta = metadata(f"{config.namespace}-{STANDALONE_NAME}", namespace, _LABELS)
    role = {
        "apiVersion": f"{api}/v1",
        "kind": "Role",
        "metadata": meta,
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}],
    }
    binding = {
        "apiVersion": f"{api}/v1",
        "kind": "RoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": api, "kind": "Role", "name": meta["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": STANDALONE_NAME, "namespace": config.namespace}],
    }
    return (
        object_item(f"role-{namespace}", STANDALONE_NAME, role),
        object_item(
            f"role-binding-{namespace}", STANDALONE_NAME, binding, after=(f"role-{namespace}", "service-account")
        ),
    )


def _network_policy(config: StandalonePrometheus, namespaces: Sequence[str]) -> Item:
    readers = sorted({config.namespace, chart("prometheus-adapter").namespace, chart("keda").namespace})
    egress: list[dict[str, Any]] = [
        dns_egress(),
        # The API server: its address is not known here, and no selector names it.
        {"ports": [{"protocol": "TCP", "port": port} for port in (443, 6443)]},
    ]
    if namespaces:
        egress.append({"to": [in_namespaces(*namespaces)]})
    spec = {
        "podSelector": {"matchLabels": _LABELS},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [in_namespaces(*readers)], "ports": [{"protocol": "TCP", "port": PROMETHEUS_PORT}]}],
        "egress": egress,
    }
    return _item("network-policy", config, "networking.k8s.io/v1", "NetworkPolicy", spec=spec)


def _claim(config: StandalonePrometheus, storage: PersistentStorage) -> Item:
    spec = without_none(
        accessModes=["ReadWriteOnce"],
        resources={"requests": {"storage": storage.size}},
        storageClassName=storage.storage_class,
    )
    return _item("data", config, "v1", "PersistentVolumeClaim", spec=spec)


def _deployment(config: StandalonePrometheus, text: str, *, after: tuple[str, ...]) -> Item:
    storage = config.storage
    kept_mib = int(number(storage.size) * 0.9) // 2**20
    requests = {"cpu": config.cpu, "memory": config.memory}
    if isinstance(storage, EphemeralStorage):
        requests["ephemeral-storage"] = storage.size
    container = {
        "name": "prometheus",
        "image": config.image or addon_image("prometheus"),
        "args": [
            f"--config.file=/etc/prometheus/{_CONFIG_FILE}",
            "--storage.tsdb.path=/prometheus",
            f"--storage.tsdb.retention.time={config.retention_days}d",
            # Prometheus' MB are MiB; the rest is for the write-ahead log and compaction.
            f"--storage.tsdb.retention.size={kept_mib}MB",
        ],
        "ports": [{"name": "http", "containerPort": PROMETHEUS_PORT}],
        "resources": {"requests": requests, "limits": {"memory": config.memory}},
        "startupProbe": _probe("/-/ready", period=5, failures=120),
        "readinessProbe": _probe("/-/ready", period=5, failures=3),
        "livenessProbe": _probe("/-/healthy", period=15, failures=6),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/prometheus", "readOnly": True},
            {"name": "data", "mountPath": "/prometheus"},
        ],
    }
    data: dict[str, Any] = (
        {"name": "data", "persistentVolumeClaim": {"claimName": STANDALONE_NAME}}
        if isinstance(storage, PersistentStorage)
        else {"name": "data", "emptyDir": {"sizeLimit": storage.size}}
    )
    pod = {
        # It asks the API server for pods; nothing else of ours mounts this token.
        "automountServiceAccountToken": True,
        "serviceAccountName": STANDALONE_NAME,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 120,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": STANDALONE_NAME}}, data],
    }
    checksum = hashlib.sha256(text.encode()).hexdigest()
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(STANDALONE_NAME, config.namespace, _LABELS),
        "spec": {
            "replicas": 1,
            # Two servers cannot share one data folder.
            "strategy": {"type": "Recreate"},
            # Beyond the startup probe, which lets it replay its log for ten minutes.
            "progressDeadlineSeconds": 900,
            "selector": {"matchLabels": _LABELS},
            "template": {
                "metadata": {"labels": dict(_LABELS), "annotations": {"checksum/config": checksum}},
                "spec": pod,
            },
        },
    }
    return object_item("deployment", STANDALONE_NAME, manifest, after=after)


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _service(config: StandalonePrometheus) -> Item:
    spec = {
        "selector": dict(_LABELS),
        "ports": [{"name": "http", "port": PROMETHEUS_PORT, "targetPort": "http"}],
    }
    manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(STANDALONE_NAME, config.namespace, _LABELS),
        "spec": spec,
    }
    return object_item("service", STANDALONE_NAME, manifest, after=("deployment",))
