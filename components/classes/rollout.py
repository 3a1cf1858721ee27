"""Pulumi components of the rollout domain."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from ..core.errors import ConfigError, Problem
from ..rollout.blue_green import BlueGreenRollout
from ..rollout.canary import AbRollout, CanaryRollout
from ..rollout.model import rolled_out
from ..serving.config import ModelServerConfig
from ..serving.site import Site
from .alone import proved
from .component import Component, after_all
from .gpu import GpuNodePool
from .serving import site_on, with_token


class _TwoVersions(Component):
    """A model server in two versions.

    Args:
        name: the server's name; its objects carry it.
        config: settings of both versions.
        rollout: what tells the versions apart.
        runs_on: pools of the same program, in order of preference. Omitted: any node without taints.
        hf_token: the Hugging Face token, as a Pulumi secret; the stack then keeps it in a Kubernetes Secret.
        site: what else surrounds it, such as a Prometheus. Omitted: nothing.
        opts: Pulumi options.

    Raises:
        ConfigError: settings of another rollout, or that do not fit the pools or each other, or that a proof refuses.
    """

    def __init__(
        self,
        name: str,
        config: ModelServerConfig,
        rollout: BlueGreenRollout | CanaryRollout | AbRollout,
        *,
        runs_on: Sequence[GpuNodePool] = (),
        hf_token: pulumi.Input[str] | None = None,
        site: Site | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        config, values = with_token(config, hf_token)
        place = site_on(runs_on, config, site)
        part = proved(rolled_out(name, config, rollout, place), place.nodes)
        if part.kind not in (owner.__name__ for owner in type(self).__mro__):
            raise ConfigError([Problem(("rollout",), f"these are the settings of {part.kind}; use that class")])
        super().__init__(part, values=values, opts=after_all(runs_on, opts))
        self.config = config

    @property
    def url(self) -> pulumi.Output[str]:
        """Where clients in the cluster call it."""
        return self.output("url")


class BlueGreen(_TwoVersions):
    """Two coloured Deployments and a Service that selects the active one."""


class Canary(_TwoVersions):
    """A stable and a canary Deployment behind one Service."""


class AbTest(_TwoVersions):
    """A stable and an experimental Deployment behind one Service."""
