"""Pods on nodes, counted: how many nodes a set of pods needs, and what share of one a pod takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil

from ..core.plan import GPU

Resources = Mapping[str, int]
"""Thousandths of each resource, as `proofs.scheduler` counts."""
_COUNTED = (GPU, "cpu", "memory", "ephemeral-storage")


def nodes_for(pods: Iterable[tuple[Resources, int]], room: Resources) -> int:
    """The nodes that pods take when the largest are placed first, each on the first node with room.

    Never fewer than they need, and exact for pods that are alike. A pod that no node can hold takes none.

    Args:
        pods: what a pod asks for, and how many such pods there are.
        room: what one node has.
    """
    names = [name for name in _COUNTED if room.get(name)]
    size = [room[name] for name in names]
    wanted = [([asked.get(name, 0) for name in names], count) for asked, count in pods if count > 0]
    wanted.sort(key=lambda entry: (entry[0], entry[1]), reverse=True)
    smallest = [min(column) for column in zip(*(asked for asked, _ in wanted), strict=True)]
    nodes: list[tuple[list[int], int]] = []  # what is left of each of so many nodes that are alike
    total = 0
    for asked, wish in wanted:
        count = wish
        if any(need > has for need, has in zip(asked, size, strict=True)):
            continue
        kept: list[tuple[list[int], int]] = []
        for left, alike in nodes:
            taken, count = _fill(kept, left, alike, asked, count)
            if alike > taken:
                kept.append((left, alike - taken))
        if count:
            each = _times(size, asked)
            new = ceil(count / each)
            total += new
            _, count = _fill(kept, size, new, asked, count)
        # What is left of most nodes is of no use to any pod.
        nodes = [entry for entry in kept if all(has >= need for has, need in zip(entry[0], smallest, strict=True))]
    return total


def share(asked: Resources, room: Resources) -> float:
    """The part of a node that a pod takes: of its GPUs if it asks for any, otherwise of what it takes most of."""
    if asked.get(GPU):
        return asked[GPU] / room[GPU] if room.get(GPU) else 1.0
    return min(1.0, max((asked.get(name, 0) / room[name] for name in _COUNTED if room.get(name)), default=0.0))


def _fill(
    kept: list[tuple[list[int], int]], left: Sequence[int], alike: int, asked: Sequence[int], count: int
) -> tuple[int, int]:
    """Put pods on nodes that are alike; the nodes that were used go to `kept`. Returns them, and the pods left over."""
    each = _times(left, asked)
    if not each or not count:
        return 0, count
    full = min(alike, count // each)
    if full:
        kept.append(([has - each * need for has, need in zip(left, asked, strict=True)], full))
        count -= full * each
    used = full
    if count and used < alike:
        kept.append(([has - count * need for has, need in zip(left, asked, strict=True)], 1))
        used, count = used + 1, 0
    return used, count


def _times(left: Sequence[int], asked: Sequence[int]) -> int:
    """How many such pods fit."""
    most = [has // need for has, need in zip(left, asked, strict=True) if need]
    return min(most, default=1_000_000)
