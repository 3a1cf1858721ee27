"""Whole environments as people might write them, each field drawn from its own type.

Every model is written by walking its fields, so that a new field, engine or component is generated as soon as it
exists. What a type cannot say, such as that a pool's machine has its GPU, `_OVERRIDES` says field by field. The result
is only likely to be right: `repaired` takes out what `check` refuses, until nothing is left that it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from components.catalog.accelerators import accelerators
from components.catalog.machines import machine_types
from components.catalog.zones import zones_in_region
from components.proofs.rules import RULES
from infra.plan.environment import Environment

from . import engine_values
from .engine_values import OMIT, of
from .fields import Kind, Model, fields_of, kind_words
from .values import legal

_LONG = "a" * 63
_MACHINES = (
    "g2-standard-12", "g2-standard-4", "g2-standard-48", "e2-standard-16", "n1-standard-8", "a2-highgpu-1g",
    "a3-highgpu-8g", "a4x-highgpu-4g", "a2-ultragpu-1g",
)  # fmt: skip
_REGIONS = ("us-central1", "us-central1-a", "europe-west4", "us-east4")
_NAMES: Mapping[str, tuple[str, ...]] = {
    "node_pools": ("l4", "spare", "a" * 39),
    "compute_classes": ("cheap", _LONG),
    "namespaces": ("inference", "team", "9", _LONG),
    "priority_classes": ("serving", "batch", _LONG),
    "models": ("chat", "m", _LONG, "a" * 58),
    "traffic": ("chat", "front", _LONG),
}
"""What the entries of a section are called: few, so that sections meet, and some as long as they may be."""
_FEW = 2
_MANY = 40
"""Most optional fields of one model: an engine with a hundred of them is written in turns."""
_SECRETS = ("hf_token", "other_token")
_ORDER = ("addons", "namespaces", "priority_classes", "cluster", "compute_classes", "node_pools", "models")
"""Sections that others name come before them."""

Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(slots=True)
class Author:
    """Writes one environment.

    Attributes:
        draw: Hypothesis' own.
        values: what is written so far.
        tracks: of each model, the versions that a route can name.
    """

    draw: Draw
    values: dict[str, Any] = field(default_factory=dict)
    tracks: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def environment(self) -> dict[str, Any]:
        """All sections that are wanted; a section this file knows nothing of is written like any other field."""
        kinds = fields_of(Environment)
        wanted = self._some(list(kinds), most=len(kinds))
        wanted += [name for name in ("addons", "node_pools") if self.is_likely()]
        for name in sorted(kinds, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER)):
            if name in (*wanted, "cluster", "models"):
                self.values[name] = self.section(name, kinds[name])
        return self.values

    def section(self, name: str, kind: Kind) -> Any:
        """One section."""
        if kind.sort != "dict" or kind.item is None:
            return self.value(kind, Environment, name, {})
        keys = self._some(list(_NAMES[name]), most=_FEW, least=1) if name in _NAMES else ["one"]
        entries: dict[str, Any] = {}
        self.values[name] = entries
        for key in keys:
            entries[key] = self.value(kind.item, Environment, name, {"key": key})
        return entries

    def model(self, model: Model, about: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of one model: what is required, and some of the others.

        Args:
            model: which.
            about: what stands around it: `key`, its name where it has one.
        """
        kinds = fields_of(model)
        optional = [name for name, info in model.model_fields.items() if not info.is_required() and name != "kind"]
        wanted = {*self._some(optional, most=min(len(optional) + 2, _MANY)), *_LIKELY.get(model.__name__, ())}
        written: dict[str, Any] = {}
        for name, kind in kinds.items():
            if name == "kind":
                written[name] = kind.words[0]
            elif name in wanted or model.model_fields[name].is_required():
                value = self.value(kind, model, name, {**written, **about})
                if value is not OMIT:
                    written[name] = value
        return written

    def value(self, kind: Kind, owner: Model, name: str, about: Mapping[str, Any]) -> Any:
        """A value of one field, or of what is in it."""
        for model in owner.__mro__:
            if override := _OVERRIDES.get(f"{model.__name__}.{name}"):
                return override(self, about)
        match kind.sort:
            case "models":
                return self.model(self._chosen(kind.models), {"key": about.get("key", "")})
            case "tuple":
                assert kind.item is not None
                return [self.value(kind.item, owner, f"{name}[]", about) for _ in range(self._count(kind))]
            case "dict":
                assert kind.item is not None
                assert kind.key is not None
                keys = {self.value(kind.key, owner, f"{name}{{}}", about) for _ in range(self._count(kind))}
                return {key: self.value(kind.item, owner, f"{name}[]", about) for key in sorted(keys)}
            case _:
                return self.draw(legal(kind))

    def one(self, *choices: Any) -> Any:
        """One of some values."""
        return self.draw(st.sampled_from(choices))

    def names(self, section: str) -> list[str]:
        """What a section holds so far."""
        return list(self.values.get(section, {}))

    def is_likely(self) -> bool:
        """Nine times in ten."""
        return bool(self.draw(st.integers(0, 9)) < 9)

    def _chosen(self, models: tuple[Model, ...]) -> Model:
        return models[0] if len(models) == 1 else self.one(*models)

    def _count(self, kind: Kind) -> int:
        least = kind.limit("min_length") or 0
        return int(self.draw(st.integers(least, least + _FEW)))

    def _some(self, names: list[str], *, most: int, least: int = 0) -> list[str]:
        """Some of them, in their order: a number and as many choices are half the cost of Hypothesis' own sets."""
        if not names:
            return []
        chosen = {self.one(*names) for _ in range(self.draw(st.integers(least, most)))}
        return [name for name in names if name in chosen]


_LIKELY = {
    "GpuNodePoolConfig": ("accelerator", "nodes"),
    "Priority": ("accelerator", "machine_type"),
    "HpaConfig": ("cpu_percent",),
    "RouteRule": ("path_prefix",),
    "AddonsConfig": (
        "istio",
        "external_secrets",
        "secrets_store_csi",
        "metrics_adapter",
        "prometheus_operator",
        "leader_worker_set",
    ),
    **engine_values.LIKELY,
}
"""Optional fields without which little else is right."""


def _region(author: Author) -> str:
    location = author.values.get("cluster", {}).get("location", "us-central1")
    return str(location if location[-2] != "-" else location[:-2])


def _zones(author: Author, about: Mapping[str, Any]) -> Any:
    gpu = about.get("accelerator", "nvidia-l4")
    known = zones_in_region(gpu, _region(author)) or (f"{_region(author)}-a", f"{_region(author)}-b")
    return author._some(list(known), most=_FEW)


def _accelerator(author: Author, about: Mapping[str, Any]) -> Any:
    """A GPU that the machine has; where the machine is chosen after it, any."""
    machine = machine_types().get(about.get("machine_type", ""))
    gpus = sorted(machine.gpus if machine else {gpu for name in _MACHINES for gpu in machine_types()[name].gpus})
    return author.one(*gpus) if gpus and author.is_likely() else OMIT


def _machine(author: Author, about: Mapping[str, Any]) -> Any:
    gpu = about.get("accelerator")
    return author.one(*(name for name in _MACHINES if gpu is None or gpu in machine_types()[name].gpus))


def _gpus(author: Author, about: Mapping[str, Any]) -> Any:
    machine = machine_types().get(about.get("machine_type", ""))
    return author.one(*machine.gpus.get(about.get("accelerator", ""), (1,))) if machine else 1


def _partition(author: Author, about: Mapping[str, Any]) -> Any:
    gpu = accelerators().get(about.get("accelerator", ""))
    return author.one(*gpu.partitions) if gpu and gpu.partitions else OMIT


def _choices(author: Author, about: Mapping[str, Any]) -> Any:
    """Choices of a class: machines, mostly."""
    pools = author.names("node_pools")
    return [
        {"node_pools": [author.one(*pools)]} if pools and not author.is_likely() else author.model(_PRIORITY, {})
        for _ in range(author.draw(st.integers(1, _FEW)))
    ]


def _engine(author: Author, about: Mapping[str, Any]) -> Any:
    """An engine, those with the most fields most often."""
    kinds = {kind_words(model)[0]: model for model in fields_of(_MODEL)["engine"].models}
    return author.model(kinds[author.one(*kinds, "vllm", "vllm", "vllm", "sglang", "sglang", "tgi")], {})


def _only_with(provisioning: str, *choices: Any) -> Callable[[Author, Mapping[str, Any]], Any]:
    """What goes with one way of buying machines only."""
    return lambda author, about: author.one(*choices) if about.get("provisioning") == provisioning else OMIT


def _pool(author: Author, about: Mapping[str, Any]) -> Any:
    """A pool; outside GKE it is there already, and found by its labels."""
    pool = author.model(_POOL, about)
    elsewhere = {"exists": True, "labels": {"pool": "one", **pool.get("labels", {})}}
    return pool if author.values["cluster"]["kind"] != "kubeconfig" else {**pool, **elsewhere}


def _header(author: Author, about: Mapping[str, Any]) -> Any:
    return {author.one("exact", "prefix", "regex"): author.draw(legal(Kind("str", (), str)))}


def _runs_on(author: Author, about: Mapping[str, Any]) -> Any:
    classes, pools = author.names("compute_classes"), author.names("node_pools")
    if classes and (not pools or not author.is_likely()):
        return [author.one(*classes)]
    return author._some(pools, most=_FEW, least=int(about["engine"]["kind"] not in ("custom", "tei")))


def _rules(author: Author, about: Mapping[str, Any]) -> Any:
    """Rules whose shares sum to 100, the open one last."""
    rules = []
    subsets = list(about.get("subsets") or author.tracks.get(about["model"], ()) or [about["model"]])
    count = author.draw(st.integers(0, _FEW))
    for number in range(count + 1):
        rule = author.model(_RULE, {}) if number < count else {"to": {}}
        first = author.draw(st.integers(0, 100)) if len(subsets) > 1 else 100
        rule["to"] = dict(zip(subsets, (first, 100 - first), strict=False))
        rules.append(rule)
    return rules


def _rollout(author: Author, about: Mapping[str, Any]) -> Any:
    chosen = author.one(*fields_of(_MODEL)["rollout"].models)
    tracks = {"canary": ("stable", "canary"), "ab": ("stable", "experimental"), "blue-green": ("blue", "green")}
    author.tracks[about["key"]] = tracks.get(kind_words(chosen)[0], ())
    return author.model(chosen, {})


def _subsets(author: Author, about: Mapping[str, Any]) -> Any:
    tracks = author.tracks.get(about["model"], ())
    return dict(zip(author._some(["v1", "v2", _LONG], most=2, least=2), tracks, strict=False)) if tracks else OMIT


def _known(section: str) -> Callable[[Author, Mapping[str, Any]], Any]:
    """A name out of a section, mostly."""

    def choose(author: Author, about: Mapping[str, Any]) -> Any:
        names = author.names(section)
        return author.one(*names) if names and author.is_likely() else author.one(*_NAMES[section])

    return choose


def _model_of(owner: Model, name: str) -> Model:
    """The first model in a field."""
    kind = fields_of(owner)[name]
    return (kind if kind.models else kind.item or kind).models[0]


_POOL = _model_of(Environment, "node_pools")
_MODEL = _model_of(Environment, "models")
_PRIORITY = _model_of(_model_of(Environment, "compute_classes"), "priorities")
_RULE = _model_of(_model_of(Environment, "traffic"), "rules")
_IMAGES = ("example.com/server:1.2.3", "a:b", f"a.io:5000/{'b' * 200}/c_d:{'1' * 128}@sha256:{'0' * 64}")
_ZONED = ("GkeClusterConfig", "GkeExistingConfig", "GpuNodePoolConfig", "Priority")
_OVERRIDES: Mapping[str, Callable[[Author, Mapping[str, Any]], Any]] = {
    **dict.fromkeys((f"{name}.zones" for name in _ZONED), _zones),
    **dict.fromkeys((f"{name}.location" for name in _ZONED[:2]), of(*_REGIONS)),
    **{f"{name}.accelerator": _accelerator for name in _ZONED[2:]},
    **{f"{name}.machine_type": _machine for name in _ZONED[2:]},
    **{f"{name}.gpus": _gpus for name in _ZONED[2:]},
    **{f"{name}.partition": _partition for name in _ZONED[2:]},
    "SystemPool.machine_type": of("e2-standard-4", "e2-standard-8"),
    "GpuNodePoolConfig.compute_class": _known("compute_classes"),
    **{f"{name}.reservation": _only_with("reservation", "mine", "projects/a-b/reservations/c") for name in _ZONED[2:]},
    **{f"{name}.max_run_duration_seconds": _only_with("flex-start", 600, 604800) for name in _ZONED[2:]},
    "GpuNodePoolConfig.shutdown_grace_seconds": _only_with("spot", 30, 120),
    "Environment.node_pools": _pool,
    "Nodes.min": of(0, 1),
    "ComputeClassConfig.priorities": _choices,
    **{
        f"AddonsConfig.{name}": of("present", "install")
        for name in ("istio", "external_secrets", "prometheus_operator", "leader_worker_set")
    },
    "AddonsConfig.secrets_store_csi": of("present"),
    "MetricsAdapterConfig.kind": of("prometheus-adapter", "prometheus-adapter", "stackdriver"),
    "CustomEngine.image": of(*_IMAGES),
    "ResourcesConfig.memory": of("4Gi", "8G", "3.5Gi", "4294967296", "6Gi", "5000M", "9999999999999Ei", "1", "1024Ki"),
    "ResourcesConfig.cpu": of("1", "500m", "0.5", ".25", "0.0001", "1000000"),
    "ResourcesConfig.cpu_limit": of("4", "2", "0.25", "1.5"),
    "HpaConfig.min": of(1, 2, 0),
    "RouteRule.headers[]": _header,
    "ModelServerConfig.namespace": _known("namespaces"),
    "ModelServerConfig.runs_on": _runs_on,
    **{f"{name}.engine": _engine for name in ("ModelServerConfig", "Variant")},
    "ModelServerConfig.priority_class": _known("priority_classes"),
    "ModelServerConfig.replicas": of(1, 2, 4, 10, 20, 1000, 2**31 - 1, 2**31),
    "ModelConfig.rollout": _rollout,
    "PulumiSecret.secret": of(*_SECRETS),
    "IstioRoute.model": _known("models"),
    "IstioRoute.subsets": _subsets,
    "IstioRoute.rules": _rules,
    "CanaryRollout.percent": of(10, 25, 50, 1),
    "Waiver.rule": of(*RULES, "no-such-rule"),
    "Waiver.until": of("2026-11-20", "2026-11-21", "2027-01-31", "2027-02-30"),
    **engine_values.OVERRIDES,
}
"""What a field's type does not say: names of things that must exist, and facts of the catalog."""


@st.composite
def environments(draw: Draw) -> dict[str, Any]:
    """The values of a stack, likely to be right."""
    return Author(draw).environment()
