"""Canary and A/B: two versions behind one Service, told apart by a `version` label that names the track.

Without a route, the Service shares requests by the number of pods: 9 stable and 1 canary give the canary 10 %. With
a route (see `traffic.route`) its weights and header rules decide, whatever the numbers of pods.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..core.config import Config, Percent
from ..core.errors import ConfigError, Problem
from ..core.plan import Part
from ..serving.config import ModelServerConfig
from ..serving.model_server import assemble
from ..serving.site import Site
from ..serving.track import Track
from .variant import Variant

LABEL = "version"
STABLE = "stable"
CANARY = ("rollout", "canary")
EXPERIMENTAL = ("rollout", "experimental")
"""Where the settings of the other version stand."""
_WHOLE = 100


class CanaryRollout(Config):
    """A new version beside the stable one, for a share of requests."""

    kind: Literal["canary"] = "canary"
    """The rollout's kind."""
    canary: Variant
    """What the canary does differently."""
    percent: Annotated[Percent, Field(ge=1, le=50)] | None = None
    """Share of requests by share of pods: of `replicas` pods in all, this many per cent are canaries. Omitted: the
    canary has its own `replicas`, or 1, and a route decides the share."""


class AbRollout(Config):
    """Two versions side by side, compared by who is sent to which; needs a route."""

    kind: Literal["ab"] = "ab"
    """The rollout's kind."""
    experimental: Variant
    """What the experimental version does differently."""


def canary(name: str, config: ModelServerConfig, rollout: CanaryRollout, site: Site | None = None) -> Part:
    """A stable and a canary Deployment behind one Service.

    Raises:
        ConfigError: a share that whole pods cannot give, or settings that do not fit the site; paths are relative to
            `config`.
    """
    changed = rollout.canary.applied_to(config, CANARY)
    if rollout.percent is None:
        stable = config
        if not rollout.canary.replicas and not rollout.canary.autoscaling:
            changed = changed.with_changes(replicas=1, autoscaling=None)
    else:
        stable, changed = _split(config, changed, rollout.percent)
    own = frozenset(rollout.canary.model_fields_set)
    tracks = [Track(stable, STABLE, LABEL), Track(changed, "canary", LABEL, path=CANARY, own=own)]
    return assemble("Canary", name, tracks, {"app": name}, site or Site())


def ab_test(name: str, config: ModelServerConfig, rollout: AbRollout, site: Site | None = None) -> Part:
    """A stable and an experimental Deployment behind one Service, for a route to choose between.

    Raises:
        ConfigError: settings that do not fit the site; paths are relative to `config`.
    """
    changed = rollout.experimental.applied_to(config, EXPERIMENTAL)
    own = frozenset(rollout.experimental.model_fields_set)
    tracks = [Track(config, STABLE, LABEL), Track(changed, "experimental", LABEL, path=EXPERIMENTAL, own=own)]
    return assemble("AbTest", name, tracks, {"app": name}, site or Site())


def _split(
    config: ModelServerConfig, changed: ModelServerConfig, percent: int
) -> tuple[ModelServerConfig, ModelServerConfig]:
    share = config.replicas * percent / _WHOLE
    if config.autoscaling or changed.autoscaling:
        fix = "set autoscaling on neither, or drop percent and let a route share requests"
        raise ConfigError(
            [Problem(("rollout", "percent"), f"a share by pods cannot hold while pods are scaled; {fix}")]
        )
    if share != int(share) or not share:
        total = next(n for n in range(1, _WHOLE + 1) if n * percent % _WHOLE == 0)
        fix = f"use replicas: {total} or a multiple of it, or drop percent and let a route share requests"
        message = f"got {percent}; {config.replicas} pods cannot be shared so; {fix}"
        raise ConfigError([Problem(("rollout", "percent"), message)])
    return (
        config.with_changes(replicas=config.replicas - int(share)),
        changed.with_changes(replicas=int(share)),
    )
