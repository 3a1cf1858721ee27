"""What our scheduling proof says of a pod, in the scheduler's own words, so that the two can be compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from components.core.plan import NodeShape
from components.reading.scheduler import Scheduler, selection_misfits, shortages, taint_misfits
from components.reading.workload import Workload

_COUNTED = re.compile(r"(\d+) (?:(Insufficient \S+?)|node\(s\) (had untolerated|didn't match))(?=[,.]? )")


def expected(pod: Workload, nodes: Iterable[tuple[NodeShape, int]], scheduler: Scheduler[Workload]) -> Counter[str]:
    """Why the nodes of each pool cannot hold a pod, with how many nodes say so.

    kube-scheduler asks a node's taints first, then the pod's selection, then resources, and stops at the first that
    refuses; of resources it names all that are short
    (k8s.io/kubernetes@v1.36.3 pkg/scheduler/apis/config/v1/default_plugins.go, the order of the filters).
    """
    reasons: Counter[str] = Counter()
    for node, count in nodes:
        if taint_misfits(pod, node):
            reasons["taint"] += count
        elif selection_misfits(pod, node):
            reasons["selection"] += count
        else:
            for short in shortages(pod.template.asked, scheduler.room[node.pool]):
                reasons[f"insufficient {short.key}"] += count
    return reasons


def told(message: str) -> Counter[str]:
    """The same, from the message of a pod's PodScheduled condition."""
    reasons: Counter[str] = Counter()
    for count, short, other in _COUNTED.findall(message.partition(" preemption:")[0]):
        what = f"insufficient {short.split()[1]}" if short else "taint" if "untolerated" in other else "selection"
        reasons[what] += int(count)
    return reasons


def fits(pod: Workload, nodes: Sequence[NodeShape], scheduler: Scheduler[Workload]) -> set[str]:
    """The pools that can hold a pod, by the proof."""
    return {node.pool for node in nodes if not expected(pod, [(node, 1)], scheduler)}
