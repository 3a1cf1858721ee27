"""Our own DCGM exporter, for GPU nodes that GKE's managed one does not watch.

Never both: two exporters on a node give "duplicate or incorrect metrics" (GKE's documentation of its DCGM metrics).
The managed one runs where the cluster's monitoring components include DCGM and GKE installs the GPU driver.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from ...catalog.charts import addon_image
from ...catalog.metrics import metrics_of
from ...core.config import Bytes, Config, Cpu, Flag, Image, Seconds, patterned
from ...core.errors import Path
from ...core.manifest import metadata, object_item
from ...core.plan import Item, Part
from ...gpu.node_pool import ACCELERATOR_LABEL
from ...tenancy.network import in_namespaces
from .scrape import PrometheusConfig, ScrapeTarget, scrape_item, scraper_namespace

DcgmSource = Literal["managed", "daemonset", "none"]
"""Who watches the GPUs: GKE's managed exporter, our DaemonSet, or nobody."""

NAME = "dcgm-exporter"
PORT = 9400
_LABELS = {"app.kubernetes.io/name": NAME}
_DRIVER = "/home/kubernetes/bin/nvidia"
"""Where GKE's Container-Optimized OS keeps the driver; no container runtime mounts it into pods."""
_POD_RESOURCES = "/var/lib/kubelet/pod-resources"
_COUNTERS = "counters.csv"

Counter = Annotated[str, patterned(r"^DCGM_FI_[A-Z0-9_]+$", "a DCGM field such as DCGM_FI_PROF_SM_ACTIVE")]
"""The name of a DCGM field."""


class DcgmExporterConfig(Config):
    """NVIDIA's exporter of GPU metrics as a DaemonSet on Container-Optimized OS.

    It runs privileged, as root, with host folders mounted: its namespace needs `pod_security: privileged`.
    """

    interval_seconds: Annotated[Seconds, Field(ge=1)] = 15
    """Seconds between two looks at the GPUs. Omitted: 15, as often as Prometheus reads."""
    shared_gpus: Flag = False
    """Whether pods share GPUs by time-sharing or MPS, so that a GPU's metrics name all of them. Omitted: each GPU
    has one pod."""
    extra_counters: dict[Counter, Literal["gauge", "counter"]] = Field(default_factory=dict)
    """DCGM fields beyond NVIDIA's defaults, such as `DCGM_FI_PROF_SM_ACTIVE: gauge`. Omitted: the defaults, which
    leave out FB_TOTAL: memory in use is USED / (USED + FREE + RESERVED)."""
    cpu: Cpu = "100m"
    """CPU request. Omitted: 100m."""
    memory: Bytes = "512Mi"
    """Memory request and limit. Omitted: 512Mi, the limit of NVIDIA's chart."""
    read_only_root: Flag = True
    """Whether the image's own files are read-only. Omitted: they are."""
    image: Image | None = None
    """Exporter image. Omitted: the pinned one of our catalog."""


def dcgm_exporter(
    config: DcgmExporterConfig,
    *,
    namespace: str,
    prometheus: PrometheusConfig | None = None,
    name: str = NAME,
    after: tuple[str, ...] = (),
    path: Path = (),
) -> Part:
    """The exporter: its counters, a DaemonSet on every GPU node, a headless Service and its scrape object.

    Args:
        config: its settings.
        namespace: where it runs; must exist and admit privileged pods.
        prometheus: who reads it. Omitted: nobody, and nothing may connect to it.
        name: name of the component; its objects are always called dcgm-exporter.
        after: parts that come first, such as the namespace's.
        path: where the configuration stands.
    """
    text = _counters(config)
    items = [
        _item("counters", namespace, "v1", "ConfigMap", data={_COUNTERS: text}),
        _network_policy(namespace, scraper_namespace(prometheus) if prometheus else None),
        _daemon_set(config, namespace, text),
        _service(namespace),
    ]
    target = dcgm_target(namespace)
    scrape = prometheus and scrape_item(
        prometheus,
        component=NAME,
        name=NAME,
        namespace=namespace,
        selector=target.selector,
        port=target.port,
        after=("daemon-set",),
    )
    if scrape:
        items.append(scrape)
    named = tuple(replace(item, name=f"{name}-{item.role}") for item in items)
    return Part("DcgmExporter", name, named, {"namespace": namespace, "port": PORT}, after=after, path=path)


def dcgm_target(namespace: str) -> ScrapeTarget:
    """The exporter's pods, for the standalone Prometheus.

    Their metrics name the pod that uses the GPU as `exported_pod`, `exported_namespace` and `exported_container`: the
    exporter's own pod wins the plain names under every collector, because Google's cannot be told otherwise.
    """
    return ScrapeTarget(NAME, namespace, _LABELS, "metrics")


def _counters(config: DcgmExporterConfig) -> str:
    defaults = [f"{metric.name}, {metric.kind}, {metric.help}." for metric in metrics_of("dcgm")]
    known = {metric.name for metric in metrics_of("dcgm")}
    extra = [f"{name}, {kind}, {name}." for name, kind in sorted(config.extra_counters.items()) if name not in known]
    # A `label` is no series of its own; it is added to those of the same GPU.
    return "\n".join([*defaults, "DCGM_FI_DRIVER_VERSION, label, Driver version.", *extra]) + "\n"


def _item(role: str, namespace: str, api: str, kind: str, *, after: tuple[str, ...] = (), **fields: Any) -> Item:
    manifest = {"apiVersion": api, "kind": kind, "metadata": metadata(NAME, namespace, _LABELS), **fields}
    return object_item(role, NAME, manifest, after=after)


def _network_policy(namespace: str, reader: str | None) -> Item:
    """Only the collector may connect, and the exporter calls nobody: it learns of pods from the kubelet's socket."""
    spec: dict[str, Any] = {"podSelector": {"matchLabels": _LABELS}, "policyTypes": ["Ingress", "Egress"]}
    if reader:
        spec["ingress"] = [{"from": [in_namespaces(reader)], "ports": [{"protocol": "TCP", "port": PORT}]}]
    return _item("network-policy", namespace, "networking.k8s.io/v1", "NetworkPolicy", spec=spec)


def _daemon_set(config: DcgmExporterConfig, namespace: str, counters: str) -> Item:
    requirement = {"key": ACCELERATOR_LABEL, "operator": "Exists"}
    required = {"nodeSelectorTerms": [{"matchExpressions": [requirement]}]}
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}},
        # A GPU node of any pool: GKE taints them for GPUs, Spot, flex-start and compute classes alike, and NVIDIA's
        # chart tolerates none of that.
        "tolerations": [{"operator": "Exists"}],
        "securityContext": {"runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(config)],
        "volumes": [
            {"name": "pod-resources", "hostPath": {"path": _POD_RESOURCES, "type": "Directory"}},
            # No type: GKE creates the folder when it installs the driver, which may be after this pod starts.
            {"name": "driver", "hostPath": {"path": _DRIVER}},
            {"name": "counters", "configMap": {"name": NAME}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
        ],
    }
    checksum = hashlib.sha256(counters.encode()).hexdigest()
    spec = {
        "selector": {"matchLabels": _LABELS},
        "template": {
            "metadata": {"labels": dict(_LABELS), "annotations": {"checksum/counters": checksum}},
            "spec": pod,
        },
    }
    return _item("daemon-set", namespace, "apps/v1", "DaemonSet", after=("counters", "network-policy"), spec=spec)


def _container(config: DcgmExporterConfig) -> dict[str, Any]:
    env = {
        "DCGM_EXPORTER_LISTEN": f":{PORT}",
        "DCGM_EXPORTER_COLLECTORS": f"/etc/dcgm-exporter/{_COUNTERS}",
        "DCGM_EXPORTER_INTERVAL": str(config.interval_seconds * 1000),
        "DCGM_EXPORTER_KUBERNETES": "true",
        # GKE's device plugin hands GPUs out as nvidia0, nvidia1, not by their UUIDs.
        "DCGM_EXPORTER_KUBERNETES_GPU_ID_TYPE": "device-name",
        "LD_LIBRARY_PATH": "/usr/local/nvidia/lib64",
        **({"KUBERNETES_VIRTUAL_GPUS": "true"} if config.shared_gpus else {}),
    }
    health = {"path": "/health", "port": "metrics"}
    return {
        "name": NAME,
        "image": config.image or addon_image(NAME),
        "env": [
            *({"name": name, "value": value} for name, value in env.items()),
            {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        ],
        "ports": [{"name": "metrics", "containerPort": PORT}],
        "readinessProbe": {"httpGet": health, "periodSeconds": 10, "timeoutSeconds": 5},
        "livenessProbe": {"httpGet": health, "initialDelaySeconds": 45, "periodSeconds": 15, "timeoutSeconds": 5},
        "resources": {"requests": {"cpu": config.cpu, "memory": config.memory}, "limits": {"memory": config.memory}},
        # Privileged, because no container runtime hands it the GPUs: it opens every /dev/nvidia* of the node itself.
        "securityContext": {"privileged": True, "readOnlyRootFilesystem": config.read_only_root},
        "volumeMounts": [
            {"name": "pod-resources", "mountPath": _POD_RESOURCES, "readOnly": True},
            {"name": "driver", "mountPath": "/usr/local/nvidia", "readOnly": True},
            {"name": "counters", "mountPath": "/etc/dcgm-exporter", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a path inside the container
        ],
    }


def _service(namespace: str) -> Item:
    """Headless: a name that lists every node's exporter, for a Prometheus that this stack knows nothing of."""
    spec = {
        "clusterIP": "None",
        "selector": dict(_LABELS),
        "ports": [{"name": "metrics", "port": PORT, "targetPort": "metrics"}],
    }
    return _item("service", namespace, "v1", "Service", after=("daemon-set",), spec=spec)
