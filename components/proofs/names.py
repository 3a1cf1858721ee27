"""Names: collisions, names the API server refuses, and namespaces that nobody creates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..catalog.charts import all_charts
from ..core.errors import Path, shown
from ..core.names import LIMIT
from ..core.plan import Item, Part
from ..kinds.metadata import group_of, labels_of
from ..kinds.names import CRON_JOB, JOB, LEADER_WORKER_SET, STATEFUL_SET
from ..monitoring.collect.scrape import MANAGED_NAMESPACE
from ..reading.index import Entry, Index
from ..reading.workload import place
from .rule import Fault, rule

_GIVEN = frozenset({
    "default", "kube-system", "kube-public", "kube-node-lease", MANAGED_NAMESPACE, "gke-managed-system", "gmp-public",
})  # fmt: skip
"""Namespaces every cluster has, and those GKE keeps."""
_CLUSTER_FOLDER = "_cluster"
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_KEY = re.compile(rf"({_LABEL}(\.{_LABEL})*/)?[A-Za-z0-9]([-\w.]{{0,61}}[A-Za-z0-9])?", re.ASCII)
_VALUE = re.compile(r"([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?", re.ASCII)


class _Form(NamedTuple):
    """What the names of a kind must look like, and why."""

    pattern: re.Pattern[str]
    limit: int
    words: str


_SUBDOMAIN = _Form(re.compile(rf"{_LABEL}(\.{_LABEL})*"), 253, "lower-case letters, digits, dashes and dots")
_DNS_LABEL = _Form(re.compile(_LABEL), 63, "lower-case letters, digits and dashes")
_PATH_SEGMENT = _Form(re.compile(r"(?!\.{1,2}$)[^/%]+"), 253, "anything without / and %")
_CLOUD = _Form(re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?"), 40, "lower-case letters, digits and dashes, a letter first")
_FORMS: Mapping[str, _Form] = {
    # k8s.io/kubernetes pkg/apis/core/validation: ValidateServiceName is RFC 1035, ValidateNamespaceName RFC 1123.
    "Service": _Form(
        re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?"), 63, "lower-case letters, digits and dashes, a letter first"
    ),
    "Namespace": _DNS_LABEL,
    # Their pods carry the name in a label: 63 in all, with the hash or number that is added to it
    # (pkg/apis/batch/validation: Job 63, CronJob 52; apps controller-revision-hash: StatefulSet 52).
    JOB: _SUBDOMAIN._replace(limit=63),
    CRON_JOB: _SUBDOMAIN._replace(limit=52),
    STATEFUL_SET: _DNS_LABEL._replace(limit=52),
    # Its controller makes a Service of its name (RFC 1035), and StatefulSets `<name>-<group>`.
    LEADER_WORKER_SET: _Form(
        re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?"), 50, "lower-case letters, digits and dashes, a letter first"
    ),
    **dict.fromkeys(("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"), _PATH_SEGMENT),
    # GKE API, NodePool.name and Cluster.name.
    "NodePool": _CLOUD,
    "Cluster": _CLOUD,
}


@rule("duplicate-component", "names", "error")
def duplicate_component(index: Index) -> Iterator[Fault]:
    """Two components of one class with one name.

    Their URNs would be equal, and Pulumi refuses the second: "Duplicate resource URN". Classes that can become each
    other, such as ModelServer and BlueGreen, count as one: each answers to the other's URN as its alias. Source:
    pulumi/pulumi pkg/resource/deploy/step_generator.go.

    Fix: rename one of them.
    """
    seen: dict[tuple[frozenset[str], str], Part] = {}
    for part in index.plan.parts:
        identity = (_kinds(part), part.name)
        if first := seen.get(identity):
            what = f"two {part.kind}" if first.kind == part.kind else f"{first.kind} and {part.kind}"
            message = f"there are {what} components named {part.name}; Pulumi refuses the second"
            yield Fault(place(part), message, ("rename one of them",))
        else:
            seen[identity] = part


@rule("duplicate-resource", "names", "error")
def duplicate_resource(index: Index) -> Iterator[Fault]:
    """Two resources with one Pulumi identity.

    A URN holds the types of a resource and its parent and the resource's own name, but not its parent's name: the
    role `b-cache` of a component `a` and the role `cache` of `a-b` are both `a-b-cache`. Pulumi refuses the second.
    Parents of classes that can become each other, such as ModelServer and BlueGreen, count as one, because their
    aliases give the children each other's URNs. Source: pulumi/pulumi sdk/go/common/resource/urn/urn.go.

    Fix: rename one of the components, so that neither name begins with the other and a dash.
    """
    owners: dict[tuple[frozenset[str], str, str], Part] = {}
    for part, item in index.plan.items():
        first = owners.setdefault((_kinds(part), item.type, item.name), part)
        if first.key != part.key:
            yield Fault(
                place(part),
                f"{item.kind} {item.name} of {part.key} has the identity that {first.key} gives one of its own; "
                "Pulumi refuses the second",
                (f"rename {first.name} or {part.name}",),
            )


@rule("duplicate-object", "names", "error")
def duplicate_object(index: Index) -> Iterator[Fault]:
    """Two Kubernetes objects with one kind, namespace and name.

    They are one object to the cluster: `pulumi up` fails on the second, and a rendered tree applied by hand keeps only
    the last. Source: kubernetes.io/docs/concepts/overview/working-with-objects/names.

    Fix: rename one of them, or put it into another namespace.
    """
    for first, second in index.once("one file", _on_one_file):
        if _is_same(first, second):
            where = f" in namespace {second.namespace}" if second.namespace else ""
            yield Fault(
                place(second.part),
                f"{second.kind} {second.name}{where} is made by {first.part.key} and by {second.part.key}; the cluster "
                "has only one",
                ("rename one of them", "put one into another namespace"),
            )


@rule("one-file-twice", "names", "error")
def one_file_twice(index: Index) -> Iterator[Fault]:
    """Two resources that are rendered to one file.

    A rendered tree names files by kind and name, not by API group, so that people find them: an Istio Gateway and a
    Gateway of the Gateway API with one name in one namespace would overwrite each other.

    Fix: rename one of them.
    """
    for first, second in index.once("one file", _on_one_file):
        if not _is_same(first, second):
            yield Fault(
                place(second.part),
                f"{_file(second)} would be written by {first.part.key} and by {second.part.key}",
                ("rename one of them",),
            )


@rule("invalid-name", "names", "error")
def invalid_name(index: Index) -> Iterator[Fault]:
    """A name the API server or the cloud refuses.

    Services: RFC 1035, at most 63 characters, a letter first. Namespaces: RFC 1123, 63. Jobs 63, CronJobs and
    StatefulSets 52, because their pods carry the name in a label. Other objects: a DNS subdomain, 253. Node pools and
    clusters: 40. Source: k8s.io/kubernetes pkg/apis/core/validation/validation.go; GKE API, NodePool.name.

    Fix: choose a shorter or simpler name.
    """
    for entry in index.entries:
        form = _FORMS.get(entry.kind, _SUBDOMAIN if entry.is_object else None)
        name = entry.name
        if form is None or name.startswith("${") or (len(name) <= form.limit and form.pattern.fullmatch(name)):
            continue
        long = f" ({len(name)} characters)" if len(name) > form.limit else ""
        yield Fault(
            place(entry.part),
            f"{entry.kind} {shown(name)}{long}: its name must be {form.words}, at most {form.limit} characters",
            ("choose a shorter name" if long else "choose a simpler name",),
        )


@rule("invalid-label", "names", "error")
def invalid_label(index: Index) -> Iterator[Fault]:
    """A label the API server refuses.

    A value has at most 63 characters: letters, digits, dashes, underscores and dots, a letter or digit first and last.
    A key is the same with an optional prefix, a DNS name and a slash. Labels of pods are checked too. Source:
    kubernetes.io/docs/concepts/overview/working-with-objects/labels, "Syntax and character set".

    Fix: shorten the value, or make it an annotation, which may hold anything.
    """
    keys: set[str] = set()
    values: set[object] = set()
    for part, item, labels in _labels(index):
        for key, value in labels.items():
            if key in keys and value in values:
                continue
            if _KEY.fullmatch(key) and isinstance(value, str) and _VALUE.fullmatch(value):
                keys.add(key)
                values.add(value)
                continue
            kind = "" if isinstance(value, str) else ", as text"
            long = f" ({len(value)} characters)" if isinstance(value, str) and len(value) > LIMIT else ""
            yield Fault(
                place(part),
                f"{item.kind} {item.object_name}: label {key}={shown(value)}{long} must be at most {LIMIT} letters, "
                f"digits, dashes, underscores and dots{kind}",
                ("shorten it", "make it an annotation"),
            )


@rule("unknown-namespace", "names", "warning")
def unknown_namespace(index: Index) -> Iterator[Fault]:
    """Objects in a namespace that the plan does not create and no cluster is known to have.

    `pulumi up` fails with "namespaces not found" unless somebody made it. Known are Kubernetes' own, GKE's, those of
    the charts in our catalog, and those that charts of the plan create.

    Fix: add it to `namespaces`, or waive this where another team creates it.
    """
    known = {item.object_name for _, item in index.objects("Namespace")} | _GIVEN
    known |= {chart.namespace for chart in all_charts()}
    known |= {str(item.properties.get("namespace")) for _, item in index.objects("chart")}
    told: set[tuple[str, Path]] = set()
    for entry in index.entries:
        namespace = entry.namespace
        if namespace and namespace not in known and (namespace, place(entry.part)) not in told:
            told.add((namespace, place(entry.part)))
            yield Fault(
                place(entry.part),
                f"{entry.part.key} puts objects into namespace {namespace}, which this environment does not create",
                (f"add {namespace} to namespaces", "waive this rule here, if another team creates it"),
            )


RULES = (
    duplicate_component,
    duplicate_object,
    duplicate_resource,
    one_file_twice,
    invalid_name,
    invalid_label,
    unknown_namespace,
)
"""In the order they are told."""


def _kinds(part: Part) -> frozenset[str]:
    """The classes whose URNs a component answers to: its own, and by alias those it can become."""
    return frozenset({part.kind, *part.siblings})


def _on_one_file(index: Index) -> list[tuple[Entry, Entry]]:
    """Every item whose file another one has already, behind that one.

    Equal objects are always on one file, so that this finds them too.
    """
    owners: dict[tuple[str, ...], Entry] = {}
    found = []
    for entry in index.entries:
        kind = "" if entry.item.is_chart else entry.kind
        first = owners.setdefault((entry.folder, entry.namespace, kind, entry.name), entry)
        # A component that is there twice repeats all its items; duplicate-component tells it once.
        if first is not entry and (first.part is entry.part or first.part.key != entry.part.key):
            found.append((first, entry))
    return found


def _is_same(first: Entry, second: Entry) -> bool:
    """Whether two items on one file are one object to the cluster: of one API group, whatever the version."""
    groups = {group_of(entry.item.properties) for entry in (first, second)}
    return first.is_object and second.is_object and len(groups) == 1


def _file(entry: Entry) -> str:
    """Where an item is rendered, as infra/render/render.py lays trees out."""
    name = f"{entry.name}.yaml" if entry.item.is_chart else f"{entry.kind.lower()}-{entry.name}.yaml"
    namespace = f"/{entry.namespace or _CLUSTER_FOLDER}" if entry.is_object else ""
    return f"{entry.folder}{namespace}/{name}"


def _labels(index: Index) -> Iterator[tuple[Part, Item, Mapping[str, Any]]]:
    objects = ((entry.part, entry.item) for entry in index.entries if entry.is_object)
    for part, item in objects:
        if labels := labels_of(item.properties):
            yield part, item, labels
    for pod in index.workloads:
        yield pod.part, pod.item, pod.labels
