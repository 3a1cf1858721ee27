"""How the pods of a replica start: with the model's name, or with a folder of the cache that holds it."""

from __future__ import annotations

from dataclasses import replace

from ..core.config import is_commit
from ..core.errors import MisfitError
from ..engines.engine import Launch, SpansNodes
from ..weights import cache
from ..weights.download import cached
from .config import ModelServerConfig
from .pod import gpus_of
from .site import Site


def started(config: ModelServerConfig, site: Site) -> tuple[Launch, ...]:
    """How one replica's pods start: one, or the leader and each worker where it spans nodes.

    Raises:
        MisfitError: for settings that the engine cannot start with, alone or from this cache.
    """
    gpus = gpus_of(config, site.nodes)
    asked = _started(config, config.model, config.revision, gpus)
    if folder := _folder(config, asked[0]):
        # The engine is given the folder for the model, and there are no revisions in it.
        named = config.model_copy(update={"engine": config.engine.named(config.model)})
        local = _started(named, f"{asked[0].cache_path}/{folder}", None, gpus)
        return tuple(replace(there, demand=of_hub.demand) for there, of_hub in zip(local, asked, strict=True))
    return asked


def _folder(config: ModelServerConfig, launch: Launch) -> str:
    """The folder of the cache that the engine is given for the model; empty when it finds the model itself."""
    if folder := cache.folder(config.cache):
        return folder
    if not (config.is_offline and launch.asks_hub):
        return ""
    if not is_commit(config.revision):
        given = f'got "{config.revision}", which can move' if config.revision else "is missing"
        fix = "write the 40 digits of the commit that is in the cache, or offline: false"
        message = f"{given}: {launch.container} asks the Hub for it, unless it is given the folder of a commit; {fix}"
        raise MisfitError(message, at=("revision",))
    return cached("", config.model, config.revision or "").removeprefix("/")


def _started(config: ModelServerConfig, model: str, revision: str | None, gpus: int) -> tuple[Launch, ...]:
    if config.nodes > 1 and isinstance(config.engine, SpansNodes):
        return config.engine.launch_group(model, revision, gpus, config.nodes)
    return (config.engine.launch(model, revision, gpus),)
