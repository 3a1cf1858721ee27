"""One environment at one moment, as plain data: what a diff has two of.

A snapshot comes from a plan, a rendered folder, a live cluster or a preview of Pulumi's. What its origin cannot tell is
`None`, never a guess: a rendered folder knows no findings, a live cluster no cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from components.core.errors import Path
from components.core.facts import TrackFacts
from components.core.plan import NodeShape
from components.cost.figures import EstimateFigures
from components.proofs.finding import FindingEntry

from ...prove.entries import FootprintEntry


@dataclass(frozen=True, slots=True)
class Resource:
    """One Kubernetes object, cloud resource or chart.

    Attributes:
        key: its identity, the same on both sides as long as it is the same thing to whoever owns it:
            `Deployment.apps production/llama`, `NodePool l4`; an object's API version is not part of it.
        type: Pulumi's type token, `kubernetes:apps/v1:Deployment`, `gcp:container/nodePool:NodePool`.
        kind: the last word of the type.
        namespace: the object's; empty where it has none.
        name: the physical name.
        component: the part it belongs to, `ModelServer/llama`; empty where the origin cannot tell.
        at: where the component stands in the stack file, `("models", "llama")`; empty where it stands nowhere.
        role: what it is to its component, `deployment-canary`; empty where the origin cannot tell.
        properties: a Kubernetes object's manifest, a cloud resource's inputs. Secrets are placeholders.
        protect: whether Pulumi refuses to delete it.
    """

    key: str
    type: str
    kind: str
    namespace: str
    name: str
    component: str
    at: Path
    role: str
    properties: Mapping[str, Any]
    protect: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One environment at one moment.

    Attributes:
        environment: the stack's name.
        resources: everything it is, in the order it is built.
        file: the stack file, relative to the repository; empty where there is none.
        errors: why the environment could not be read, one line each as `infra check --format short` has them; then
            everything else is empty.
        nodes: the nodes its pods can land on.
        findings: what stands, each as `Finding.as_json` has it with `file` and `line` besides; `None` when unknown.
        waived: what is accepted, each as `Waived.as_json` has it, with `file` and `line`; `None` when unknown.
        rules_held: how many rules hold; `None` when unknown.
        cost: the environment's entry of `infra cost --format json`; `None` when unknown.
        footprints: `footprints` of `infra check --format json`, cold starts among them; `None` when unknown.
        picture: the environment as SVG; empty when unknown.
        tracks: what builders knew of each version of a model, by component, without what only the side that planned
            it has a use for: demands and names of metrics; empty where nobody planned it.
        notes: what a reader must know of how this was made, such as a lock that could not be installed.
        lines: where components stand in the stack file, `models.llama` by line; empty when unknown.
    """

    environment: str
    resources: tuple[Resource, ...] = ()
    file: str = ""
    errors: tuple[str, ...] = ()
    nodes: tuple[NodeShape, ...] = ()
    findings: tuple[FindingEntry, ...] | None = None
    waived: tuple[FindingEntry, ...] | None = None
    rules_held: int | None = None
    cost: EstimateFigures | None = None
    footprints: tuple[FootprintEntry, ...] | None = None
    picture: str = ""
    tracks: Mapping[str, tuple[TrackFacts, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = field(default=())
    lines: Mapping[str, int] = field(default_factory=dict)

    def track(self, resource: Resource) -> TrackFacts | None:
        """The version of a model that a resource belongs to; `None` for what all versions share, or where unknown."""
        return next((one for one in self.tracks.get(resource.component, ()) if one.owns(resource.role)), None)
