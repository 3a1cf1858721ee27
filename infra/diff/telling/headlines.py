"""What happens to each component, in words: one row a component, worst first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from components.core.errors import Path, dotted
from components.core.words import listed
from components.kinds.names import LASTING, SCALERS
from components.kinds.workload import controller

from ...plan.sections.registry import SECTIONS
from ..changes.classify import follows_file, rule_for
from ..changes.compare import PROTECT, inside
from ..changes.pair import Pair, component_of
from ..changes.report import ABSENT, EFFECTS, Change, Effect, Headline
from ..snapshots.snapshot import Resource
from .causes import causes, image_words, pairs_of
from .impact import Impact
from .pods import selector
from .routes import percent, shares

_SECTION_NOUNS = {section.key: section.noun for section in SECTIONS if section.noun is not None}
_NOUNS = {"PersistentVolumeClaim": "claim", "PersistentVolume": "volume", "StorageClass": "storage class"}
_MOST = 3


class Told(NamedTuple):
    """A pair with what a report says of it."""

    pair: Pair
    change: Change


def headlines(pairs: Sequence[Pair], changes: Sequence[Change], impact: Impact) -> tuple[Headline, ...]:
    """One row a component that changes.

    Args:
        pairs: what differs.
        changes: the same, as the report has it.
        impact: what is looked up of both sides.
    """
    groups: dict[Path | str, list[Told]] = defaultdict(list)
    for told in map(Told, pairs, changes):
        groups[_group(told.pair)].append(told)
    rows = [_headline(group, impact) for group in groups.values()]
    return tuple(sorted(rows, key=lambda row: EFFECTS.index(row.effect)))


def _group(pair: Pair) -> Path | str:
    return component_of(pair.resource)


def _headline(group: Sequence[Told], impact: Impact) -> Headline:
    effect = min((one.change.effect for one in group), key=EFFECTS.index)
    worst = [one for one in group if one.change.effect == effect]
    what = _what(group, worst, effect, impact)
    lead = next((one for one in worst if one.pair.resource.kind in (*LASTING, "NodePool", "Cluster")), worst[0])
    at = lead.change.at
    line = impact.head.snapshot.lines.get(dotted(at)) if at else None
    return Headline(lead.change.component, at, effect, what, _means(worst, effect), line)


def _what(group: Sequence[Told], worst: Sequence[Told], effect: Effect, impact: Impact) -> str:
    subject = _subject(worst[0].pair.resource)
    if all(one.change.action == "create" for one in group) and effect == "added":
        return f"{subject} is new{_introduced(group)}"
    if all(one.change.action == "delete" for one in group) and effect == "removed":
        stays = component_of(worst[0].pair.resource) in impact.head.components
        return f"{subject}: {_kinds(worst)} removed" if stays else f"{subject} is removed"
    if moved := next((one.pair for one in worst if one.change.action == "rename" and one.pair.before), None):
        assert moved.before is not None  # noqa: S101 - chosen above
        return _renamed(moved.before, moved.resource)
    match effect:
        case "replaced":
            text = f"{_who(subject, worst)} is replaced"
            if zones := _lost_zones(worst):
                return f"{subject} loses {listed(zones, _MOST)}"
        case "restarted":
            text = f"{_tracks(subject, worst, impact)} restarts"
        case "rerouted":
            text = subject
        case "scaled":
            text = subject
        case "removed":
            text = f"{_who(subject, worst)} is removed"
        case "added":
            text = f"{subject}: {_kinds(worst)} added"
        case _:
            text = subject
    why = _why(worst, effect)
    text = (
        f"{text}{' ' if why.startswith('to read') else ': '}{why}"
        if why
        else f"{text} changes"
        if text == subject
        else text
    )
    further = [found for found in (_also(group, also) for also in ("rerouted", "scaled") if also != effect) if found]
    told = (text, *further) if effect in ("restarted", "rerouted") else (text,)
    return "; ".join((*told, *(_unprotected(group, worst))))


def _unprotected(group: Sequence[Told], worst: Sequence[Told]) -> list[str]:
    """What may be deleted from now on, where something worse happens to the component."""
    return [
        f"{one.resource.kind} `{one.resource.name}` no longer protected"
        for one in (told.pair for told in group if told not in worst)
        if any(found.place == PROTECT and not found.after for found in one.differences)
    ]


def _why(worst: Sequence[Told], effect: Effect) -> str:
    if effect == "rerouted":
        return _routes(worst)
    if effect == "scaled":
        return _scales(worst)
    found: list[str] = []
    for one in worst:
        if effect == "restarted" and follows_file(one.pair.differences):
            found.append(one.change.reason.removeprefix("its pods are made anew "))
            continue
        same = [
            (difference, shown)
            for difference, shown in pairs_of(one.pair, one.change.fields)
            if effect == "harmless" or rule_for(one.pair.resource, difference).effect == effect
        ]
        if text := causes(same or pairs_of(one.pair, one.change.fields)):
            found.append(text)
        elif one.change.action == "delete" and effect == "replaced":
            found.append(one.change.reason)
        elif one.change.action in ("create", "delete") and effect == "harmless":
            found.append(f"{one.change.resource} {'added' if one.change.action == 'create' else 'removed'}")
    return listed(dict.fromkeys(found), 2)


def _also(group: Sequence[Told], effect: Effect) -> str:
    """What else happens to a component whose worst change is another."""
    found = [one for one in group if one.change.effect == effect]
    if not found:
        return ""
    return _routes(found) if effect == "rerouted" else _scales(found)


def _routes(found: Sequence[Told]) -> str:
    words: list[str] = []
    for pair, change in found:
        moved = shares(pair)
        if moved:
            words += [
                f"{one.to} {percent(one.before)} → {percent(one.after)}" for one in moved if one.before or one.after
            ]
        elif pair.resource.kind == "Service" and pair.before is not None and pair.after is not None:
            words.append(_switched(pair.before, pair.after) or causes(pairs_of(pair, change.fields)))
        elif pair.resource.kind == "NetworkPolicy":
            action = {"create": "added", "delete": "removed"}.get(change.action, "changes")
            words.append(f"network policy `{pair.resource.name}` {action}")
        elif change.action in ("create", "delete"):
            words.append(
                f"{pair.resource.kind} `{pair.resource.name}` {'added' if change.action == 'create' else 'removed'}"
            )
        else:
            words.append(causes(pairs_of(pair, change.fields)) or change.reason)
    return listed(dict.fromkeys(words), _MOST)


def _switched(before: Resource, after: Resource) -> str:
    old, new = selector(before), selector(after)
    changed = [(old[key], new[key]) for key in new if key in old and old[key] != new[key]]
    return f"switches from {changed[0][0]} to {changed[0][1]}" if len(changed) == 1 and old.keys() == new.keys() else ""


def _scales(found: Sequence[Told]) -> str:
    words: list[str] = []
    for pair, change in found:
        track = _track(pair.resource)
        amount = change.means.partition(":")[0] if "→" in change.means else ""
        if pair.resource.kind == "NodePool" or not amount:
            amount = causes(pairs_of(pair, change.fields)) or change.reason
        words.append(f"{track} {amount}".strip())
    return listed(dict.fromkeys(words), _MOST)


def _means(worst: Sequence[Told], effect: Effect) -> str:
    if effect == "scaled":
        # What comes before the colon is what the row says already.
        further = (
            (_track(one.pair.resource), text.partition(": ")[2] if "→" in text else text)
            for one, text in ((one, one.change.means) for one in worst)
        )
        own = dict.fromkeys((f"{name}: " if name else "", text) for name, text in further if text)
        return "; ".join(f"{name}{text}" for name, text in own)
    told: dict[str, list[str]] = {}
    for one in worst:
        if one.change.means:
            told.setdefault(one.change.means, []).append(_track(one.pair.resource))
    if len(told) == 1 or effect == "removed":
        return "; ".join(list(told)[:_MOST])
    words = [f"{', '.join(filter(None, names))}: {text}" if any(names) else text for text, names in told.items()]
    return "; ".join(words[:_MOST]) + ("; …" if len(words) > _MOST else "")


def _tracks(subject: str, worst: Sequence[Told], impact: Impact) -> str:
    """Which of a model's versions restart; only its name where all do."""
    own = [one.pair.resource for one in worst if one.pair.resource.kind in LASTING]
    if not own or not own[0].at:
        return _who(subject, worst)
    every = impact.head.siblings(own[0])
    names = [name for one in own if (name := _track(one))]
    if len(own) == len(every) or not names or own[0].at[:1] != ("models",):
        return subject
    return f"{subject} ({listed(names, _MOST)})"


def _track(one: Resource) -> str:
    """Which of a model's versions a resource is, `canary`; empty for what is alone, or no version's."""
    return one.track if one.kind in (*LASTING, *SCALERS) else ""


def _who(subject: str, worst: Sequence[Told]) -> str:
    """A component, or what of it is meant where that is not its pods, pool or cluster."""
    one = worst[0].pair.resource
    if one.kind in (*LASTING, "NodePool", "Cluster", "Release") or (not one.at and one.name in subject):
        return subject
    if one.at[:1] != ("models",) and f"`{one.name}`" in subject:
        return subject
    return f"{_NOUNS.get(one.kind, one.kind)} `{one.name}` of {subject}" if one.at else f"{one.kind} `{one.name}`"


def _kinds(worst: Sequence[Told]) -> str:
    return listed(dict.fromkeys(f"{one.pair.resource.kind} `{one.pair.resource.name}`" for one in worst), _MOST)


def _lost_zones(worst: Sequence[Told]) -> list[str]:
    """The zones that a pool or cluster loses, where nothing worse happens to it."""
    found = [
        one for told in worst for one in told.pair.differences if rule_for(told.pair.resource, one).how != "in-place"
    ]
    lost = [one for told in worst for one in told.pair.differences if one.place == "nodeLocations"]
    return [str(one.before) for one in lost if one.after is ABSENT] if not found else []


def _introduced(group: Sequence[Told]) -> str:
    """What a new model runs, and what a new pool is made of."""
    for one in (told.pair.resource for told in group):
        if one.kind == "NodePool":
            machine = inside(one.properties, "nodeConfig").get("machineType")
            return f": {machine}" if machine else ""
        if one.kind in LASTING:
            says = controller(one.kind, one.properties)
            boxes = says.template.containers if says and says.template else ()
            server = image_words(boxes[0]) if boxes else ""
            return f": {server}" if server else ""
    return ""


def _renamed(before: Resource, after: Resource) -> str:
    old, new = _subject(before), _subject(after)
    if old != new:
        return f"{old} is renamed: it becomes {new}"
    if before.namespace != after.namespace:
        return f"{new} moves from namespace `{before.namespace}` to `{after.namespace}`"
    return f"{new}: {after.kind} `{before.name}` becomes `{after.name}`"


def _subject(resource: Resource) -> str:
    at: Sequence[str | int] = resource.at
    if at == ("cluster",):
        return f"node pool `{resource.name}`" if resource.kind == "NodePool" else "the cluster"
    if len(at) > 1 and (noun := _SECTION_NOUNS.get(str(at[0]))) is not None:
        return f"{noun} `{at[1]}`".lstrip()
    name = resource.component.rpartition("/")[2]
    return f"`{name}`" if name else f"{resource.kind} `{resource.name}`"
