"""A run: generated environments, each judged by `check` and by the API server, and every disagreement between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from components.core.errors import Path
from components.reading.workload import place
from components.tenancy.namespace import NamespaceConfig, QuotaConfig
from infra.plan.environment import Environment
from tests.watchers import NEEDS_ADAPTER, watched

from ..place import REPOSITORY
from .faults import ANY, changes, faults, with_fault
from .fields import fields_of, sites
from .judge import Judge, Judgement
from .stacks import Draw, environments
from .values import legal
from .verdict import Checked, check, repaired, stack_text

FOLDER = REPOSITORY / "out" / "fuzz"
"""Where a stack is kept that the two disagree about."""
_SETTINGS = settings(
    max_examples=2,  # the simplest environment, and one of the seed's; more would be the second with small changes
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


class DisagreementError(AssertionError):
    """`check` and the API server disagree about an environment."""


@dataclass(slots=True)
class Tally:
    """What a run has judged.

    Attributes:
        seen: environments so far, so that none is judged twice.
        counts: environments, objects, pods; what was accepted and refused.
        kinds: kinds whose definition could not be had here.
        fields: how many values each field had, by model and field.
        judged: what the API server judged in a field that can be one of several kinds, by field and kind; or by
            `object` and its kind, how many objects.
    """

    seen: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    kinds: set[str] = field(default_factory=set)
    fields: Counter[tuple[str, str]] = field(default_factory=Counter)
    judged: Counter[tuple[str, str]] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """The sum, for people."""
        count = self.counts
        share = 100 * count["accepted"] // max(1, count["environments"])
        return [
            f"{count['environments']} random environments, {share} % of them accepted by check",
            f"{count['objects']} objects and {count['pods']} pods judged by the API server",
            f"{count['elsewhere']} cloud resources and charts, which it does not judge",
            f"{count['refused with a plan']} environments that only the proofs refuse",
            f"{count['refused by both']} environments that both refuse",
        ]


@st.composite
def cases(draw: Draw) -> dict[str, Any]:
    """Environments of which about half are right: repaired, repaired and then changed, or as they were drawn.

    A change breaks the type of a field, or sets it to a legal value that need not fit the others; or a namespace gets
    a quota and a Pod Security level that its pods need not fit.
    """
    values: dict[str, Any] = draw(environments())
    way = draw(st.integers(0, 9))
    if way > 7:
        return values
    values = repaired(values)
    if way < 3:
        return values
    if way == 3:
        return _narrowed(draw, values)
    for _ in range(draw(st.integers(1, 3))):
        if possible := faults(values) if way < 7 else changes(values):
            limit = draw(st.sampled_from(sorted({fault.limit for fault in possible})))
            fault = draw(st.sampled_from([fault for fault in possible if fault.limit == limit]))
            values = with_fault(
                values, fault if fault.value is not ANY else fault._replace(value=draw(legal(fault.kind)))
            )
    return values


def _narrowed(draw: Draw, values: dict[str, Any]) -> dict[str, Any]:
    """An environment whose namespaces enforce a level and a quota, whatever runs in them."""
    spaces = dict.fromkeys(model.get("namespace", "inference") for model in values.get("models", {}).values())
    kinds = fields_of(NamespaceConfig)
    amounts = fields_of(QuotaConfig)
    for space in spaces:
        quota = {name: draw(legal(kind)) for name, kind in amounts.items() if draw(st.booleans())}
        narrow = {"pod_security": draw(legal(kinds["pod_security"])), "quota": quota}
        values = {**values, "namespaces": {**values.get("namespaces", {}), space: narrow}}
    return values


def compare(values: Mapping[str, Any], judge: Judge, tally: Tally | None = None) -> None:
    """Ask both about one environment.

    Raises:
        DisagreementError: with the reasons of both, when `check` accepts what the API server refuses, when it refuses
            one thing and is silent about another that the API server refuses, when it refuses no place of the stack, or
        when it would not refuse a model that another Prometheus reads.
    """
    counts = tally.counts if tally else Counter()
    counts["environments"] += 1
    if tally:
        tally.fields.update((site.owner.__name__, site.field) for site in sites(values, Environment))
    checked = check(values)
    counts["accepted" if checked.accepts else "refused"] += 1
    if checked.plan is None:
        lost = [path for path in checked.paths if not _is_place(values, path)]
        reasons = [f"check refuses {path}, which is no place of the stack" for path in lost]
        _agree(values, checked, reasons + forgiven(values, checked))
        return
    judgement = judge.judge(checked.plan)
    counts.update(objects=judgement.objects, pods=judgement.pods, elsewhere=judgement.elsewhere)
    if tally:
        tally.kinds |= judgement.unserved
        tally.judged.update(
            (site.field, site.value["kind"])
            for site in sites(values, Environment)
            if site.kind.sort == "models" and len(site.kind.models) > 1
        )
        tally.judged.update(("object", item.kind) for _, item in checked.plan.objects())
    if not checked.accepts:
        counts.update({"refused with a plan": 1, "refused by both": int(bool(judgement.refused))})
    if not checked.waived:
        _agree(values, checked, _untold(checked, judgement))


def forgiven(values: Mapping[str, Any], checked: Checked) -> list[str]:
    """What `check` refuses of models, and would not if another Prometheus read their metrics.

    A model is right or wrong by itself: whoever reads metrics must neither launch its engine otherwise nor hide what is
    wrong with it. The proofs of a plan are left out, because a Prometheus of our own takes room on nodes too.
    """
    addons, observability = values.get("addons", {}), values.get("observability", {})
    if not isinstance(addons, dict) or not isinstance(observability, dict):
        return []
    reasons = []
    adapter = "present" if addons.get("metrics_adapter") else None  # Google's asks Google's Prometheus only
    for scraper in ("standalone", "operator"):
        other = check(watched(values, scraper, adapter))
        still = {str(problem) for problem in other.problems}
        reasons += [
            f"check does not refuse it with {scraper}: {problem}"
            for problem in checked.problems
            if len(problem.path) > 1 and problem.path[0] == "models" and NEEDS_ADAPTER not in problem.message
            if str(problem) not in still
        ]
    return reasons


def good(count: int) -> list[dict[str, Any]]:
    """The environments of the first seeds with a model in them, repaired; the same ones every time."""
    found: list[dict[str, Any]] = []

    def take(values: dict[str, Any]) -> None:
        values = repaired(values)
        if values.get("models") and values not in found and check(values).accepts:
            found.append(values)

    number = 0
    while len(found) < count:
        asked: Callable[[], None] = seed(number)(_SETTINGS(given(environments())(take)))
        asked()
        number += 1
    return found


def search(
    judge: Judge, count: int, *, first: int = 0, tally: Tally, strategy: st.SearchStrategy[dict[str, Any]] | None = None
) -> None:
    """Generate environments and ask both about each, until they disagree.

    Args:
        judge: the API server.
        count: how many environments.
        first: the first environment's seed; the next ones follow it.
        tally: what is counted, and which environments were judged before.
        strategy: where environments come from. Omitted: `cases()`.

    Raises:
        DisagreementError: the smallest environment that they disagree about, as far as Hypothesis finds one.
    """

    def ask(values: dict[str, Any]) -> None:
        name = repr(values)
        if name not in tally.seen:
            compare(values, judge, tally)
            tally.seen.add(name)  # only now: one that failed must fail again when Hypothesis comes back to it

    number = first
    while len(tally.seen) < count:
        asked: Callable[[], None] = seed(number)(_SETTINGS(given(strategy if strategy is not None else cases())(ask)))
        try:
            asked()
        except DisagreementError as error:
            error.add_note(f"reproduce: FUZZ_SEED={number} FUZZ_COUNT=1 make fuzz")
            raise
        number += 1


def _agree(values: Mapping[str, Any], checked: Checked, reasons: list[str]) -> None:
    if not reasons:
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "Pulumi.disagreement.yaml"
    path.write_text(stack_text(values), encoding="utf-8")
    told = "accepts it" if checked.accepts else "refuses " + "; ".join(checked.lines())
    raise DisagreementError(f"{path} (infra check --stack {path})\ncheck {told}\n" + "\n".join(reasons))


def _untold(checked: Checked, judgement: Judgement) -> list[str]:
    """What the API server refuses of components that no finding is about."""
    found = {path[:2] for path in checked.paths}
    return [
        f"the API server refuses {refusal}"
        for refusal in judgement.refused
        if not {place(refusal.part)[:2], ("namespaces", refusal.item.namespace)} & found
    ]


def _is_place(values: Mapping[str, Any], path: Path) -> bool:
    """Whether a path leads into a section, and to an entry of it where those have names."""
    kind = fields_of(Environment).get(str(path[0])) if path else None
    section = values.get(str(path[0])) if path else None
    if kind is None or kind.sort != "dict" or not isinstance(section, dict) or len(path) == 1:
        return bool(path)
    return path[1] in section
