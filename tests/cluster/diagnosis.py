"""What our scheduling proof says of a pod, in the scheduler's own words, so that the two can be compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from components.plan import NodeShape
from components.proofs.scheduler import Scheduler, requests, selection_misfits, shortages, taint_misfits
from components.proofs.workload import Workload

_COUNTED = re.compile(r"(\d+) (?:node\(s\) )?((?:Insufficient|had untolerated|didn't match).*?)(?=, \d+ |\.|$)")
_TAINT = re.compile(r"had untolerated taint(?:\(s\))? \{([^:}]+)[^}]*\}")


def expected(pod: Workload, nodes: Iterable[tuple[NodeShape, int]], scheduler: Scheduler) -> Counter[str]:
    """Why the nodes of each pool cannot hold a pod, with how many nodes say so.

    kube-scheduler asks a node's taints first, then the pod's selection, then resources, and stops at the first that
    refuses; of resources it names all that are short
    (k8s.io/kubernetes@v1.36.3 pkg/scheduler/apis/config/v1/default_plugins.go, the order of the filters).
    """
    reasons: Counter[str] = Counter()
    for node, count in nodes:
        if taints := taint_misfits(pod, node):
            reasons[f"taint {taints[0].key}"] += count
        elif selection_misfits(pod, node):
            reasons["selection"] += count
        else:
            for short in shortages(requests(pod.spec), scheduler.room[node.pool]):
                reasons[f"insufficient {short.key}"] += count
    return reasons


def told(message: str) -> Counter[str]:
    """The same, from the message of a pod's PodScheduled condition."""
    reasons: Counter[str] = Counter()
    for found in _COUNTED.finditer(message.partition(" preemption:")[0]):
        count, words = int(found[1]), found[2]
        if taint := _TAINT.match(words):
            reasons[f"taint {taint[1]}"] += count
        elif words.startswith("Insufficient"):
            reasons[f"insufficient {words.split()[1]}"] += count
        else:
            reasons["selection"] += count
    return reasons


def fits(pod: Workload, nodes: Sequence[NodeShape], scheduler: Scheduler) -> set[str]:
    """The pools that can hold a pod, by the proof."""
    return {node.pool for node in nodes if not expected(pod, [(node, 1)], scheduler)}
