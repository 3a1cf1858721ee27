"""Blue-green: two coloured Deployments, and a Service that selects one of them.

The colour is in the selectors and the version never is: selectors cannot change, so a version in one would replace
the Deployment, and with a fixed name Pulumi deletes before it creates.
"""

from __future__ import annotations

from typing import Literal

from ..core.config import Config, defaults
from ..core.plan import Part
from ..serving.config import ModelServerConfig
from ..serving.model_server import assemble
from ..serving.site import Site
from ..serving.track import Track
from .variant import Variant

COLORS = ("blue", "green")
LABEL = "color"


class BlueGreenRollout(Config):
    """Two whole deployments; the Service leads to the active one, and changing `active` switches all traffic."""

    kind: Literal["blue-green"] = "blue-green"
    """The rollout's kind."""
    active: Literal["blue", "green"]
    """The colour that serves. To go live or back, change this one word."""
    blue: Variant = defaults(Variant)
    """What blue does differently. Omitted: nothing."""
    green: Variant = defaults(Variant)
    """What green does differently. Omitted: nothing."""


def blue_green(name: str, config: ModelServerConfig, rollout: BlueGreenRollout, site: Site | None = None) -> Part:
    """A model server in two colours.

    The active colour comes before the Service and the standby after it, so in either direction the Service moves
    only to pods that are ready.

    Raises:
        ConfigError: settings that do not fit the site; paths are relative to `config`.
    """
    variants = {"blue": rollout.blue, "green": rollout.green}
    ordered = sorted(COLORS, key=lambda color: color != rollout.active)
    tracks = [
        Track(
            variants[color].applied_to(config, ("rollout", color)),
            color,
            LABEL,
            standby=color != rollout.active,
            path=("rollout", color),
            own=frozenset(variants[color].model_fields_set),
        )
        for color in ordered
    ]
    return assemble("BlueGreen", name, tracks, {"app": name, LABEL: rollout.active}, site or Site())
