"""Hardening: pods that may do more than they must, or that the cluster would refuse for it."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.words import listed
from ..engines.image_facts import needs_of
from ..kinds.contents import bound_accounts
from ..kinds.metadata import labels_of
from ..kinds.names import ENDING
from ..kinds.pod import ContainerSpec
from ..kinds.policy import network_rules
from ..reading.index import Index
from ..reading.workload import Workload, namespace_of, place
from ..tenancy.pod_security import ENFORCE, LEVELS, level_reached, violations
from .images import name_of
from .rule import Fault, rule

_HOST = {"hostNetwork": "the node's network", "hostPID": "the node's processes", "hostIPC": "the node's shared memory"}
_BOTH = {"Ingress", "Egress"}


@rule("runs-as-root", "hardening", "error")
def runs_as_root(index: Index) -> Iterator[Fault]:
    """A container that runs as root although its image does not need to.

    Root in a container is root on the node when anything breaks out. Expected only of images that do not start
    otherwise, listed with their reasons in hardening.tsv, the catalog's and each engine's: TGI's Python is under
    /root, and the DCGM exporter reads a socket of root's. Source:
    kubernetes.io/docs/concepts/security/pod-security-standards, "Running as Non-root".

    Fix: leave `security.user` out, or build the image with a numeric USER that is not 0.
    """
    for pod in index.workloads:
        for container in pod.every_container:
            security = container.security.within(pod.template.security)
            user = security.user
            if user == 0 or (user is None and not security.non_root):
                if _may(container, "root"):
                    continue
                how = "runs as user 0" if user == 0 else "sets neither runAsUser nor runAsNonRoot, so the image decides"
                yield Fault(
                    pod.at("security", "user"),
                    f"{pod.subject}: container {container.name} {how}; {_image(container)} is not known to need root",
                    ("leave security.user out", "set runAsNonRoot: true and a numeric runAsUser"),
                )


@rule("container-not-hardened", "hardening", "error")
def container_not_hardened(index: Index) -> Iterator[Fault]:
    """A container with more rights than its image needs.

    Each container has a read-only root filesystem, may not escalate privileges, drops ALL capabilities, and has a
    seccomp profile. GKE Standard sets none of these by itself. Exceptions are the images listed in
    hardening.tsv, the catalog's and each engine's. Source: kubernetes.io/docs/concepts/security/pod-security-standards.

    Fix: keep the engine's own settings: drop the overrides in `security`, and mount an emptyDir where it must write.
    """
    for pod in index.workloads:
        for container in pod.every_container:
            if missing := list(_missing(pod, container)):
                steps = ("security", "read_only_root") if missing == [_WRITABLE] else ("security",)
                yield Fault(
                    pod.at(*steps),
                    f"{pod.subject}: container {container.name} {', '.join(missing)}; {_image(container)} is not "
                    "known to need that",
                    tuple(_FIXES[text] for text in missing if text in _FIXES),
                )


@rule("pod-not-isolated", "hardening", "error")
def pod_not_isolated(index: Index) -> Iterator[Fault]:
    """A pod that sees more of the node or the cluster than it must.

    The token of its ServiceAccount is mounted although no role is bound to it; Services appear as environment
    variables (one named `prometheus` sets PROMETHEUS_PORT=tcp://…, which stops TGI; `vllm` does the same to vLLM);
    or it shares the node's network, processes, memory or folders. Exceptions are the images listed in
    hardening.tsv, the catalog's and each engine's. Source:
    kubernetes.io/docs/tasks/configure-pod-container/configure-service-account,
    "Opt out of API credential automounting".

    Fix: `automountServiceAccountToken: false`, `enableServiceLinks: false`, and no host fields.
    """
    bound = index.once("bound accounts", _bound_accounts)
    for pod in index.workloads:
        template = pod.template
        shared = [words for field, words in _HOST.items() if field in template.host]
        folders = [volume.host_path for volume in template.volumes if volume.host_path is not None]
        if folders and not any(_may(container, "host-path") for container in pod.containers):
            shared.append(f"its folders {', '.join(folders)}")
        problems = [f"shares {words}" for words in shared]
        fixes = ["drop the host fields and volumes"] if shared else []
        if template.mounts_token and (pod.namespace, template.account) not in bound:
            problems.append(f"mounts the token of ServiceAccount {template.account}, to which no role is bound")
            fixes.append("automountServiceAccountToken: false")
        if template.service_links:
            problems.append("gets every Service of its namespace as environment variables")
            fixes.append("enableServiceLinks: false")
        if problems:
            yield Fault(pod.at(), f"{pod.subject}: its pod {'; '.join(problems)}", tuple(fixes))


@rule("idle-capability", "hardening", "warning")
def idle_capability(index: Index) -> Iterator[Fault]:
    """A capability added to a container that does not run as root.

    It has no effect: Kubernetes sets no ambient capabilities, so a process of another user starts without them, and
    allowPrivilegeEscalation: false voids file capabilities too. Source: kubernetes/kubernetes#56374, open.

    Fix: drop the capability; where it is really needed, the container must run as root.
    """
    for pod in index.workloads:
        for container in pod.every_container:
            security = container.security.within(pod.template.security)
            added = security.added
            if added and (security.user or security.non_root):
                yield Fault(
                    pod.at("security"),
                    f"{pod.subject}: container {container.name} adds {', '.join(added)}, which has no effect "
                    "because it does not run as root",
                    (f"drop {', '.join(added)}",),
                )


@rule("no-network-policy", "hardening", "error")
def no_network_policy(index: Index) -> Iterator[Fault]:
    """A pod that no NetworkPolicy of its namespace restricts in both directions.

    Without one it may be called by, and may call, everything: the metadata server, other tenants, the internet. Each
    direction needs a policy that selects the pod. Pods on the host's network are outside of what policies cover and
    are told by pod-not-isolated. Source: kubernetes.io/docs/concepts/services-networking/network-policies, "The two
    sorts of pod isolation".

    Fix: isolate the namespace, or give the pod a policy with policyTypes Ingress and Egress.
    """
    covered: dict[int, set[str]] = {}
    for _, item in index.objects("NetworkPolicy"):
        rules = network_rules(item.properties)
        for pod in index.by_selector(namespace_of(item), rules.selector):
            covered.setdefault(id(pod), set()).update(rules.ways)
    for pod in index.workloads:
        if (open_ways := _BOTH - covered.get(id(pod), set())) and "hostNetwork" not in pod.template.host:
            ways = {"Ingress": "may be called by everything", "Egress": "may call everything"}
            yield Fault(
                pod.at(),
                f"{pod.subject}: its pods {' and '.join(ways[way] for way in sorted(open_ways, reverse=True))}: no "
                f"NetworkPolicy in {pod.namespace} selects them for {' and '.join(sorted(open_ways, reverse=True))}",
                (f"isolate: true in namespaces.{pod.namespace}", "add a NetworkPolicy that selects them"),
            )


@rule("refused-by-pod-security", "hardening", "error")
def refused_by_pod_security(index: Index) -> Iterator[Fault]:
    """A pod that its namespace refuses.

    The namespace enforces a Pod Security level that the pod does not reach: its Deployment is created, and never gets
    a pod. Source: kubernetes.io/docs/concepts/security/pod-security-admission.

    Fix: harden the pod, or lower `pod_security` of the namespace.
    """
    levels = _levels(index)
    for pod in index.workloads:
        level = levels.get(pod.namespace)
        if level is None or level not in LEVELS:
            continue
        if reasons := violations(pod.template, level):
            yield Fault(
                pod.at(),
                f"{pod.subject}: namespace {pod.namespace} enforces {level} and would refuse its pods: "
                f"{listed(reasons)}",
                (
                    "drop what it refuses, where the image allows",
                    f"pod_security: {level_reached(pod.template)} in namespaces.{pod.namespace}",
                ),
            )


@rule("lax-namespace", "hardening", "warning")
def lax_namespace(index: Index) -> Iterator[Fault]:
    """A namespace that enforces less than all its pods reach.

    It costs nothing to enforce more, and the next pod that is less hardened would be refused instead of running
    unnoticed. Namespaces into which Istio injects sidecars are left out, because what is injected is not in the plan.
    Source: kubernetes.io/docs/concepts/security/pod-security-admission.

    Fix: raise `pod_security` of the namespace.
    """
    reached: dict[str, int] = {}
    for pod in index.workloads:
        level = LEVELS.index(level_reached(pod.template))
        reached[pod.namespace] = min(level, reached.get(pod.namespace, level))
    for part, item in index.objects("Namespace"):
        name = item.object_name
        labels = labels_of(item.properties)
        if name not in reached or labels.get("istio-injection") == "enabled" or "istio.io/rev" in labels:
            continue
        best = LEVELS[reached[name]]
        enforced = labels.get(ENFORCE)
        if LEVELS.index(enforced) < reached[name] if enforced in LEVELS else best != "privileged":
            says = f"enforces {enforced}" if enforced else "enforces no Pod Security level"
            yield Fault(
                place(part, "pod_security") if part.kind == "Namespace" else place(part),
                f"Namespace {name} {says}, but all its pods reach {best}",
                (f"pod_security: {best}",),
            )


@rule("missing-probe", "hardening", "error")
def missing_probe(index: Index) -> Iterator[Fault]:
    """A server without the probes that watch it.

    Without a readiness probe a Service sends requests to a pod whose model is still loading; without a liveness probe
    one that hangs stays; without a startup probe a model server is killed while it loads, or liveness must wait as
    long as the slowest load. Judged: containers with ports; the startup probe only of pods that serve models. Source:
    kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes.

    Fix: give the container the probes.
    """
    for pod in index.workloads:
        if pod.kind in ENDING:
            continue
        wanted = (*(("startupProbe",) if pod.serves else ()), "readinessProbe", "livenessProbe")
        for container in pod.containers:
            if container.ports and (missing := [probe for probe in wanted if probe not in container.probes]):
                yield Fault(
                    pod.at("engine", "probes"),
                    f"{pod.subject}: container {container.name} has no {' and no '.join(missing)}",
                    (f"give it {' and '.join(missing)}",),
                )


@rule("no-memory-limit", "hardening", "warning")
def no_memory_limit(index: Index) -> Iterator[Fault]:
    """A container that may take all memory of its node.

    When the node runs out, the kernel kills by its own choice, and the neighbour of a leaking process may go first;
    /dev/shm and other memory volumes count against the limit too, and are unbounded without one. Source:
    kubernetes.io/docs/concepts/configuration/manage-resources-containers.

    Fix: set `limits.memory`, equal to the request for a model server.
    """
    for pod in index.workloads:
        for container in pod.every_container:
            if "memory" not in container.limits:
                yield Fault(
                    pod.at("resources", "memory"),
                    f"{pod.subject}: container {container.name} has no memory limit",
                    ("set limits.memory, best equal to the request",),
                )


RULES = (
    runs_as_root,
    container_not_hardened,
    pod_not_isolated,
    no_network_policy,
    refused_by_pod_security,
    missing_probe,
    lax_namespace,
    no_memory_limit,
    idle_capability,
)
"""In the order they are told."""

_WRITABLE = "has a writable root filesystem"
_ESCALATES = "may escalate privileges"
_PRIVILEGED = "is privileged"
_SECCOMP = "has no seccomp profile"
_CAPABILITIES = "does not drop ALL capabilities"
_FIXES = {
    _WRITABLE: "readOnlyRootFilesystem: true, with an emptyDir where it writes",
    _ESCALATES: "allowPrivilegeEscalation: false",
    _PRIVILEGED: "drop privileged",
    _SECCOMP: "seccompProfile: {type: RuntimeDefault}",
    _CAPABILITIES: "capabilities: {drop: [ALL]}",
}


def _missing(pod: Workload, container: ContainerSpec) -> Iterator[str]:
    """What hardening a container lacks and its image could have."""
    security = container.security.within(pod.template.security)
    if security.privileged and not _may(container, "privileged"):
        yield _PRIVILEGED
    if not security.read_only_root and not _may(container, "writable-root"):
        yield _WRITABLE
    if security.seccomp not in ("RuntimeDefault", "Localhost"):
        yield _SECCOMP
    if security.privileged:
        return  # it has all privileges and capabilities; no setting takes one away
    if security.escalates:
        yield _ESCALATES
    if "ALL" not in security.dropped:
        yield _CAPABILITIES
    if extra := [name for name in security.added if not _may(container, name)]:
        yield f"adds {', '.join(extra)}"


def _may(container: ContainerSpec, what: str) -> bool:
    """Whether the container's image is known to need something."""
    return what in needs_of(name_of(container.image))


def _image(container: ContainerSpec) -> str:
    return f"the image {name_of(container.image)}"


def _levels(index: Index) -> dict[str, str]:
    """The Pod Security level each namespace of the plan enforces."""
    labels = {item.object_name: labels_of(item.properties) for _, item in index.objects("Namespace")}
    return {name: found[ENFORCE] for name, found in labels.items() if ENFORCE in found}


def _bound_accounts(index: Index) -> set[tuple[str, str]]:
    """ServiceAccounts to which the plan binds a role, and which therefore need their token."""
    return {
        account
        for _, item in index.objects("RoleBinding", "ClusterRoleBinding")
        for account in bound_accounts(item.properties, namespace_of(item))
    }
