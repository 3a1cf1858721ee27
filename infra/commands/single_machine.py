"""What `infra docker` writes: a model of an environment as a shell script and as a Compose file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from components.core.errors import ConfigError, did_you_mean
from components.core.plan import Part
from components.engines.engine import RunsOnAmd
from components.engines.registry import ENGINES
from components.rollout.blue_green import BlueGreenRollout
from components.rollout.model import ModelConfig, track_labels, versions
from components.serving.config import ModelServerConfig
from components.serving.docker import Container, Vendor, compose, container, run_script

from ..plan.environments import Loaded, UsageError
from ..render.yaml_text import to_yaml

RUN, COMPOSE = "run.sh", "compose.yaml"
_EXECUTABLE = 0o755


def forms(
    loaded: Loaded, name: str, *, vendor: Vendor = "nvidia", track: str | None = None, published: int = 8080
) -> dict[str, str]:
    """Both forms, by the file each belongs in.

    Args:
        loaded: the environment.
        name: the model.
        vendor: whose GPUs the machine has.
        track: a version of its rollout; `None` takes the one in use.
        published: port of the machine that leads to the server.

    Raises:
        UsageError: for a model or version that is not there, and for what one machine cannot do.
    """
    box = _container(loaded, name, vendor, track, published)
    about = f"# {name} of {loaded.plan.environment}, by infra docker; serves on http://127.0.0.1:{published}\n"
    shebang, _, script = run_script(box).partition("\n")
    return {RUN: f"{shebang}\n{about}{script}", COMPOSE: about + to_yaml(compose(box))}


def write_forms(texts: Mapping[str, str], folder: Path) -> list[Path]:
    """Write the forms into a folder, which is made where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in texts.items():
        path = folder / name
        path.write_bytes(text.encode())
        if name == RUN:
            path.chmod(_EXECUTABLE)
        paths.append(path)
    return paths


def _container(loaded: Loaded, name: str, vendor: Vendor, track: str | None, published: int) -> Container:
    models = loaded.environment.models
    if name not in models:
        raise UsageError(f'no model "{name}" in {loaded.plan.environment}; {did_you_mean(name, models)}')
    chosen, config = _version(name, models[name], track)
    part = next(part for part in loaded.plan.parts if part.path == ("models", name))
    gpus = _gpus(part, chosen)
    try:
        if vendor == "amd" and gpus:
            config = _on_amd(config)
        launch = config.engine.launch(config.model, config.revision, gpus)
        return container(name, config, launch, gpus=gpus, vendor=vendor, published=published)
    except ConfigError as error:
        raise UsageError(f"{name} cannot be served on one machine:\n{error}") from None


def _version(name: str, config: ModelConfig, track: str | None) -> tuple[str, ModelServerConfig]:
    """The chosen version's name, empty where there is only one, and its settings."""
    found = dict(zip(track_labels(config) or [""], versions(config), strict=True))
    if track is None:
        active = config.rollout.active if isinstance(config.rollout, BlueGreenRollout) else next(iter(found))
        return active, found[active]
    if track not in found:
        known = did_you_mean(track, found) if "" not in found else "it has one version only; leave --track out"
        raise UsageError(f'no version "{track}" of {name}; {known}')
    return track, found[track]


def _gpus(part: Part, version: str) -> int:
    """GPUs of one replica, as the plan has them."""
    facts = next(track for track in part.tracks if track.name == version)
    if facts.span > 1:
        raise UsageError(f"{part.name} is no single Deployment; Docker serves what runs in one container")
    return facts.gpus


def _on_amd(config: ModelServerConfig) -> ModelServerConfig:
    if not isinstance(config.engine, RunsOnAmd):
        able = " and ".join(engine.kind for engine in ENGINES if issubclass(engine.config, RunsOnAmd))
        raise UsageError(f"no image of {config.engine.kind} for AMD GPUs is known; {able} has one")
    return config.model_copy(update={"engine": config.engine.on_amd()})
