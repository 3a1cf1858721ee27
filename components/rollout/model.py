"""A model of an environment: a model server and how a new version of it takes over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from ..core.config import Config, defaults
from ..core.errors import Path
from ..core.plan import Part
from ..scaling.scaler import ScalerSettings
from ..serving.config import ModelServerConfig
from ..serving.model_server import model_server
from ..serving.site import Site
from .blue_green import COLORS, BlueGreenRollout, blue_green
from .canary import CANARY, EXPERIMENTAL, STABLE, AbRollout, CanaryRollout, ab_test, canary
from .variant import Variant


class RollingRollout(Config):
    """One Deployment, whose pods are replaced one after another."""

    kind: Literal["rolling"] = "rolling"
    """The rollout's kind."""


Rollout = Annotated[RollingRollout | CanaryRollout | AbRollout | BlueGreenRollout, Field(discriminator="kind")]
"""How a new version takes over, by its `kind`."""


class ModelConfig(ModelServerConfig):
    """One model of an environment."""

    rollout: Rollout = defaults(RollingRollout)
    """How a new version takes over. Omitted: pods are replaced one after another."""


def model(name: str, config: ModelConfig, site: Site | None = None) -> Part:
    """The part of the plan for a model, by its rollout.

    Raises:
        ConfigError: settings that do not fit the site or each other; paths are relative to `config`.
    """
    return rolled_out(name, config, config.rollout, site)


def rolled_out(name: str, config: ModelServerConfig, rollout: Rollout, site: Site | None = None) -> Part:
    """The part of the plan for a model server and what tells its versions apart.

    Raises:
        ConfigError: as `model` does.
    """
    match rollout:
        case BlueGreenRollout():
            return blue_green(name, config, rollout, site)
        case CanaryRollout():
            return canary(name, config, rollout, site)
        case AbRollout():
            return ab_test(name, config, rollout, site)
        case RollingRollout():
            return model_server(name, config, site)


def track_labels(config: ModelConfig) -> dict[str, dict[str, str]]:
    """The versions that a route can tell apart, each with the pod labels that do."""
    match config.rollout:
        case BlueGreenRollout():
            return {color: {"color": color} for color in COLORS}
        case CanaryRollout():
            return {name: {"version": name} for name in (STABLE, "canary")}
        case AbRollout():
            return {name: {"version": name} for name in (STABLE, "experimental")}
        case RollingRollout():
            return {}


def scalers(config: ModelConfig) -> Iterator[tuple[Path, ScalerSettings]]:
    """The scalers of the model's versions, each with the place where its settings stand below the model's."""
    own: dict[Path, Variant]
    match config.rollout:
        case BlueGreenRollout():
            own = {("rollout", color): getattr(config.rollout, color) for color in COLORS}
        case CanaryRollout():
            own = {CANARY: config.rollout.canary}
        case AbRollout():
            own = {EXPERIMENTAL: config.rollout.experimental}
        case RollingRollout():
            own = {}
    for path, settings in [((), config.autoscaling), *((path, variant.autoscaling) for path, variant in own.items())]:
        if settings is not None:
            yield (*path, "autoscaling"), settings


def versions(config: ModelConfig) -> list[ModelServerConfig]:
    """The settings of each Deployment the model has."""
    match config.rollout:
        case BlueGreenRollout():
            colors = {"blue": config.rollout.blue, "green": config.rollout.green}
            return [variant.applied_to(config, ("rollout", color)) for color, variant in colors.items()]
        case CanaryRollout():
            return [config, config.rollout.canary.applied_to(config, CANARY)]
        case AbRollout():
            return [config, config.rollout.experimental.applied_to(config, EXPERIMENTAL)]
        case RollingRollout():
            return [config]
