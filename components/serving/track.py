"""One version of a model server: its settings, what its objects are called, and the facts that others read of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ..core.demand import Demand
from ..core.errors import ConfigError, Path, moved
from ..core.facts import TrackFacts
from ..core.names import physical_name
from ..engines.engine import Launch
from ..scaling.scaler import signal_metrics
from .config import ModelServerConfig
from .leader_worker_set import LEADER, group_name
from .pod import PORT, gpus_of
from .site import Site


@dataclass(frozen=True, slots=True)
class Track:
    """One Deployment of a model server; a plain server has one, a rollout two.

    Attributes:
        config: settings of this track.
        name: what tells it from its siblings, such as `blue` or `canary`; empty when it is alone.
        label: the label key that carries the name; never a version, which would replace the Deployment.
        standby: whether no traffic is meant for it, so that `pulumi up` does not wait for it.
        path: where the settings stand that are its own.
        own: names of these settings.
    """

    config: ModelServerConfig
    name: str = ""
    label: str = ""
    standby: bool = False
    path: Path = ()
    own: frozenset[str] = frozenset()

    @property
    def grouped(self) -> bool:
        """Whether a replica is a group of pods on several nodes."""
        return self.config.nodes > 1

    @property
    def pods(self) -> str:
        """The role of what makes its pods."""
        return self.role("leader-worker-set" if self.grouped else "deployment")

    @property
    def labels(self) -> dict[str, str]:
        """What selects its pods besides `app`."""
        return {self.label: self.name} if self.name else {}

    @property
    def fewest(self) -> int:
        """Replicas there always are."""
        return self.config.autoscaling.fewest if self.config.autoscaling else self.config.replicas

    @property
    def most(self) -> int:
        """Replicas there can be."""
        return self.config.autoscaling.most if self.config.autoscaling else self.config.replicas

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Name its own settings where they stand, in whatever is raised."""
        try:
            yield
        except ConfigError as error:
            raise moved(error, self.path, self.own) from None

    def role(self, noun: str) -> str:
        """The role of one of its items."""
        return f"{self.name}-{noun}" if self.name else noun

    def deployment(self, server: str) -> str:
        """The name of its Deployment, or LeaderWorkerSet."""
        name = physical_name(server, self.name) if self.name else server
        return group_name(name) if self.grouped else name

    def facts(self, server: str, launch: Launch, site: Site) -> TrackFacts:
        """What others read of it.

        Args:
            server: the model server's name.
            launch: how the pod starts that answers requests.
            site: what surrounds the server.
        """
        config = self.config
        signals = _signals(config, launch)
        return TrackFacts(
            name=self.name,
            role=self.pods,
            kind="LeaderWorkerSet" if self.grouped else "Deployment",
            namespace=config.namespace,
            container=launch.container,
            image=launch.image,
            gpus=gpus_of(config, site.nodes) * config.nodes,
            span=config.nodes,
            fewest=self.fewest,
            most=self.most,
            standby=self.standby,
            labels={"app": server, **self.labels, **(LEADER if self.grouped else {})},
            demand=_demand(config, launch.demand),
            metrics=launch.metrics,
            metrics_path=launch.metrics_path,
            metrics_port=PORT,
            signals=signals,
            adapted=signals if config.autoscaling and config.autoscaling.READS_ADAPTER else (),
        )


def _demand(config: ModelServerConfig, demand: Demand | None) -> Demand | None:
    """What the engine asks of GPU memory, with the shape of the model where the configuration gives it."""
    if demand is None or config.architecture is None:
        return demand
    return replace(demand, architecture=config.architecture.model(config.model))


def _signals(config: ModelServerConfig, launch: Launch) -> tuple[str, ...]:
    """The metrics that its autoscaler reads."""
    scaling = config.autoscaling
    if scaling is None:
        return ()
    return signal_metrics(scaling, launch.roles)
