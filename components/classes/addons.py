"""The Pulumi component for an add-on's chart."""

from __future__ import annotations

from typing import Any

import pulumi

from ..addons.charts import chart_part
from ..catalog.charts import chart
from .component import Component


class Chart(Component):
    """One of the pinned charts, as a Helm release.

    Args:
        release: name of the release in our table of charts: `keda`, `istiod`, `prometheus-adapter`.
        values: the chart's values. Omitted: its defaults.
        opts: Pulumi options; charts that build on another take it in `depends_on`.
    """

    def __init__(
        self, release: str, values: dict[str, Any] | None = None, *, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(chart_part(chart(release), values or {}), opts=opts)

    @property
    def namespace(self) -> pulumi.Output[str]:
        """Where it is installed."""
        return self.output("namespace")
