"""Two snapshots of an environment compared: every resource that differs, what that means, and what was proved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from components.cost.figures import CostChange
from components.kinds.workload import controller
from components.proofs.finding import FindingEntry

from .changes.classify import classify, created, deleted, follows_file, renamed
from .changes.compare import differences, protection
from .changes.findings import compare_findings
from .changes.pair import Pair, component_of
from .changes.renames import renames
from .changes.report import Change, EnvironmentDiff
from .snapshots.identity import resource_label
from .snapshots.snapshot import Resource, Snapshot
from .telling.headlines import headlines
from .telling.impact import Impact
from .telling.redact import Cleaner, told_without

_FILES = ("ConfigMap", "Secret")
"""Kinds whose files pods have as volumes."""


def diff(
    base: Snapshot | None, head: Snapshot | None, *, overrule: Callable[[list[Pair]], list[Pair]] | None = None
) -> EnvironmentDiff:
    """What the change from `base` to `head` does to one environment.

    Args:
        base: the environment as it was; `None` where it did not exist.
        head: the environment as it will be; `None` where it will not exist.
        overrule: what somebody who knows better makes of the rulings, such as the provider.

    Raises:
        ValueError: when neither exists.
    """
    if head is None:
        if base is None:
            raise ValueError("an environment that neither side has cannot be compared")
        head = Snapshot(base.environment)
        return _compared(base, head, replace_status="removed")
    if head.errors:
        unreadable = EnvironmentDiff(
            head.environment, "unreadable", head.file, base.errors if base else (), head.errors,
            notes=_notes(base, head),
        )  # fmt: skip
        return told_without(unreadable, Cleaner())
    if base is None:
        return _compared(Snapshot(head.environment, findings=(), waived=()), head, replace_status="added")
    if base.errors:
        found = compare_findings(None, head.findings)
        alone = EnvironmentDiff(
            head.environment, "added", head.file, base.errors, resources=len(head.resources), standing=found.standing,
            waived=head.waived or (), rules_held=head.rules_held, cost=cost_delta(base, head), after=head.picture,
            notes=_notes(base, head),
        )  # fmt: skip
        return told_without(alone, Cleaner())
    return _compared(base, head, overrule=overrule)


def _compared(
    base: Snapshot,
    head: Snapshot,
    replace_status: str = "",
    overrule: Callable[[list[Pair]], list[Pair]] | None = None,
) -> EnvironmentDiff:
    pairs = changed(base.resources, head.resources)
    if overrule:
        pairs = overrule(pairs)
    impact = Impact(base, head)
    cleaner = Cleaner()
    changes = tuple(_change(pair, impact, cleaner) for pair in pairs)
    found = compare_findings(base.findings, head.findings, head.waived or ())
    cost = cost_delta(None if replace_status == "added" else base, None if replace_status == "removed" else head)
    accepted = {_waiver(one) for one in base.waived or ()} != {_waiver(one) for one in head.waived or ()}
    priced = bool(cost and cost["lines"])
    status = replace_status or ("changed" if pairs or found.new or found.fixed or accepted or priced else "unchanged")
    told = EnvironmentDiff(
        environment=head.environment,
        status=status,  # type: ignore[arg-type]  # one of the words above
        file=head.file or base.file,
        headlines=headlines(pairs, changes, impact),
        changes=changes,
        resources=len(head.resources),
        new=found.new,
        fixed=found.fixed,
        standing=found.standing,
        waived=head.waived or (),
        rules_held=head.rules_held,
        cost=cost,
        before=base.picture,
        after=head.picture,
        notes=_notes(base, head),
    )
    return told_without(told, cleaner)


def changed(base: Sequence[Resource], head: Sequence[Resource]) -> list[Pair]:
    """Every resource that differs, in the head's order, those that are gone last."""
    old = {one.key: one for one in base}
    new = {one.key: one for one in head}
    gone = [one for one in base if one.key not in new]
    came = [one for one in head if one.key not in old]
    was = renames(gone, came) if gone and came else {}
    taken = {one.key for one in was.values()}
    stays = {component_of(one) for one in base} & {component_of(one) for one in head}
    successors = {(component_of(one), one.kind) for one in came if one.key not in was}
    pairs: list[Pair] = []
    for after in head:
        before = old.get(after.key)
        if before is not None:
            same = before.properties is after.properties
            found = [] if same else differences(after.kind, before.properties, after.properties)
            if found := found + protection(before, after):
                pairs.append(Pair(before, after, tuple(found), classify(before, after, found)))
        elif (earlier := was.get(after.key)) is not None:
            found = differences(after.kind, earlier.properties, after.properties) + protection(earlier, after)
            pairs.append(Pair(earlier, after, tuple(found), renamed(earlier, after)))
        else:
            pairs.append(Pair(None, after, (), created(after, component_stays=component_of(after) in stays)))
    pairs += [
        Pair(
            before,
            None,
            (),
            deleted(
                before,
                component_stays=component_of(before) in stays,
                has_successor=(component_of(before), before.kind) in successors,
            ),
        )
        for before in gone
        if before.key not in taken
    ]
    return _with_consequences(pairs)


def _with_consequences(pairs: list[Pair]) -> list[Pair]:
    """Say of workloads that only follow a file which one: their pods carry its checksum in order to restart with it."""
    files = {
        (one.resource.kind, one.resource.namespace, one.resource.name): one.resource
        for one in pairs
        if one.resource.kind in _FILES and one.differences
    }
    if not files:
        return pairs
    readers: dict[str, list[str]] = defaultdict(list)
    told: list[Pair] = []
    for pair in pairs:
        if pair.ruling.effect == "restarted" and follows_file(pair.differences):
            read = [files[name] for name in _files_of(pair.resource) if name in files]
            if read:
                names = ", ".join(f"{one.kind} {one.name}" for one in read)
                for one in read:
                    readers[one.key].append(f"{pair.resource.kind} {pair.resource.name}")
                reason = f"its pods are made anew to read {names}, which changes"
                pair = replace(pair, ruling=replace(pair.ruling, reason=reason))  # noqa: PLW2901
        told.append(pair)
    return [
        replace(pair, ruling=replace(pair.ruling, reason=f"{', '.join(found)} restarts to read it"))
        if (found := readers.get(pair.resource.key))
        else pair
        for pair in told
    ]


def _files_of(resource: Resource) -> Iterator[tuple[str, str, str]]:
    says = controller(resource.kind, resource.properties)
    for volume in says.template.volumes if says and says.template else ():
        if volume.files:
            kind, name = volume.files
            yield kind, resource.namespace, name


def _change(pair: Pair, impact: Impact, cleaner: Cleaner) -> Change:
    one, ruling = pair.resource, pair.ruling
    name = resource_label(one.type, one.namespace, one.name)
    if ruling.action == "rename" and pair.before is not None:
        name = f"{resource_label(one.type, pair.before.namespace, pair.before.name)} → {_moved(pair.before, one)}"
    return Change(
        resource=name,
        component=one.component,
        at=one.at,
        action=ruling.action,
        effect=ruling.effect,
        reason=ruling.reason,
        source=ruling.source,
        means=impact.means(pair),
        fields=tuple(cleaner.shown(one, found) for found in pair.differences),
    )


def _moved(before: Resource, after: Resource) -> str:
    return after.name if before.namespace == after.namespace else f"{after.namespace}/{after.name}"


def cost_delta(base: Snapshot | None, head: Snapshot | None) -> CostChange | None:
    """What changes in the monthly cost; `None` where neither side is known.

    Args:
        base: the environment before; `None` where it was not there.
        head: the environment after; `None` where it is not there any more.
    """
    known = [one for one in (base, head) if one is not None and one.cost is not None]
    if not known:
        return None
    from components.cost.delta import UNKNOWN, delta  # noqa: PLC0415 - where nothing is priced it is not needed

    return delta(*(None if one is None else UNKNOWN if one.cost is None else one.cost for one in (base, head)))


def _waiver(waived: FindingEntry) -> tuple[Any, ...]:
    return waived.get("rule"), waived.get("at"), str(waived.get("waived"))


def _notes(base: Snapshot | None, head: Snapshot) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(base.notes if base else ()), *head.notes)))
