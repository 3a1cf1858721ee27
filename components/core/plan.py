"""The plan: every Kubernetes object and cloud resource of an environment, in order, as plain data.

A component's builder returns a `Part`. Everything else reads it: `infra check` proves it, `infra render` writes
it, `pulumi up` registers exactly it. Nothing here knows Pulumi.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .facts import TrackFacts
from .price import PriceRow
from .providers import Folder, Provider, resource_type

TYPE_PREFIX = "inference:index:"
"""Component tokens are `inference:index:<Class>`; they are written into every stack's state and never change."""
GPU = "nvidia.com/gpu"
"""The resource under which NVIDIA's device plugin advertises GPUs."""


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A secret of the stack's configuration. It prints as a placeholder; its value joins at registration."""

    key: str

    def __str__(self) -> str:
        return f"${{secret:{self.key}}}"


@dataclass(frozen=True, slots=True)
class Late:
    """A value that only exists at deploy time, handed to the component class as a keyword argument."""

    name: str

    def __str__(self) -> str:
        return f"${{{self.name}}}"


@dataclass(frozen=True, slots=True)
class ItemOutput:
    """A property that the provider computes, such as a cluster's endpoint."""

    role: str
    property: str

    def __str__(self) -> str:
        return f"${{{self.role}.{self.property}}}"


_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Item:
    """One resource to register.

    Attributes:
        role: what the resource is to its component; unique within the part.
        type: Pulumi type token, `kubernetes:apps/v1:Deployment` or `gcp:container/nodePool:NodePool`.
        name: Pulumi resource name; part of its identity in the stack's state.
        properties: inputs as the provider spells them; a Kubernetes item's are its manifest. Never a `None`:
            Pulumi would send nested nulls on.
        after: roles of the same part that must exist first.
        timeout_seconds: how long create and update may take; `None` leaves the provider's ten minutes.
        ignore_changes: property paths that another controller owns.
        protect: whether Pulumi refuses to delete it.
        outputs: properties the provider computes that somebody reads.
    """

    role: str
    type: str
    name: str
    properties: Mapping[str, Any]
    after: tuple[str, ...] = ()
    timeout_seconds: int | None = None
    ignore_changes: tuple[str, ...] = ()
    protect: bool = False
    outputs: tuple[str, ...] = ()

    # Worked out once, because proofs and renders of a large plan ask some hundred thousand times.
    provider: Provider = field(init=False, repr=False, compare=False)
    """Which provider owns the resource."""
    folder: Folder = field(init=False, repr=False, compare=False)
    """Where a rendered tree has it."""
    is_object: bool = field(init=False, repr=False, compare=False)
    """Whether this is a Kubernetes object, whose properties are its manifest."""
    kind: str = field(init=False, repr=False, compare=False)
    """The last word of the type: `Deployment`, `NodePool`."""
    namespace: str = field(init=False, repr=False, compare=False)
    """The object's namespace; empty for cluster-scoped objects and cloud resources."""
    object_name: str = field(init=False, repr=False, compare=False)
    """The physical name: `metadata.name` of an object, `name` of a cloud resource."""

    def __post_init__(self) -> None:
        known = resource_type(self.type)
        is_object = known.is_object
        named = self.properties.get("metadata", _NOTHING) if is_object else self.properties
        assign = object.__setattr__
        assign(self, "provider", known.provider)
        assign(self, "folder", known.folder)
        assign(self, "is_object", is_object)
        assign(self, "kind", known.kind)
        assign(self, "namespace", str(named.get("namespace", "")) if is_object else "")
        assign(self, "object_name", str(named.get("name", self.name)))

    @property
    def is_chart(self) -> bool:
        """Whether this is a Helm release rather than an object."""
        return self.folder == "charts"


@dataclass(frozen=True, slots=True)
class Part:
    """What one component contributes to the plan.

    Attributes:
        kind: the component class, `ModelServer`.
        name: the component's name, unique among its kind.
        items: resources in the order they are registered.
        outputs: what the component registers for others to read; plain values or `ItemOutput`.
        after: keys of the parts that must be whole before this one starts.
        siblings: other kinds that the same thing can become by a change of its settings; Pulumi then takes over what
            is there instead of making it a second time.
        tracks: what the builder knew of each version of a model that it serves, in the order of its items.
        path: where the configuration stands in the stack file, `("models", "llama")`; empty in other programs.
    """

    kind: str
    name: str
    items: tuple[Item, ...]
    outputs: Mapping[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    path: tuple[str | int, ...] = ()
    siblings: tuple[str, ...] = ()
    tracks: tuple[TrackFacts, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for item in self.items:
            missing = [role for role in item.after if role not in seen]
            if missing or item.role in seen:
                raise ValueError(f"{self.key}: item {item.role!r} is repeated or comes before {missing}")
            seen.add(item.role)

    @property
    def key(self) -> str:
        """How other parts name this one: `ModelServer/llama`."""
        return f"{self.kind}/{self.name}"

    @property
    def token(self) -> str:
        """The component's Pulumi type token."""
        return TYPE_PREFIX + self.kind

    def track(self, role: str) -> TrackFacts | None:
        """The facts of the version whose pods an item makes; `None` for what serves no model."""
        return next((track for track in self.tracks if track.role == role), None)


@dataclass(frozen=True, slots=True)
class Taint:
    """A node taint in Kubernetes' own spelling."""

    key: str
    value: str
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


@dataclass(frozen=True, slots=True)
class NodeShape:
    """What one node of a pool is to the scheduler: what a pod can match and ask for there.

    Attributes:
        pool: the pool's key in the stack.
        labels: as the node carries them, those GKE adds included.
        taints: as the node carries them, those GKE adds included.
        allocatable: what pods can have of one node: `cpu` in cores, `memory` and `ephemeral-storage` in bytes,
            `nvidia.com/gpu` as the device plugin advertises it (shared clients and MIG slices counted).
        zones: where its nodes can be; empty when unknown.
        min_nodes: nodes that always exist.
        max_nodes: nodes the pool can grow to over all zones; `None` when nothing bounds it.
        provisioning: `on-demand`, `spot`, `flex-start` or `reservation`.
        accelerator: GKE's name of the GPU, empty for a pool without one.
        path: where the pool stands in the stack file.
        notice_seconds: what ordinary pods are left when the cloud takes a node back; `None` where it takes none.
    """

    pool: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    allocatable: Mapping[str, float]
    zones: tuple[str, ...]
    min_nodes: int
    max_nodes: int | None
    provisioning: str
    accelerator: str = ""
    path: tuple[str | int, ...] = ()
    notice_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """How much a model is used, as its team states it.

    Attributes:
        hours_per_day: hours of a day on which it is used; the others see its fewest replicas.
        average_replicas: replicas while it is used, of all its versions together; `None` where nobody says.
        tokens_per_second: tokens that one replica handles in a second of use, prompts and answers; `None` if unknown.
    """

    hours_per_day: float = 24.0
    average_replicas: float | None = None
    tokens_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What the team says of the environment's size and use; none of it is deployed.

    Attributes:
        monthly_usd: what a month may cost at most; `None` where nobody says.
        gpu_quota: by GKE's name of a GPU, how many the project may have on demand and of its preemptible kind; the
            latter is `None` where it has none of its own.
        usage: how much each model is used, by its name.
        prices: the team's own prices, which hold instead of the catalog's.
    """

    monthly_usd: float | None = None
    gpu_quota: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)
    usage: Mapping[str, Usage] = field(default_factory=dict)
    prices: tuple[PriceRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one environment is, in the order it is built.

    Attributes:
        environment: the stack's name.
        parts: components; each comes after the parts its `after` names.
        exports: stack outputs.
        nodes: the nodes pods can land on, a shape a pool; pools that exist outside the stack included.
        nodes_complete: whether the cluster has no other nodes, so that a pod none of them holds waits for ever.
        limits: what the team says of its size and use.
    """

    environment: str
    parts: tuple[Part, ...]
    exports: Mapping[str, Any] = field(default_factory=dict)
    nodes: tuple[NodeShape, ...] = ()
    nodes_complete: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for part in self.parts:
            missing = [key for key in part.after if key not in seen]
            if missing:
                raise ValueError(f"plan of {self.environment}: {part.key} comes before {missing}")
            seen.add(part.key)

    def items(self) -> Iterator[tuple[Part, Item]]:
        """Every resource with its component, in order."""
        for part in self.parts:
            for item in part.items:
                yield part, item

    def objects(self, kind: str | None = None) -> Iterator[tuple[Part, Item]]:
        """Every Kubernetes object, or those of one kind, in order."""
        for part, item in self.items():
            if item.is_object and (kind is None or item.kind == kind):
                yield part, item
