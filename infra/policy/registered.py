"""What a program registers, as the plan that the rules read: pure, and the same for any program in any language.

Pulumi tells a policy pack each resource with its type, name, inputs, parent and dependencies. That is enough for most
rules. What a node is to the scheduler, and what a model asks of GPU memory, is in no resource: `NOT_JUDGED` has the
rules that need it, and `infra check` alone judges them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from components.core.errors import Path
from components.core.plan import TYPE_PREFIX, Item, Part, Plan
from components.core.providers import in_cluster, provider_of
from components.proofs.finding import Finding
from components.proofs.rule import Rule
from components.proofs.rules import RULES
from components.reading.workload import place

from ..plan.policy import Waiver
from ..plan.sections.registry import SECTIONS
from ..prove.prove import EXPIRED, UNUSED, prove_environment

_NODES = "needs what a node of each pool can hold, which is worked out from the stack and registered nowhere"
_MEMORY = "needs what the model asks of GPU memory, which is worked out from the catalog and registered nowhere"
_SECRET = "Pulumi shows policies the values of secrets, so that what is plain text in the program looks no different"
_LIMITS = "needs what the team states of budget, quota and use, which is registered nowhere"
_ENGINE = "Pulumi itself refuses a URN that is registered twice, before any policy sees it"
NOT_JUDGED: Mapping[str, str] = MappingProxyType(
    {
        "memory-does-not-fit": _MEMORY,
        "memory-marginal": _MEMORY,
        "unknown-model": _MEMORY,
        "impossible-shards": _MEMORY,
        "quantization-unsupported": _MEMORY,
        "startup-budget-too-short": _MEMORY,
        "unschedulable-pod": _NODES,
        "daemonset-misses-pool": _NODES,
        "shared-gpu-request": _NODES,
        "sharded-mig-slices": _NODES,
        "gpu-too-old": _NODES,
        "gpu-too-new": _NODES,
        "zone-without-gpu": _NODES,
        "pool-too-small": _NODES,
        "scaled-beyond-pool": _NODES,
        "update-never-ends": _NODES,
        "update-waits-at-peak": _NODES,
        "spot-cuts-requests": _NODES,
        "grace-beyond-gke": _NODES,
        "disk-cannot-attach": _NODES,
        "volume-of-one-node": _NODES,
        "over-budget": _LIMITS,
        "budget-unknown": _LIMITS,
        "over-gpu-quota": _LIMITS,
        "plaintext-secret": _SECRET,
        "duplicate-component": _ENGINE,
        "duplicate-resource": _ENGINE,
    }
)
"""Rules that resources alone cannot decide, each with the reason; `infra check` judges them."""
JUDGED: Mapping[str, Rule] = MappingProxyType({key: rule for key, rule in RULES.items() if key not in NOT_JUDGED})
"""Rules that a policy pack judges."""

_CHARTS = "kubernetes:helm.sh/"
_PLACES: Mapping[str, Callable[[str], Path]] = MappingProxyType(
    {kind: place for section in SECTIONS for kind, place in section.at.items()}
)
"""Where a stack file has a component of each kind, by its name."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One resource as a policy pack is told it.

    Attributes:
        urn: its identity in the stack.
        type: its type token.
        name: its Pulumi name.
        properties: its inputs as plain data.
        parent: URN of its parent; empty below the stack itself.
        dependencies: URNs of what it depends on.
    """

    urn: str
    type: str
    name: str
    properties: Mapping[str, Any]
    parent: str = ""
    dependencies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """A finding, with the resource it is shown at.

    Attributes:
        finding: what was found.
        urn: the component, or the resource that belongs to none; empty for what concerns the whole stack.
    """

    finding: Finding
    urn: str

    def __str__(self) -> str:
        fixes = "".join(f"\n  fix: {remedy}" for remedy in self.finding.remedies)
        return f"{self.finding}{fixes}"


def violations(
    stack: str, resources: Sequence[Registered], waivers: Sequence[Waiver], today: date
) -> tuple[Violation, ...]:
    """What the judged rules find in what a program registers, less what is waived.

    Args:
        stack: the stack's name.
        resources: everything it registers.
        waivers: `policy.waive` of the stack.
        today: the day waivers are judged by.
    """
    plan, urns = rebuilt(stack, resources)
    found = prove_environment(stack, plan, waivers, today).findings
    return tuple(Violation(finding, _urn(finding.path, urns)) for finding in found if _counts(finding, waivers))


def rebuilt(stack: str, resources: Sequence[Registered]) -> tuple[Plan, Mapping[Path, str]]:
    """The plan that was registered, without its nodes and demands, and the URN that stands at each of its places.

    A resource outside our components is a part of its own. What a chart brings is left out: it is somebody else's, and
    `infra check` does not see it either.
    """
    by_urn = {one.urn: one for one in resources}
    groups: dict[str, list[Registered]] = {}
    for one in _in_order(resources):
        if one.type.startswith(TYPE_PREFIX):
            groups.setdefault(one.urn, [])
        elif _is_ours_to_judge(one, by_urn):
            owner = next((above.urn for above in _above(one, by_urn) if above.type.startswith(TYPE_PREFIX)), one.urn)
            groups.setdefault(owner, []).append(one)
    parts: list[Part] = []
    urns: dict[Path, str] = {}
    for urn, members in groups.items():
        part = _part(by_urn[urn], members)
        parts.append(part)
        urns.setdefault(place(part), urn)
    return Plan(stack, tuple(parts)), urns


def _part(owner: Registered, members: Sequence[Registered]) -> Part:
    is_component = owner.type.startswith(TYPE_PREFIX)
    kind = owner.type.rpartition(":")[2]
    names = {one.urn: _role(owner, one) for one in members}
    items: list[Item] = []
    for one in members:
        after = tuple(names[urn] for urn in one.dependencies if urn in names and urn != one.urn)
        items.append(Item(names[one.urn], one.type, one.name, one.properties, after=after))
    return Part(kind, owner.name, tuple(items), path=_path(kind, owner.name) if is_component else ())


def _role(owner: Registered, one: Registered) -> str:
    """What a resource is to its component, by the convention of its name; its type besides, where names repeat."""
    role = one.name.removeprefix(f"{owner.name}-")
    return role if in_cluster(one.type) and role != one.name else f"{one.type} {one.name}"


def _path(kind: str, name: str) -> Path:
    return _PLACES[kind](name) if kind in _PLACES else ()


def _in_order(resources: Sequence[Registered]) -> Iterator[Registered]:
    """Each after what it depends on; otherwise as they came, for the engine promises no order."""
    waiting = {one.urn: one for one in resources}

    def take(one: Registered) -> Iterator[Registered]:
        if waiting.pop(one.urn, None):
            for urn in (one.parent, *one.dependencies):
                if urn in waiting:
                    yield from take(waiting[urn])
            yield one

    for one in resources:
        yield from take(one)


def _above(one: Registered, by_urn: Mapping[str, Registered]) -> Iterator[Registered]:
    while found := by_urn.get(one.parent):
        yield found
        one = found


def _is_ours_to_judge(one: Registered, by_urn: Mapping[str, Registered]) -> bool:
    if provider_of(one.type) is None:
        return False
    return not any(above.type.startswith(_CHARTS) for above in _above(one, by_urn))


def _counts(finding: Finding, waivers: Sequence[Waiver]) -> bool:
    """Whether a finding is the pack's to tell; whether a waiver of another rule is used, it cannot know."""
    if finding.rule == UNUSED:
        number = finding.path[-1]
        return isinstance(number, int) and waivers[number].rule not in NOT_JUDGED
    return finding.rule == EXPIRED or finding.rule in JUDGED


def _urn(path: Path, urns: Mapping[Path, str]) -> str:
    found: Iterable[str] = (urns[path[:length]] for length in range(len(path), 0, -1) if path[:length] in urns)
    return next(iter(found), "")
