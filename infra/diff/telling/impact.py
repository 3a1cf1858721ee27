"""What a change means to users, with numbers where they are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil

from components.core.words import listed
from components.kinds.names import DAEMON_SET, LASTING
from components.kinds.scaler import scale_of
from components.kinds.workload import Controller, UpdateStep

from ...terminal.words import counted, span
from ..changes.compare import PROTECT, Difference
from ..changes.pair import Pair
from ..changes.report import ABSENT
from ..snapshots.snapshot import Resource, Snapshot
from .pods import IntRange, Pods, minutes, selector
from .routes import moved_shares, percent

_REFUSED = frozenset(
    {"PersistentVolumeClaim", "PersistentVolume", "StorageClass", "PriorityClass", "ConfigMap", "Secret"}
)
"""Kinds of which the API server refuses what the provider would do in place."""
_LOST = "what it holds is lost, unless the volume's reclaim policy keeps it"
_MOST = 3


class Impact:
    """What is looked up of both sides to tell what changes mean."""

    def __init__(self, base: Snapshot, head: Snapshot) -> None:
        self.base = Pods(base)
        self.head = Pods(head)

    def means(self, pair: Pair) -> str:
        """What users notice of one changed resource; empty where nobody notices, or nobody can tell."""
        one, effect = pair.resource, pair.ruling.effect
        if effect == "restarted" and one.kind in LASTING:
            return self._restart(one)
        if effect == "replaced":
            return self._replaced(pair)
        if effect == "removed" and pair.before is not None:
            return self._removed(pair.before)
        if effect == "rerouted":
            return self._rerouted(pair)
        if effect == "scaled":
            return self._scaled(pair)
        if effect == "added" and one.kind in LASTING:
            return self._added(one)
        if effect == "harmless" and any(found.place == PROTECT and not found.after for found in pair.differences):
            return f"Pulumi would now let {one.kind} `{one.name}` be deleted"
        return ""

    def _restart(self, one: Resource) -> str:
        if one.kind == DAEMON_SET:
            return "on every node, one at a time; models are not touched"
        replicas = self.head.replicas(one)
        pods, says = self._pods(self.head, one), self.head.controller(one)
        if not (replicas.high or replicas.low):
            return "none of its pods runs"
        # A colour is exchanged before the Service moves to it, or after the Service has left it.
        if self.head.is_standby(one) or (one.key in self.base.by_key and self.base.is_standby(one)):
            return f"{pods} of the standby, which no request reaches"
        start = self.head.start(one) or self.base.start(one)
        others = self.head.beside(one)
        many = max(1, replicas.low)
        how = says.exchange.step(many)
        if says.exchange.recreate:
            return f"{pods}, all at once: {minutes(start, 1)} without {self._rest(one, others)}"
        rounds = ceil(many / (how.surge + how.unavailable))
        text = f"{pods}, {_pace(says.gpus, how, replicas)}: {minutes(start, rounds)}"
        left = many - min(many, how.unavailable)
        total = many + sum(self.head.replicas(other).low for other in others)
        answering = total - (many - left)
        if answering == 0:
            return f"{text} without `{_name(one)}`" + (" where it has one pod" if replicas.high != many else "")
        return f"{text} at {answering / total:.0%}".replace("%", " %") if answering < total else f"{text} at 100 %"

    def _rest(self, one: Resource, others: Iterable[Resource]) -> str:
        names = listed([f"`{other.name}`" for other in others], _MOST)
        return f"them; {names} answer" if names else f"`{_name(one)}`"

    def _pods(self, side: Pods, one: Resource) -> str:
        """`4 pods`, `1 to 4 groups of 2 pods`."""
        replicas = side.replicas(one)
        noun = _noun(side.controller(one), several=replicas != IntRange(1, 1))
        return f"{span(replicas.low, replicas.high)} {noun}"

    def _replaced(self, pair: Pair) -> str:
        one = pair.before or pair.resource
        if pair.ruling.action == "update" and one.kind in _REFUSED:
            return "`up` fails until it is deleted; what runs stays as it is"
        match one.kind:
            case "NodePool":
                return self._pool(pair, one)
            case "Cluster":
                return "everything that runs on it stops until the new one is up"
            case "Job":
                return "it runs again; pods that serve are not touched"
            case "Service":
                old, new = f"`{one.name}`", pair.resource.name
                if one.namespace != pair.resource.namespace:
                    old, new = f"`{one.name}.{one.namespace}`", f"{new}.{pair.resource.namespace}"
                if pair.ruling.action == "rename":
                    return f"clients of {old} must call `{new}` from now on"
                return f"clients of {old} get no answer until the new one is there"
            case "PersistentVolumeClaim":
                return f"{_LOST}; `up` waits for pods that use it to go"
            case "StorageClass" | "PriorityClass":
                return "what exists keeps its settings"
            case kind if kind in LASTING:
                start = self.head.start(pair.resource) or self.base.start(one)
                replicas = self.base.replicas(one)
                pods = f"{self._pods(self.base, one)} {_verb('go', replicas)}"
                if pair.ruling.action == "replace":
                    return f"{pods} first: {minutes(start, 1)} without `{_name(one)}`"
                return f"{pods} when the new ones are ready: {minutes(start, 1)}"
            case _:
                return ""

    def _pool(self, pair: Pair, pool: Resource) -> str:
        if gone := [one.before for one in pair.differences if one.place == "nodeLocations" and one.after is ABSENT]:
            return f"its nodes in {listed(map(str, gone), _MOST)} go, and their pods move to its other zones"
        name = pool.at[-1] if pool.at and pool.at[0] == "node_pools" else pool.name
        found = self.base.on_pool(str(name))
        if not found:
            return "no pod of a model runs there" if self.base.snapshot.nodes else ""
        homeless: list[str] = []
        moving: list[str] = []
        elsewhere: dict[str, None] = {}
        slowest: IntRange | None = None
        for verdict in found:
            owner = verdict.pod.resource
            if pair.ruling.action == "rename":
                moving.append(f"`{owner.name}`")
                elsewhere[f"`{pair.resource.name}`"] = None
                continue
            others = [node.pool for node in verdict.fits if node.pool != name and node.max_nodes != 0]
            word = f"`{owner.name}`"
            if word in moving or word in homeless or self.base.is_standby(owner):
                continue
            if others:
                moving.append(word)
                elsewhere |= dict.fromkeys(f"`{other}`" for other in others)
            else:
                homeless.append(word)
            start = self.base.start(owner)
            if start and (slowest is None or (start.high or start.low) > (slowest.high or slowest.low)):
                slowest = start
        text = []
        if homeless:
            at_once = pair.ruling.action != "update"
            ending, names = minutes(slowest, 1), listed(homeless, _MOST)
            text.append(
                f"no other pool can hold {names}: {ending} without"
                if at_once
                else f"pods of {names} wait for the new nodes, {ending} each: no other pool can hold them"
            )
        if moving:
            text.append(f"pods of {listed(moving, _MOST)} move to {listed(elsewhere, _MOST)}, or wait for room there")
        return "; ".join(text)

    def _removed(self, one: Resource) -> str:
        if one.kind in LASTING:
            if one.kind == DAEMON_SET:
                return "its pods stop on every node"
            replicas = self.base.replicas(one)
            return f"{self._pods(self.base, one)} {_verb('stop', replicas)}"
        if one.kind == "Namespace":
            return "everything in it goes"
        if one.kind == "Service":
            return f"`{one.name}` no longer answers"
        if one.kind == "NodePool":
            pool = str(one.at[-1]) if one.at else one.name
            names = dict.fromkeys(f"`{found.pod.resource.name}`" for found in self.base.on_pool(pool))
            return f"its nodes go; pods of {listed(names, _MOST)} could run there" if names else "its nodes go"
        if one.kind == "PersistentVolumeClaim":
            return _LOST
        return ""

    def _added(self, one: Resource) -> str:
        pods = self._pods(self.head, one)
        start = self.head.start(one)
        return f"{pods}, {minutes(start, 1)} until ready" if start else pods

    def _rerouted(self, pair: Pair) -> str:
        one = pair.resource
        if one.kind == "NetworkPolicy":
            return _cut(pair)
        if one.kind == "Service" and any(found.place.startswith("spec.selector") for found in pair.differences):
            if pair.before is None:
                return ""
            old, new = selector(pair.before), selector(one)
            gone, came = (_only(side, other) for side, other in ((old, new), (new, old)))
            return f"all requests go from {gone} to {came} at once, when its pods are ready; none restarts for it"
        shares = moved_shares(pair)
        return f"{shares}; no pod restarts" if shares else "no pod restarts"

    def _scaled(self, pair: Pair) -> str:
        one = pair.resource
        if one.kind in LASTING and pair.before is not None:
            before, after = self.base.replicas(pair.before), self.head.replicas(one)
            says = self.head.controller(one)
            return _more_or_less(before, after, says.gpus, _noun(says, several=True)) + self._shares(pair.before, one)
        if (new := scale_of(one.kind, one.properties)) is not None:
            if pair.before is None or pair.after is None:
                word = "" if pair.before is None else "no longer "
                return f"{word}{span(new.fewest, new.most)} pods"
            old = scale_of(pair.before.kind, pair.before.properties) or new
            if old[:2] == new[:2]:
                return ""
            owner = next((found for found in self.head.siblings(one) if found.name == new.name), None)
            before, after = (IntRange(scale.fewest, scale.most) for scale in (old, new))
            return _more_or_less(before, after, self.head.controller(owner).gpus if owner else 0, "pods")
        if one.kind == "NodePool":
            return "; ".join(_node_counts(pair.differences))
        return "pods that run stay" if one.kind == "ResourceQuota" else ""

    def _shares(self, before: Resource, after: Resource) -> str:
        """How a version's share of its Service's requests changes, which each pod gets alike."""
        others = self.base.beside(before), self.head.beside(after)
        if not all(others):
            return ""
        old, new = (
            pods.replicas(one).low / max(1, sum(pods.replicas(found).low for found in (one, *beside)))
            for pods, one, beside in zip((self.base, self.head), (before, after), others, strict=True)
        )
        return "" if round(old, 3) == round(new, 3) else f", {percent(old * 100)} → {percent(new * 100)} of requests"


def _pace(gpus: int, how: UpdateStep, replicas: IntRange) -> str:
    many = max(1, replicas.low)
    at_once = how.surge + how.unavailable
    pace = "at once" if at_once >= many > 1 else "one at a time" if at_once == 1 else f"{at_once} at a time"
    if replicas == IntRange(1, 1) and not how.surge:
        pace = "the old one goes first"
    if not gpus:
        return pace
    return f"{pace}, no spare GPU needed" if not how.surge else f"{pace}, {_spare(how.surge * gpus)} needed"


def _cut(pair: Pair) -> str:
    """What a network policy's change does to connections: pods without any policy may be reached by everybody."""
    if pair.before is None:
        return "connections that it does not allow are cut"
    if pair.after is None:
        return "what other policies do not forbid is allowed"
    widens = all(one.before is ABSENT and one.place.count(".") > 1 for one in pair.differences)
    widens |= all(one.before is ABSENT and one.steps[-1].sort in ("index", "member") for one in pair.differences)
    return "more is allowed, and nothing is cut" if widens else "connections that it no longer allows are cut"


def _node_counts(found: Iterable[Difference]) -> Iterable[str]:
    for one in found:
        word = {"totalMinNodeCount": "always", "totalMaxNodeCount": "at most"}.get(str(one.steps[-1].name))
        # A rendered file that somebody edited may hold anything; only numbers of nodes are told.
        if word and isinstance(one.before, int) and isinstance(one.after, int):
            yield f"{word} {counted(one.before, 'node')} → {one.after}"


def _more_or_less(before: IntRange, after: IntRange, gpus: int, noun: str) -> str:
    old, new = span(before.low, before.high), span(after.low, after.high)
    text = f"{old} → {new} {noun}"
    most = ((after.high or after.low) - (before.high or before.low)) * gpus
    if most:
        text += f": {abs(most)} GPU{'s' if abs(most) > 1 else ''} {'more' if most > 0 else 'less'} at most"
    return text


def _only(side: Mapping[str, str], other: Mapping[str, str]) -> str:
    values = [value for key, value in side.items() if other.get(key) != value]
    return f"`{', '.join(map(str, values))}`" if values else "all"


def _verb(verb: str, replicas: IntRange) -> str:
    return f"{verb}{'es' if verb == 'go' else 's'}" if replicas == IntRange(1, 1) else verb


def _noun(says: Controller, *, several: bool) -> str:
    if says.span == 1:
        return "pods" if several else "pod"
    return f"group{'s' if several else ''} of {says.span} pods"


def _name(one: Resource) -> str:
    return str(one.at[-1]) if one.at[:1] == ("models",) else one.name


def _spare(gpus: int) -> str:
    return f"{gpus} spare GPU{'s' if gpus > 1 else ''}"
