"""From one engine to another: the new `engine:` settings, what became of each old one, and what follows.

Which field is which is data (each engine's settings.tsv), and so is how a value is taken over (engines/concepts.tsv,
each engine's words.tsv). What the new engine would refuse is left out and said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from ..catalog import metrics
from ..core.config import Config
from ..core.errors import ConfigError, MisfitError, did_you_mean, dotted
from ..engines.engine import Launch
from ..engines.flag_tables import Concept, Setting, concepts, lacks_of, setting, settings_of, word_on
from ..engines.flags import name_of
from ..engines.registry import BY_KIND
from ..engines.routes import routes_of
from ..engines.typed import TYPED
from .config import ModelServerConfig

_OURS = frozenset({"kind", "version", "image", "extra_args"})
"""Settings of an engine that are no flags of it."""
_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class MigratedSetting:
    """What becomes of one setting.

    Attributes:
        old: as it stands now, `max_total_tokens: 4096`.
        new: as it stands then; empty where nothing takes its place.
        note: what differs, or what to do about it.
    """

    old: str
    new: str
    note: str


@dataclass(frozen=True, slots=True)
class Migration:
    """One change of engine.

    Attributes:
        engine: the new `engine:` settings.
        steps: each old setting, in its order.
        follows: what changes around the engine by itself: what, before, and after.
    """

    engine: Mapping[str, Any]
    steps: tuple[MigratedSetting, ...]
    follows: tuple[tuple[str, str, str], ...] = field(default=())


@cache
def targets() -> tuple[str, ...]:
    """The engines whose settings somebody compared: one can take another's place."""
    return tuple(engine.kind for engine in TYPED if settings_of(engine.kind))


def migration(config: ModelServerConfig, to: str, gpus: int) -> Migration:
    """How a model server changes to another engine.

    Args:
        config: its settings.
        to: the new engine's kind.
        gpus: GPUs of one replica.

    Raises:
        MisfitError: for an engine that has no typed flags, or that it has already.
    """
    of = config.engine.kind
    if of not in targets():
        fix = "write the new engine: block by hand, and see docs/components.md for its fields"
        raise MisfitError(f"got {of}, whose settings nobody can translate; {fix}", at=("engine", "kind"))
    if of == to:
        raise MisfitError(f"it is {to} already; {did_you_mean(to, [each for each in targets() if each != of])}")
    engine: dict[str, Any] = {"kind": to}
    found = {name: _taken_over(config.engine, name, to) for name in _given(config.engine)}
    for _, values in found.values():
        engine |= values
    refused = _refused(config, engine, gpus)
    steps = [_told(config.engine, name, step, values, refused) for name, (step, values) in found.items()]
    steps += _left_behind(config.engine, to)
    new = config.with_changes(engine=_built(engine))
    follows = _follows(
        config,
        to,
        config.engine.launch(config.model, config.revision, gpus),
        new.engine.launch(new.model, new.revision, gpus),
    )
    return Migration(engine, tuple(steps), tuple(follows))


def _given(engine: Config) -> Iterator[str]:
    """The flags that were written, in the order of the fields."""
    for name in type(engine).model_fields:
        if name in engine.model_fields_set and name not in _OURS and getattr(engine, name) is not None:
            yield name


def _taken_over(engine: Any, name: str, to: str) -> tuple[MigratedSetting, dict[str, Any]]:
    """One setting of the old engine as settings of the new one; none where that takes a person."""
    of, value = engine.kind, getattr(engine, name)
    old = f"{name}: {_written(value)}"
    ours = setting(of, name)
    if ours is None:
        return MigratedSetting(old, "", f"nobody compared it with {name_of(to)}'s; look it up in its reference"), {}
    idea, theirs = concepts()[ours.concept], settings_of(to).get(ours.concept)
    if theirs is None:
        absent = lacks_of(to).get(idea.name) or idea.note or f"{name_of(to)} has no such setting"
        return MigratedSetting(old, "", absent), {}
    taken = _value(idea, of, to, value)
    if taken is None:
        by_hand = f"by hand, as {theirs.field}"
        return MigratedSetting(old, "", f"{by_hand}; {idea.note}" if idea.note else by_hand), {}
    values = {theirs.field: taken, **dict.fromkeys(theirs.also, True)}
    return MigratedSetting(old, _lines(values), idea.note), values


def _value(idea: Concept, of: str, to: str, value: Any) -> Any:
    """A value as the new engine writes it; `None` where that takes a person."""
    match idea.way:
        case "same":
            return list(value) if isinstance(value, tuple) else value
        case "list":
            return list(value) or None
        case "words":
            return word_on(idea.name, of, value, to)
        case "form":
            return _in_form(value, settings_of(of)[idea.name], settings_of(to)[idea.name])
        case _:
            return None


def _in_form(value: Any, ours: Setting, theirs: Setting) -> Any:
    """A value in the form the new engine has for it; `None` where that form has no place for all of it."""
    match ours.form, theirs.form:
        case "url" | "host:port", "host:port":
            return str(value).rpartition("://")[2].rstrip("/")
        case "host:port", "url":
            return f"http://{str(value).rstrip('/')}"
        case "list", "mapping":
            # A revision has a place in a list only.
            if any("@" in entry for entry in value):
                return None
            pairs = [str(entry).partition("=") for entry in value]
            return {name.rpartition("/")[2]: source or name for name, _, source in pairs}
        case "mapping", "list":
            return [f"{name}={source}" if source.startswith("/") else source for name, source in value.items()]
        case "mapping", "mapping":
            return dict(value)
        case _:
            return value


def _refused(config: ModelServerConfig, engine: dict[str, Any], gpus: int) -> dict[str, str]:
    """Take out of `engine` what the new engine refuses, until it would start; returns the reasons by field."""
    reasons: dict[str, str] = {}
    for _ in range(_ROUNDS):
        try:
            _built(engine).launch(config.model, config.revision, gpus)
        except ConfigError as error:
            wrong = {str(step): found.message for found in error.problems for step in found.path if step in engine}
            if not wrong or "kind" in wrong:
                raise
            reasons |= wrong
            for name in wrong:
                del engine[name]
        else:
            return reasons
    return reasons


def _told(
    engine: Any, name: str, step: MigratedSetting, values: Mapping[str, Any], refused: Mapping[str, str]
) -> MigratedSetting:
    """The step, with the new engine's own reason where it refuses the value."""
    reasons = [refused[each] for each in values if each in refused]
    if not reasons:
        return step
    return MigratedSetting(
        f"{name}: {_written(getattr(engine, name))}", "", f"{_lines(values)} is refused: {reasons[0]}"
    )


def _left_behind(engine: Any, to: str) -> Iterator[MigratedSetting]:
    """What belongs to the old engine alone."""
    if engine.image is not None:
        yield MigratedSetting(
            f"image: {engine.image}", "", f"an image with {name_of(engine.kind)} in it; name one with {name_of(to)}"
        )
    elif "version" in engine.model_fields_set:
        default = BY_KIND[to].config.model_fields["version"].default
        yield MigratedSetting(f"version: {engine.version}", "", f"{name_of(to)}'s own default, {default}")
    if engine.extra_args:
        yield MigratedSetting(
            f"extra_args: {_written(engine.extra_args)}", "", f"{name_of(engine.kind)}'s own; look them up"
        )


def _built(engine: Mapping[str, Any]) -> Any:
    return cast("Any", BY_KIND[engine["kind"]].config)(**engine)


def _follows(config: ModelServerConfig, to: str, old: Launch, new: Launch) -> Iterator[tuple[str, str, str]]:
    """What changes around the engine without anybody's doing, and what somebody must look after."""
    of = config.engine.kind
    yield "image", old.image.partition("@")[0], new.image.partition("@")[0]
    for what, was, will in zip(("startup", "readiness", "liveness"), old.probes, new.probes, strict=True):
        yield f"{what} probe", f"{was.path}, {was.budget_seconds} s", f"{will.path}, {will.budget_seconds} s"
    yield "port in the pod", str(old.port), f"{new.port}; the Service keeps its own"
    yield "drain", f"{old.drain_seconds} s", f"{new.drain_seconds} s"
    yield "runs as", f"uid {old.security.user}", f"uid {new.security.user}"
    yield "weights are kept at", old.cache_path, new.cache_path
    yield "scraped at", old.metrics_path or "nowhere", new.metrics_path or "nowhere"
    for role, told in metrics.role_meanings().items():
        before, after = metrics.role(of, role), metrics.role(to, role)
        if before or after:
            yield f"dashboards and alerts: {told.meaning}", before or "none", after or "none"
    ours, theirs = routes_of(of), routes_of(to)
    shared = " or ".join(route for route, form in ours.items() if theirs.get(route) == form)
    for route, form in ours.items():
        if theirs.get(route) != form:
            yield f"clients of {route}", f"{form}'s form", f"{_form_at(theirs, route)}; move them to {shared} first"
    for signal in config.autoscaling.signals if config.autoscaling else ():
        if signal.role is not None:
            what = f"autoscaling: {dotted(signal.at)} reads"
            yield what, old.roles.get(signal.role, ""), new.roles.get(signal.role, "nothing; choose another signal")
    for before, after in renamed_metrics(config, to).items():
        yield "autoscaling: pod_metrics reads", before, after or "nothing like it; choose another signal"
    if config.security.model_fields_set:
        yield "security", "yours", f"yours still; drop what {name_of(of)}'s image needed"
    if config.env:
        yield "env", ", ".join(config.env), f"the same still; drop what only {name_of(of)} reads"


def _form_at(routes: Mapping[str, str], route: str) -> str:
    return f"{routes[route]}'s form" if route in routes else "no such route"


def renamed_metrics(config: ModelServerConfig, to: str) -> dict[str, str]:
    """The old engine's metrics that autoscaling names, each with the new one's; empty where it has none."""
    of = config.engine.kind
    roles = {metric.name: metric.role for metric in metrics.metrics_of(of)}
    named = [signal.metric for signal in config.autoscaling.signals] if config.autoscaling else []
    return {name: metrics.role(to, role) if (role := roles[name]) else "" for name in named if name in roles}


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_written(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, Config):
        return _written(value.model_dump(exclude_unset=True))
    return str(value)


def _lines(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {_written(value)}" for name, value in values.items())
