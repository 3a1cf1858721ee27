"""Pulumi components of the scaling domain."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from ..addons.addons import MetricsAdapterConfig
from ..scaling.registry import AutoscalingConfig
from ..scaling.scaler import ScaleTarget, autoscaler
from .component import Component


class Autoscaler(Component):
    """A scaler for a Deployment that sets no `replicas`; a `ModelServer` brings its own.

    Args:
        name: the component's name.
        config: when to scale.
        namespace: namespace of the Deployment.
        deployment: its name.
        adapter: what serves pod metrics in the cluster. Omitted: nothing, and only CPU and memory are signals.
        emitted: metrics the pods emit, name to kind. Omitted: none.
        opts: Pulumi options.

    Raises:
        ConfigError: a signal that nothing serves or nothing emits.
    """

    def __init__(
        self,
        name: str,
        config: AutoscalingConfig,
        *,
        namespace: str,
        deployment: str,
        adapter: MetricsAdapterConfig | None = None,
        emitted: Mapping[str, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        target = ScaleTarget(deployment, namespace, name, emitted=emitted or {}, adapter=adapter)
        super().__init__(autoscaler(name, config, target), opts=opts)
        self.config = config
