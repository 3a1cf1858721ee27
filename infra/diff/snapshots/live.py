"""A cluster as it is, against what the plan makes of it.

Each object is read, and then applied as a dry run: the API server itself says what would come out, with its defaults
and what others own. So both sides are what the server has or would have, and only real differences are left. Nothing is
changed, and no Secret's value is shown or kept.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from components.core.providers import is_object
from components.core.secrets import SECRET
from components.gpu.kubeconfig import KubeconfigConfig

from ...plan.environment import Environment
from ...plan.environments import UsageError
from ...plan.kubeconfig import kubeconfig_file
from .folder import PLACEHOLDER, masked
from .kubectl_proxy import Answer, KubectlProxy
from .snapshot import Resource, Snapshot

MANAGER = "pulumi-kubernetes"
"""What the field managers of Pulumi's provider begin with (pulumi-kubernetes provider/pkg/provider/provider.go)."""
_SERVER_ONLY = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "selfLink")
_NO_ACCESS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class _Served:
    """Where the API has a kind: its path, and whether its objects are in namespaces."""

    plural: str
    namespaced: bool


def access_of(environment: Environment) -> tuple[Path | None, str | None, str]:
    """How the cluster of an environment is reached: kubeconfig (`None`: as kubectl finds it), context, and a hint.

    Raises:
        ConfigError: when the kubeconfig cannot be told.
    """
    cluster = environment.cluster
    if isinstance(cluster, KubeconfigConfig):
        return kubeconfig_file(cluster.path, os.environ), cluster.context, "start it, or name another in cluster.path"
    context = f"gke_{cluster.project}_{cluster.location}_{cluster.name}"
    login = f"gcloud container clusters get-credentials {cluster.name}"
    return None, context, f"{login} --location {cluster.location} --project {cluster.project} adds it"


def live_and_planned(planned: Snapshot, cluster: KubectlProxy) -> tuple[Snapshot, Snapshot]:
    """The environment as the cluster has it, and as it would be after the plan was applied.

    Args:
        planned: the environment as its files plan it.
        cluster: where it runs.

    Raises:
        UsageError: when the cluster cannot be reached, or lets nobody in.
    """
    version = cluster.get("/version")
    if version.status != HTTPStatus.OK:
        verb = "refuses" if version.status < HTTPStatus.INTERNAL_SERVER_ERROR else "does not answer"
        raise UsageError(f"the cluster {verb}: {version.message}{_login(version)}")
    reader = _LiveReader(cluster)
    before: list[Resource] = []
    after: list[Resource] = []
    elsewhere = 0
    for one in planned.resources:
        if not is_object(one.type):
            elsewhere += 1
            continue
        found, wanted = reader.both(one)
        before += [found] if found else []
        after += [wanted] if wanted else []
    notes = list(dict.fromkeys(reader.notes))
    if elsewhere:
        charts = f"{elsewhere} charts and cloud resources were" if elsewhere > 1 else "1 chart or cloud resource was"
        notes.append(f"{charts} not looked at: pulumi preview --refresh compares them")
    base = Snapshot(planned.environment, tuple(before), planned.file, nodes=planned.nodes, notes=tuple(notes))
    return base, replace(planned, resources=tuple(after), cost=None)


class _LiveReader:
    def __init__(self, cluster: KubectlProxy) -> None:
        self.cluster = cluster
        self.notes: list[str] = []
        self._served: dict[str, dict[str, _Served] | str] = {}

    def both(self, one: Resource) -> tuple[Resource | None, Resource | None]:
        """An object as it is, and as it would be; without the second where the server cannot say."""
        api_version = str(one.properties.get("apiVersion"))
        kinds = self._kinds(api_version)
        if isinstance(kinds, str):
            return self._unknown(one, kinds)
        if one.kind not in kinds:
            return self._unknown(one, f"the cluster has no kind {one.kind} of {api_version}: is its CRD installed?")
        path = _path(api_version, kinds[one.kind], one)
        found = self.cluster.get(path)
        if found.status == HTTPStatus.NOT_FOUND:
            return None, one
        if found.status != HTTPStatus.OK:
            return self._unknown(one, f"cannot be read: {found.message}")
        live = replace(one, properties=_told(found.body))
        if one.kind == "Secret" or _holds_placeholder(one.properties):
            return self._by_plan(one, live)
        answer = self._applied(one, path, found)
        if answer is None:
            # Such as an immutable field, which Pulumi replaces the object for: what differs is told all the same.
            return live, replace(one, properties=_filled(one.properties, live.properties))
        return live, replace(one, properties=_told(answer.body))

    def _applied(self, one: Resource, path: str, found: Answer) -> Answer | None:
        manifest = dict(one.properties)
        manager = _manager(found.body)
        answer = self.cluster.dry_run(path, manifest, manager)
        if answer.status == HTTPStatus.CONFLICT:
            fields = ", ".join(
                str(cause.get("field", "")).removeprefix(".")
                for cause in answer.body.get("details", {}).get("causes", ())
            )
            self._note(
                one,
                f"others own {fields or 'some of its fields'}: pulumi up refuses, unless "
                "PULUMI_K8S_ENABLE_PATCH_FORCE=true takes them over",
            )
            answer = self.cluster.dry_run(path, manifest, manager, force=True)
        if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
            self._note(one, f"the API server refuses it: {answer.message}")
            return None
        return answer

    def _by_plan(self, one: Resource, live: Resource) -> tuple[Resource, Resource]:
        """Where only a deployment knows values, they are taken to be what they are; the rest is compared."""
        self._note(one, "has values that only a deployment knows, which are not compared")
        properties = _filled(one.properties, live.properties)
        if one.kind == "Secret":
            given = [one.properties.get(field) for field in ("data", "stringData")]
            properties["data"] = {name: SECRET for field in given if isinstance(field, Mapping) for name in field}
        return live, replace(one, properties=properties)

    def _unknown(self, one: Resource, why: str) -> tuple[None, None]:
        self._note(one, why)
        return None, None

    def _note(self, one: Resource, why: str) -> None:
        place = f"{one.namespace}/" if one.namespace else ""
        self.notes.append(f"{one.kind} {place}{one.name}: {why}")

    def _kinds(self, api_version: str) -> dict[str, _Served] | str:
        if api_version not in self._served:
            self._served[api_version] = self._discovered(api_version)
        return self._served[api_version]

    def _discovered(self, api_version: str) -> dict[str, _Served] | str:
        answer = self.cluster.get(_root(api_version))
        if answer.status == HTTPStatus.NOT_FOUND:
            return {}
        if answer.status != HTTPStatus.OK:
            return f"its kind cannot be looked up: {answer.message}{_login(answer)}"
        return {
            str(entry["kind"]): _Served(str(entry["name"]), entry.get("namespaced") is True)
            for entry in answer.body.get("resources", ())
            if "/" not in str(entry.get("name", "/"))
        }


def _root(api_version: str) -> str:
    return f"/apis/{quote(api_version)}" if "/" in api_version else f"/api/{quote(api_version)}"


def _path(api_version: str, served: _Served, one: Resource) -> str:
    space = f"/namespaces/{quote(one.namespace or 'default')}" if served.namespaced else ""
    return f"{_root(api_version)}{space}/{quote(served.plural)}/{quote(one.name)}"


def _manager(found: Mapping[str, Any]) -> str:
    """The name by which the object was applied: Pulumi's, which has a part of its own for each object, or another's.

    Under a name of its own, a dry run would be refused over values that are written in another way (1 and "1").
    """
    entries = found.get("metadata", {}).get("managedFields", ())
    names = [str(entry.get("manager", "")) for entry in entries if entry.get("operation") == "Apply"]
    return next((name for name in names if name.startswith(MANAGER)), names[0] if names else MANAGER)


def _told(found: Mapping[str, Any]) -> dict[str, Any]:
    """An object without what is the server's own, and without a Secret's values."""
    kept = {key: value for key, value in found.items() if key != "status"}
    metadata = kept.get("metadata", {})
    return masked({**kept, "metadata": {key: value for key, value in metadata.items() if key not in _SERVER_ONLY}})


def _filled(wanted: Any, live: Any) -> Any:
    """What is wanted, with the cluster's value where the plan has a placeholder, and whatever else the cluster has."""
    if isinstance(wanted, Mapping):
        found = live if isinstance(live, Mapping) else {}
        return {
            **found,
            **{key: _filled(inner, found.get(key)) for key, inner in wanted.items() if key != "stringData"},
        }
    if isinstance(wanted, list | tuple):
        entries = live if isinstance(live, list) and len(live) == len(wanted) else [None] * len(wanted)
        return [_filled(inner, entry) for inner, entry in zip(wanted, entries, strict=True)]
    return live if isinstance(wanted, str) and PLACEHOLDER.search(wanted) and isinstance(live, str) else wanted


def _holds_placeholder(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_placeholder, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds_placeholder, value))
    return isinstance(value, str) and PLACEHOLDER.search(value) is not None


def _login(answer: Answer) -> str:
    return "; log in to it first" if answer.status in _NO_ACCESS else ""
