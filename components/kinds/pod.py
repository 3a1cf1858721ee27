"""What a pod's template says: its containers and volumes, where it may run, how it stops, what it may do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..core.plan import GPU
from .lenient import NOTHING, entries, inside, pairs, text, thousandths, whole, words
from .selector import Requirement, requirements
from .volume import VolumeClaim, claim_of

_GRACE_SECONDS = 30
"""What Kubernetes gives when nothing is said (core/v1, PodSpec.terminationGracePeriodSeconds)."""
_SLEEP = re.compile(r"\bsleep\s+(\d+)")
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_HOST_FIELDS = ("hostNetwork", "hostPID", "hostIPC")


class SecurityContext(NamedTuple):
    """What a container, or all of a pod's by default, may do; `None` where nothing is said.

    Attributes:
        user: the number of the user it runs as.
        non_root: whether the kubelet refuses to run it as root.
        seccomp: type of the seccomp profile; empty for one without a type.
        privileged: whether it may do all that root on the node may.
        read_only_root: whether it cannot write to its root filesystem.
        escalates: whether its processes may gain rights; true where nothing is said.
        added: capabilities it adds.
        dropped: capabilities it drops.
        proc_mount: how it sees /proc; `Default` where nothing is said.
    """

    user: int | None = None
    non_root: bool | None = None
    seccomp: str | None = None
    privileged: bool = False
    read_only_root: bool = False
    escalates: bool = True
    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    proc_mount: str = "Default"

    def within(self, pod: SecurityContext) -> SecurityContext:
        """The same with what the pod says where the container says nothing."""
        return self._replace(
            user=pod.user if self.user is None else self.user,
            non_root=pod.non_root if self.non_root is None else self.non_root,
            seccomp=pod.seccomp if self.seccomp is None else self.seccomp,
        )


class ContainerPort(NamedTuple):
    """A port of a container: its name, empty where it has none, its number, and the node's port it takes, or 0."""

    name: str
    number: int
    host: int


class ProbeTimes(NamedTuple):
    """How often a probe asks, in seconds, and how many failures in a row it takes."""

    delay: int
    period: int
    failures: int

    @property
    def budget_seconds(self) -> int:
        """How long something may fail from its start on."""
        return self.delay + self.period * self.failures


class ContainerSpec(NamedTuple):
    """What a container is. What few ask for is read when they do.

    Attributes:
        name: its name.
        image: its image; empty where it has none.
        arguments: its command and arguments.
        limits: the most of each resource, as quantities.
        requests: what is reserved for it of each resource, as quantities.
        security: what it may do, without what its pod says.
        is_sidecar: whether it is an init container that runs on beside the others.
        manifest: all of it.
    """

    name: str
    image: str
    arguments: tuple[str, ...]
    limits: Mapping[str, Any]
    requests: Mapping[str, Any]
    security: SecurityContext
    is_sidecar: bool
    manifest: Mapping[str, Any]

    @property
    def env(self) -> list[tuple[str, Any]]:
        """Its variables with the values they are given here; `None` for what comes from elsewhere."""
        return [(text(entry.get("name")), entry.get("value")) for entry in entries(self.manifest.get("env"))]

    @property
    def ports(self) -> list[ContainerPort]:
        """Its ports."""
        return [
            ContainerPort(text(port.get("name")), whole(port.get("containerPort"), 0), whole(port.get("hostPort"), 0))
            for port in entries(self.manifest.get("ports"))
        ]

    @property
    def probes(self) -> list[str]:
        """The probes it has: `startupProbe`, `readinessProbe`, `livenessProbe`."""
        return [probe for probe in _PROBES if isinstance(self.manifest.get(probe), dict)]

    @property
    def startup(self) -> ProbeTimes | None:
        """How its startup probe asks, with Kubernetes' defaults: every 10 s, three times; `None` without one."""
        probe = self.manifest.get("startupProbe")
        if not isinstance(probe, dict):
            return None
        return ProbeTimes(
            whole(probe.get("initialDelaySeconds"), 0),
            whole(probe.get("periodSeconds"), 10),
            whole(probe.get("failureThreshold"), 3),
        )

    @property
    def sleep_seconds(self) -> int:
        """How long its preStop hook sleeps before SIGTERM; 0 without one."""
        hook = inside(self.manifest, "lifecycle", "preStop")
        if "sleep" in hook:
            return whole(inside(hook, "sleep").get("seconds"), 0)
        found = _SLEEP.search(" ".join(words(inside(hook, "exec").get("command")))) if hook else None
        return int(found[1]) if found else 0

    @property
    def gpus(self) -> int:
        """Its GPUs; 0 where that is no whole number, which the API server refuses."""
        count = str(self.limits.get(GPU, self.requests.get(GPU, 0)))
        return int(count) if count.isascii() and count.isdigit() else 0


class PodVolume(NamedTuple):
    """A volume of a pod.

    Attributes:
        name: its name in the pod.
        sources: what it is, `emptyDir`, `configMap`, …: one in what an API takes.
        claim: name of the claim it is; empty for none.
        template: the claim that is made for each pod; `None` for none.
        host_path: the node's folder it is; `None` for none.
        driver: name of its CSI driver; empty for none.
        files: the ConfigMap or Secret whose files it holds, kind and name; `None` for none.
    """

    name: str
    sources: tuple[str, ...]
    claim: str
    template: VolumeClaim | None
    host_path: str | None
    driver: str
    files: tuple[str, str] | None


class Toleration(NamedTuple):
    """A toleration; `None` for a key or an effect means any."""

    key: str | None
    operator: str
    value: str
    effect: str | None


class NodeTerm(NamedTuple):
    """One of the alternatives of a required node affinity.

    Attributes:
        requirements: what all must hold of a node's labels.
        is_empty: whether it says nothing at all: then it selects no node.
    """

    requirements: tuple[Requirement, ...]
    is_empty: bool


class PodTemplate(NamedTuple):
    """What a pod's template says.

    Attributes:
        labels: of the pod.
        annotations: of the pod.
        containers: its containers.
        inits: its init containers, sidecars among them.
        volumes: its volumes.
        security: what its containers may do where they say nothing.
        host: the host's namespaces it shares: `hostNetwork`, `hostPID`, `hostIPC`.
        account: its ServiceAccount.
        mounts_token: whether the account's token is mounted.
        service_links: whether it gets the namespace's Services as variables.
        node_selector: labels that its node must have.
        node_terms: its required node affinity: one of them must hold.
        tolerations: the taints it tolerates.
        together: topology keys within which it must be beside other pods.
        overhead: what counts against its node beside its containers, as quantities.
        grace_seconds: from its deletion to SIGKILL.
        asked: what it asks of a node, in thousandths of each resource.
    """

    labels: Mapping[str, Any]
    annotations: Mapping[str, Any]
    containers: tuple[ContainerSpec, ...]
    inits: tuple[ContainerSpec, ...]
    volumes: tuple[PodVolume, ...]
    security: SecurityContext
    host: tuple[str, ...]
    account: str
    mounts_token: bool
    service_links: bool
    node_selector: Mapping[str, Any]
    node_terms: tuple[NodeTerm, ...]
    tolerations: tuple[Toleration, ...]
    together: tuple[str, ...]
    overhead: Mapping[str, Any]
    grace_seconds: int
    asked: Mapping[str, int]

    @property
    def every_container(self) -> tuple[ContainerSpec, ...]:
        """Init containers and containers."""
        return (*self.inits, *self.containers)

    @property
    def sleep_seconds(self) -> int:
        """How long its slowest preStop hook sleeps before SIGTERM."""
        return max((container.sleep_seconds for container in self.containers), default=0)

    @property
    def gpus(self) -> int:
        """The GPUs of its containers."""
        return sum(container.gpus for container in self.containers)

    def volume(self, name: str) -> PodVolume | None:
        """The volume of that name."""
        return next((volume for volume in self.volumes if volume.name == name), None)

    def with_overhead(self, more: Mapping[str, Any]) -> PodTemplate:
        """The same with more that counts against its node; what it says itself stays."""
        overhead = {**more, **self.overhead}
        return self._replace(overhead=overhead, asked=_asked(self.containers, self.inits, overhead))


def pod_template(template: Mapping[str, Any]) -> PodTemplate:
    """What a template of pods says, or a pod."""
    metadata, spec = inside(template, "metadata"), inside(template, "spec")
    containers = _containers(spec.get("containers"))
    inits = _containers(spec.get("initContainers"))
    overhead = inside(spec, "overhead")
    affinity = inside(spec, "affinity") if "affinity" in spec else NOTHING
    return PodTemplate(
        labels=pairs(metadata.get("labels")),
        annotations=pairs(metadata.get("annotations")),
        containers=containers,
        inits=inits,
        volumes=tuple(map(_volume, entries(spec.get("volumes")))),
        security=_security(spec.get("securityContext")),
        host=tuple(field for field in _HOST_FIELDS if spec.get(field)),
        account=text(spec.get("serviceAccountName"), "default"),
        mounts_token=spec.get("automountServiceAccountToken") is not False,
        service_links=spec.get("enableServiceLinks") is not False,
        node_selector=pairs(spec.get("nodeSelector")),
        node_terms=_node_terms(affinity),
        tolerations=tuple(map(_toleration, entries(spec.get("tolerations")))),
        together=_together(affinity),
        overhead=overhead,
        grace_seconds=whole(spec.get("terminationGracePeriodSeconds"), _GRACE_SECONDS),
        asked=_asked(containers, inits, overhead),
    )


def _containers(value: Any) -> tuple[ContainerSpec, ...]:
    return tuple(map(_container, entries(value)))


def _container(container: Mapping[str, Any]) -> ContainerSpec:
    resources = inside(container, "resources")
    return ContainerSpec(
        name=text(container.get("name")),
        image=text(container.get("image")),
        arguments=words(container.get("command")) + words(container.get("args")),
        limits=inside(resources, "limits"),
        requests=inside(resources, "requests"),
        security=_security(container.get("securityContext")),
        is_sidecar=container.get("restartPolicy") == "Always",
        manifest=container,
    )


_PLAIN = SecurityContext()


def _security(value: Any) -> SecurityContext:
    if not isinstance(value, dict):
        return _PLAIN
    capabilities, profile = inside(value, "capabilities"), value.get("seccompProfile")
    user, non_root = value.get("runAsUser"), value.get("runAsNonRoot")
    return SecurityContext(
        user if isinstance(user, int) and not isinstance(user, bool) else None,
        non_root if isinstance(non_root, bool) else None,
        text(profile.get("type")) if isinstance(profile, dict) else None,
        bool(value.get("privileged")),
        value.get("readOnlyRootFilesystem") is True,
        value.get("allowPrivilegeEscalation") is not False,
        words(capabilities.get("add")),
        words(capabilities.get("drop")),
        text(value.get("procMount"), "Default"),
    )


def _volume(volume: Mapping[str, Any]) -> PodVolume:
    claim, template, host_path, driver, files = "", None, None, "", None
    sources = tuple([field for field in volume if field != "name"])
    for source in sources:
        given = inside(volume, source)
        match source:
            case "persistentVolumeClaim":
                claim = text(given.get("claimName"))
            case "ephemeral":
                template = claim_of(inside(given, "volumeClaimTemplate"))
            case "hostPath":
                host_path = text(given.get("path"))
            case "csi":
                driver = text(given.get("driver"))
            case "configMap" if name := text(given.get("name")):
                files = ("ConfigMap", name)
            case "secret" if name := text(given.get("secretName")):
                files = ("Secret", name)
    return PodVolume(text(volume.get("name")), sources, claim, template, host_path, driver, files)


def _toleration(toleration: Mapping[str, Any]) -> Toleration:
    return Toleration(
        text(toleration.get("key")) or None,
        text(toleration.get("operator"), "Equal"),
        text(toleration.get("value")),
        text(toleration.get("effect")) or None,
    )


_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def _node_terms(affinity: Mapping[str, Any]) -> tuple[NodeTerm, ...]:
    terms = entries(inside(affinity, "nodeAffinity", _REQUIRED).get("nodeSelectorTerms")) if affinity else ()
    return tuple(NodeTerm(requirements(term.get("matchExpressions")), not term) for term in terms)


def _together(affinity: Mapping[str, Any]) -> tuple[str, ...]:
    terms = entries(inside(affinity, "podAffinity").get(_REQUIRED)) if affinity else ()
    return tuple(text(term.get("topologyKey")) for term in terms)


def _asked(
    containers: Iterable[ContainerSpec], inits: Iterable[ContainerSpec], overhead: Mapping[str, Any]
) -> Mapping[str, int]:
    """What one pod asks of a node: the sum of its containers, or its largest init container where that is more.

    A missing request is its limit, as the API server fills in; init containers that restart always are sidecars and
    count with the containers (kubernetes.io/docs/concepts/workloads/pods/sidecar-containers).
    """
    total: dict[str, int] = {}
    for container in containers:
        _add(total, {**container.limits, **container.requests})
    sidecars: dict[str, int] = {}
    peaks: list[dict[str, int]] = []
    for container in inits:
        asked = {**container.limits, **container.requests}
        if container.is_sidecar:
            _add(sidecars, asked)
        else:
            peaks.append(_add(dict(sidecars), asked))
    for name, amount in sidecars.items():
        total[name] = total.get(name, 0) + amount
    for peak in peaks:
        for name, amount in peak.items():
            total[name] = max(total.get(name, 0), amount)
    return _add(total, overhead)


def _add(total: dict[str, int], more: Mapping[str, Any]) -> dict[str, int]:
    """A sum with more quantities; what is none is left out."""
    for name, quantity in more.items():
        if (amount := thousandths(quantity)) is not None:
            total[name] = total.get(name, 0) + amount
    return total
