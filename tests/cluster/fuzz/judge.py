"""What the API server says of a plan: every object in a dry run, and a pod of every template.

A dry run goes the whole way but for the write: strict decoding, defaulting, validation, admission, and the schemas
and rules of custom kinds. It needs no order, so an environment's objects are asked about side by side. The namespaces
are the only thing that must be there, so plans share one for each Pod Security level, and an object is judged in the
one that enforces what its own would; a namespace with a quota is made for one plan alone.

Pod Security only warns about a Deployment, and quotas count pods: so a pod is asked for from each template, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from components.core.plan import Item, Part, Plan
from components.kinds.workload import templates_in
from components.tenancy.pod_security import ENFORCE, LEVELS

from ..api import Api, ApiError, until
from ..deploy import KEEP
from ..environments import manifest

_PREFIX = "fuzz"
_THREADS = 8
_CONFLICT = 409
_NO_STATUS = "status unknown for quota"
"""What a pod is refused with until a quota that was just made is known everywhere."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An object, or a pod of one, that the API server refused.

    Attributes:
        part: the component it belongs to.
        item: the object.
        reason: the server's own words.
    """

    part: Part
    item: Item
    reason: str

    def __str__(self) -> str:
        return f"{self.item.kind} {self.item.namespace}/{self.item.object_name}: {self.reason}"


@dataclass(slots=True)
class Judgement:
    """What the API server made of a plan.

    Attributes:
        objects: how many objects were judged.
        pods: how many pods were.
        elsewhere: how many items no API server judges: cloud resources and charts.
        unserved: kinds whose definition could not be had here.
        refused: every refusal.
    """

    objects: int = 0
    pods: int = 0
    elsewhere: int = 0
    unserved: set[str] = field(default_factory=set)
    refused: list[Refusal] = field(default_factory=list)


class Judge:
    """One API server, asked about many plans."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._numbers = count()
        self._threads = ThreadPoolExecutor(_THREADS)
        for level in LEVELS:
            self._make(f"{_PREFIX}-{level}", level)
        # Admission looks at a copy of the namespaces that is a moment old.
        strictest = f"{_PREFIX}-{LEVELS[-1]}"
        until("Pod Security that refuses", lambda: self._asked(_pod({"containers": [_LAX]}, {}, strictest)))

    def judge(self, plan: Plan) -> Judgement:
        """Ask about every object of a plan, and about a pod of each of its templates."""
        judgement = Judgement(elsewhere=sum(not item.is_object for _, item in plan.items()))
        spaces = dict(self._spaces(plan))
        classes = {item.object_name for _, item in plan.objects("PriorityClass")}
        asked: list[tuple[Part, Item, dict[str, Any], bool]] = []
        for part, item in plan.objects():
            wanted = manifest(item)
            if not self.api.serves(wanted["apiVersion"], wanted["kind"]):
                judgement.unserved.add(item.type)
                continue
            space = spaces.get(item.namespace, f"{_PREFIX}-{LEVELS[0]}") if item.namespace else ""
            if space:
                wanted = {**wanted, "metadata": {**wanted["metadata"], "namespace": space}}
            asked.append((part, item, wanted, False))
            judgement.objects += 1
            for _, template in templates_in(wanted["kind"], wanted.get("spec", {})):
                asked.append((part, item, _pod(_bare(template["spec"], classes), template["metadata"], space), True))
                judgement.pods += 1
        reasons = self._threads.map(lambda one: self._asked(one[2]) if one[3] else self._applied(one[2]), asked)
        judgement.refused = [
            Refusal(part, item, reason) for (part, item, _, _), reason in zip(asked, reasons, strict=True) if reason
        ]
        for space in set(spaces.values()) - {f"{_PREFIX}-{level}" for level in LEVELS}:
            self.api.delete(_namespace(space, LEVELS[0]))
        return judgement

    def _spaces(self, plan: Plan) -> Iterator[tuple[str, str]]:
        """Where the objects of each namespace of a plan are judged."""
        quotas = {item.namespace: item for _, item in plan.objects("ResourceQuota")}
        for _, item in plan.objects("Namespace"):
            level = item.properties["metadata"]["labels"].get(ENFORCE)
            level = level if level in LEVELS else LEVELS[0]  # a namespace with another is refused itself
            space = f"{_PREFIX}-{level}"
            if quota := quotas.get(item.object_name):
                space = f"{_PREFIX}-quota-{next(self._numbers)}"
                if not self._limited(space, level, manifest(quota)):
                    space = f"{_PREFIX}-{level}"  # a quota that is refused limits nothing
            yield item.object_name, space

    def _limited(self, space: str, level: str, quota: dict[str, Any]) -> bool:
        """Make a namespace with a quota, and wait until it is enforced."""
        self._make(space, level)
        wanted = {**quota, "metadata": {**quota["metadata"], "namespace": space}}
        try:
            self.api.apply(wanted)
        except ApiError:
            return False
        hard = quota["spec"]["hard"]
        # What a controller would find a moment later: nothing is used.
        self.api.patch(wanted, {"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}, subresource="status")
        probe = _pod({"containers": [_LAX]}, {}, space)
        until("quota that is enforced", lambda: _NO_STATUS not in (self._asked(probe) or ""))
        return True

    def _make(self, space: str, level: str) -> None:
        """A namespace, with the service account that a controller gives it a moment later."""
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": space}}
        self.api.apply(_namespace(space, level))
        try:
            self.api.create(account)
        except ApiError as error:
            if error.status != _CONFLICT:
                raise

    def _applied(self, wanted: Mapping[str, Any]) -> str | None:
        """Why an object is refused; `None` when it is not."""
        try:
            self.api.apply(wanted, dry_run=True, force=True)
        except ApiError as error:
            return error.message
        return None

    def _asked(self, pod: Mapping[str, Any]) -> str | None:
        """Why a pod is refused; `None` when it is not."""
        path = self.api.path("v1", "Pod", pod["metadata"]["namespace"])
        try:
            self.api.request("POST", path, pod, query={"fieldValidation": "Strict", "dryRun": "All"})
        except ApiError as error:
            return error.message
        return None


_LAX = {"name": "lax", "image": "example.com/lax"}


def _namespace(name: str, level: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {ENFORCE: level, KEEP: "true"}},
    }


def _pod(spec: Mapping[str, Any], about: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    metadata = {**about, "generateName": f"{_PREFIX}-", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _bare(spec: Mapping[str, Any], made: set[str]) -> dict[str, Any]:
    """A pod's spec without what only a deployment would have written before: its account and its priority class."""
    rest = {key: value for key, value in spec.items() if key != "serviceAccountName"}
    if rest.get("priorityClassName") in made:
        del rest["priorityClassName"]
    return rest
