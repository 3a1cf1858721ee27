"""What one version of a model server does differently from its base."""

from __future__ import annotations

from pydantic import Field

from ..core.config import Config, Count, EnvName, HubId, Revision
from ..core.errors import ConfigError, Path, moved
from ..engines.registry import EngineConfig
from ..scaling.registry import AutoscalingConfig
from ..serving.config import ModelServerConfig, ResourcesConfig


class Variant(Config):
    """Changes against the model server's own settings; what is omitted stays as it is there."""

    model: HubId | None = None
    """Another model. Omitted: the same."""
    revision: Revision | None = None
    """Another revision of the model. Omitted: the same, unless `model` changes."""
    engine: EngineConfig | None = None
    """Another engine or other flags; replaces the whole block. Omitted: the same."""
    replicas: Count | None = None
    """Other number of pods, which are then not scaled unless `autoscaling` says so here. Omitted: the same."""
    autoscaling: AutoscalingConfig | None = None
    """Other scaling. Omitted: the same."""
    resources: ResourcesConfig | None = None
    """Other CPU and memory. Omitted: the same."""
    env: dict[EnvName, str] = Field(default_factory=dict)
    """Further or other environment variables. Omitted: the same."""

    def applied_to(self, base: ModelServerConfig, path: Path) -> ModelServerConfig:
        """The base's settings with these changes.

        Args:
            base: the model server's own settings.
            path: where the changes stand, below those.

        Raises:
            ConfigError: settings that do not fit each other.
        """
        changes = {
            name: getattr(self, name)
            for name in ("model", "revision", "engine", "replicas", "autoscaling", "resources")
            if getattr(self, name) is not None
        }
        if self.model is not None and self.revision is None:
            changes["revision"] = None
        if self.replicas is not None and self.autoscaling is None:
            changes["autoscaling"] = None
        if self.env:
            changes["env"] = base.env | self.env
        try:
            return base.with_changes(**changes) if changes else base
        except ConfigError as error:
            raise moved(error, path, self.model_fields_set) from None
