"""Pulumi components of the serving domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pulumi

from ..core.errors import ConfigError, Problem
from ..gpu.placement import placement
from ..serving.config import ModelServerConfig
from ..serving.model_server import model_server
from ..serving.pod import gpus_of
from ..serving.site import Site
from ..weights.hub_token import PulumiSecret
from .alone import proved
from .component import Component, after_all
from .gpu import GpuNodePool


class ModelServer(Component):
    """One model on one engine, behind one Service.

    Args:
        name: the server's name; its objects carry it.
        config: its settings.
        runs_on: pools of the same program, in order of preference. Omitted: any node without taints.
        hf_token: the Hugging Face token, as a Pulumi secret; the stack then keeps it in a Kubernetes Secret.
        site: what else surrounds it, such as a Prometheus. Omitted: nothing.
        opts: Pulumi options.

    Raises:
        ConfigError: settings that do not fit the pools or each other, or that a proof refuses.
    """

    def __init__(
        self,
        name: str,
        config: ModelServerConfig,
        *,
        runs_on: Sequence[GpuNodePool] = (),
        hf_token: pulumi.Input[str] | None = None,
        site: Site | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        config, values = with_token(config, hf_token)
        place = site_on(runs_on, config, site)
        part = proved(model_server(name, config, place), place.nodes)
        super().__init__(part, values=values, opts=after_all(runs_on, opts))
        self.config = config

    @property
    def url(self) -> pulumi.Output[str]:
        """Where clients in the cluster call it."""
        return self.output("url")

    @property
    def host(self) -> pulumi.Output[str]:
        """Its Service's name in the cluster's DNS."""
        return self.output("host")


def site_on(pools: Sequence[GpuNodePool], config: ModelServerConfig, site: Site | None) -> Site:
    """The site with the pools of the caller's program."""
    base = site or Site()
    if config.runs_on and not pools and not base.placement:
        message = "names pools of a stack file; in a program hand the pools over, runs_on=[pool]"
        raise ConfigError([Problem(("runs_on",), message)])
    if not pools:
        return base
    nodes = tuple(pool.shape for pool in pools)
    configs = {pool.part.name: pool.config for pool in pools}
    return replace(base, nodes=nodes, placement=placement(configs, gpus=gpus_of(config, nodes)))


def with_token(
    config: ModelServerConfig, hf_token: pulumi.Input[str] | None
) -> tuple[ModelServerConfig, dict[str, pulumi.Input[str]]]:
    """The settings with a Pulumi secret as token source, and its value, when the program hands a token over."""
    if hf_token is None and isinstance(config.hf_token, PulumiSecret):
        message = "the config takes the token from the program: hand it over, hf_token=config.require_secret(...)"
        raise ConfigError([Problem(("hf_token",), message)])
    if hf_token is None:
        return config, {}
    if config.hf_token is not None and not isinstance(config.hf_token, PulumiSecret):
        message = f"is of kind {config.hf_token.kind}, and the program hands a token over as well; drop one of them"
        raise ConfigError([Problem(("hf_token",), message)])
    source = config.hf_token if isinstance(config.hf_token, PulumiSecret) else PulumiSecret(kind="pulumi")
    return config.with_changes(hf_token=source), {source.secret: pulumi.Output.secret(hf_token)}
