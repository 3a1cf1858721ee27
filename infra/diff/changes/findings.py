"""Which findings are new, fixed and standing: a finding is the same as long as its rule and place are."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from components.proofs.finding import FindingEntry

_NUMBER = re.compile(r"\d[\d,.]*")


class Compared(NamedTuple):
    """The findings of a head against those of its base."""

    new: tuple[FindingEntry, ...]
    fixed: tuple[FindingEntry, ...]
    standing: tuple[FindingEntry, ...]


def compare_findings(
    base: Iterable[FindingEntry] | None, head: Iterable[FindingEntry] | None, waived: Iterable[FindingEntry] = ()
) -> Compared:
    """Tell findings apart by rule, severity and place, and by their words without numbers where that is not enough.

    What the head waives is not fixed. Without a base that was proved nothing is new or fixed: everything stands.
    Without a head that was proved nothing is known.
    """
    if head is None:
        return Compared((), (), ())
    if base is None:
        return Compared((), (), tuple(head))
    left: dict[tuple[Any, ...], list[FindingEntry]] = defaultdict(list)
    for finding in base:
        left[_identity(finding)].append(finding)
    open_: list[FindingEntry] = []
    standing: dict[int, FindingEntry] = {}
    entries = list(head)
    for accepted in waived:
        if left[_identity(accepted)]:
            left[_identity(accepted)].pop()
    # Those with the same words first, so that of two at one place the right one is fixed.
    for exact in (True, False):
        for number, finding in enumerate(entries):
            candidates = left.get(_identity(finding), [])
            at = next((at for at, one in enumerate(candidates) if not exact or _words(one) == _words(finding)), None)
            if number not in standing and at is not None:
                del candidates[at]
                standing[number] = finding
    open_ = [finding for number, finding in enumerate(entries) if number not in standing]
    fixed = [finding for group in left.values() for finding in group]
    return Compared(tuple(open_), tuple(fixed), tuple(standing[number] for number in sorted(standing)))


def _identity(finding: FindingEntry) -> tuple[Any, ...]:
    return finding.get("rule"), finding.get("severity"), finding.get("at")


def _words(finding: FindingEntry) -> str:
    return _NUMBER.sub("0", str(finding.get("message", "")))
