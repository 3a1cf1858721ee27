"""What surrounds a model server in its environment: the nodes it may use, who calls it, who scrapes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..addons.addons import MetricsAdapterConfig
from ..core.plan import NodeShape
from ..monitoring.collect.scrape import PrometheusConfig


@dataclass(frozen=True, slots=True)
class Site:
    """The surroundings of one model server.

    Attributes:
        nodes: shapes of the nodes it may run on, in order of preference; empty when the cluster's are not known.
        placement: pod fields that lead it there: nodeSelector, affinity, tolerations.
        prometheus: what scrapes it; `None` when nothing does.
        adapter: what serves its metrics to autoscalers; `None` when nothing does.
        callers: namespaces that may call it besides its own.
        after: keys of the parts that must be whole before it starts.
        path: where its configuration stands in the stack file.
    """

    nodes: tuple[NodeShape, ...] = ()
    placement: Mapping[str, Any] = field(default_factory=dict)
    prometheus: PrometheusConfig | None = None
    adapter: MetricsAdapterConfig | None = None
    callers: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    path: tuple[str | int, ...] = ()
