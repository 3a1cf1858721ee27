"""What a change is: replaced, restarted, rerouted, scaled or harmless, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from components.catalog.replacements import ReplacementRule, rule_of
from components.core.providers import in_cluster
from components.core.quantity import exact
from components.kinds.names import LASTING, SERVERS

from ..snapshots.snapshot import Resource
from .compare import PROTECT, Difference
from .report import ABSENT, EFFECTS, Effect

Action = Literal["create", "update", "replace", "delete", "rename"]
_CHECKSUM = "checksum"
"""The word that annotations with the checksum of a file have
(helm.sh/docs/howto/charts_tips_and_tricks)."""
_FELT = frozenset({
    *LASTING, "Service", "NodePool", "Cluster", "Namespace", "PersistentVolumeClaim", "PersistentVolume", "Release",
})  # fmt: skip
"""Kinds whose new name is felt: by clients, by pods that are made anew, or by data that stays behind."""
_PROTECTION = ReplacementRule("*", PROTECT, "in-place", "harmless", "", "pulumi.com/docs/iac/concepts/options/protect")


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is to be said of a changed resource; `report.Change` has the words for each."""

    action: Action
    effect: Effect
    reason: str
    source: str

    @property
    def rank(self) -> int:
        """Its place among the effects, the worst first."""
        return EFFECTS.index(self.effect)


def classify(before: Resource, after: Resource, differences: Sequence[Difference]) -> Ruling:
    """What the changed fields of a resource do, by the worst of them."""
    rulings = [_ruling(before, after, one) for one in differences]
    worst = min(rulings, key=lambda one: (one.rank, one.action != "replace"))
    replaces = any(one.action == "replace" for one in rulings)
    return Ruling("replace" if replaces else "update", worst.effect, worst.reason, worst.source)


def rule_for(resource: Resource, difference: Difference) -> ReplacementRule:
    """The row of the table that says what one difference does."""
    return _PROTECTION if difference.place == PROTECT else rule_of(resource.kind, difference.place)


def created(resource: Resource, *, component_stays: bool) -> Ruling:
    """What a new resource does; that of a new component is simply new."""
    rule = rule_of(resource.kind if component_stays else "*", "+")
    return Ruling("create", _effect(rule), rule.reason, "" if rule.effect == "added" else rule.source)


def deleted(resource: Resource, *, component_stays: bool, has_successor: bool = False) -> Ruling:
    """What becomes of a resource that goes.

    Args:
        resource: what goes.
        component_stays: whether the component that had it is still there.
        has_successor: whether the component now has another of its kind, which takes its place.
    """
    if resource.kind in SERVERS and has_successor:
        return Ruling("delete", "replaced", "its pods are made anew under another name", "")
    if resource.kind == "Job" and component_stays:
        return Ruling("delete", "harmless", "a Job that has run; the new one runs beside it", "")
    rule = rule_of(resource.kind if component_stays else "*", "-")
    reason = rule.reason
    if resource.protect:
        reason += "; it is protected, so Pulumi refuses until protect is off"
    return Ruling("delete", _effect(rule), reason, "" if rule.effect == "removed" else rule.source)


def renamed(before: Resource, after: Resource) -> Ruling:
    """What a new name does: the old one is deleted, which for some takes along what they hold."""
    moved = f"namespace {before.namespace} → {after.namespace}" if before.namespace != after.namespace else "its name"
    reason = f"{moved} cannot be changed: it is made anew and the old one deleted"
    if before.kind in ("PersistentVolumeClaim", "Cluster"):
        reason += ", with all it holds"
    if before.protect:
        reason += "; it is protected, so Pulumi refuses until protect is off"
    source = rule_of("Deployment", "spec.selector").source if in_cluster(before.type) else ""
    if before.kind in _FELT:
        return Ruling("rename", "replaced", reason, source)
    gained = _effect(rule_of(before.kind, "+"))
    return Ruling("rename", "harmless" if gained == "added" else gained, reason, source)


def follows_file(differences: Sequence[Difference]) -> bool:
    """Whether all that differs is the checksum of a file, so that pods restart because the file changed."""
    return bool(differences) and all(
        one.steps[-1].sort == "field" and one.steps[-1].name.startswith(_CHECKSUM) for one in differences
    )


def _ruling(before: Resource, after: Resource, one: Difference) -> Ruling:
    rule = rule_for(after, one)
    if rule is _PROTECTION:
        reason = "Pulumi refuses to delete it from now on" if after.protect else "Pulumi would now let it be deleted"
        return Ruling("update", "harmless", reason, rule.source)
    action: Action = "replace" if rule.how in ("delete-first", "replace") else "update"
    reason, effect = rule.reason, _effect(rule)
    if rule.how == "delete-first":
        reason += ": it is deleted, and then made anew under the same name"
    elif rule.how == "replace":
        reason += ": it is deleted and made anew"
    if action == "replace" and before.protect:
        reason += "; it is protected, so Pulumi refuses until protect is off"
    found = _by_value(before, after, one, rule)
    return found or Ruling(action, effect, reason, rule.source)


def _by_value(before: Resource, after: Resource, one: Difference, rule: ReplacementRule) -> Ruling | None:
    """Where it is not the field alone that decides."""
    match after.kind, rule.field:
        case "PersistentVolumeClaim", "spec.resources" if _shrinks(one):
            reason = "a claim cannot shrink: the API server refuses it until the claim is deleted"
            return Ruling("update", "replaced", reason, rule.source)
        case ("ConfigMap", "data" | "binaryData") | ("Secret", "data" | "stringData") if after.properties.get(
            "immutable"
        ):
            reason = f"an immutable {after.kind} cannot be changed: it is deleted, and then made anew"
            return Ruling("replace", "replaced", reason, rule_of("Secret", "type").source)
        case "ConfigMap" | "Secret", "immutable" if not before.properties.get("immutable"):
            return Ruling("update", "harmless", "it cannot be changed from now on", rule.source)
        case "NodePool" | "Cluster", "nodeLocations" if one.after is ABSENT:
            return Ruling("update", "replaced", "the nodes in a zone that goes are deleted", rule.source)
        case "NodePool", "nodeConfig.taints" if _is_no_execute(one.after):
            return Ruling("update", "replaced", "the new taint makes pods leave that do not tolerate it", rule.source)
        case kind, "spec.replicas" if kind in SERVERS and one.after == 0:
            return Ruling("update", "removed", "no pod is left", rule.source)
    return None


def _shrinks(one: Difference) -> bool:
    old, new = exact(str(one.before)), exact(str(one.after))
    return old is not None and new is not None and new < old


def _is_no_execute(value: Any) -> bool:
    taints = value if isinstance(value, list) else [value]
    return any(isinstance(taint, Mapping) and taint.get("effect") == "NO_EXECUTE" for taint in taints)


def _effect(rule: ReplacementRule) -> Effect:
    effect: Effect = rule.effect  # type: ignore[assignment]  # a test compares them with Effect
    return effect
