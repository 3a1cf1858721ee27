"""Every validity check of `check`, and who would notice if it were gone: the API server, or somebody else."""

from __future__ import annotations

import ast
import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from copy import deepcopy
from functools import cache, partial
from typing import Any, NamedTuple
from unittest.mock import patch

from components.core.errors import pattern_words
from components.proofs.rules import RULES
from infra.plan.environment import Environment

from ..place import HERE, REPOSITORY
from .fields import Kind, kinds_below
from .switches import without_function, without_limit

TABLE = HERE / "fuzz" / "checks.tsv"
_RAISED = ("Problem", "Dangling", "MisfitError", "ConfigError", "raise_all")
_NO_CHECKS = ("errors.py", "wording.py", "docker.py", "migration.py")
"""Files that word what others found, or belong to commands that judge no environment."""
_OF_INFRA = ("environment.py", "policy.py", "references.py", "validate.py", "sections/*.py")
"""Files of `infra/plan` that judge settings; the others judge the file they are in."""
LIMITS = "words", "pattern", "max_length", "min_length", "ge", "le", "gt", "lt"


class Row(NamedTuple):
    """One row of the table.

    Attributes:
        check: a limit of a type, `int 1..65535: le`; a function that refuses settings; or a rule's id.
        noticed_by: `api` when the API server refuses what the check refuses; otherwise who else would.
        why: why the API server would not, and where it does what stands behind the check.
    """

    check: str
    noticed_by: str
    why: str


@cache
def table() -> dict[str, Row]:
    """The table by check."""
    with TABLE.open(encoding="utf-8") as file:
        return {row["check"]: Row(**row) for row in csv.DictReader(file, delimiter="\t")}


def noticed_by_the_api(names: Mapping[str, Any]) -> list[str]:
    """Those of some checks that the API server would notice."""
    rows = table()
    return sorted(name for name in names if name in rows and rows[name].noticed_by == "api")


@cache
def limits() -> dict[str, tuple[Kind, str]]:
    """Every limit of every type of field, by its name."""
    found: dict[str, tuple[Kind, str]] = {}
    for _, name, kind in kinds_below(Environment):
        for limit in LIMITS:
            if kind.limit(limit) is not None or (limit == "words" and kind.words and name != "kind"):
                found.setdefault(f"{label(kind)}: {limit}", (kind, limit))
    return found


def label(kind: Kind) -> str:
    """What a type is called in the table."""
    if kind.sort == "str":
        pattern = kind.limit("pattern")
        words = (pattern_words(pattern) or pattern) if pattern else "text"
        least, most = kind.limit("min_length"), kind.limit("max_length")
        return f"{words}{f', {least or 0} to {most} characters' if most else ''}"
    if kind.sort == "literal":
        return " or ".join(map(str, kind.words))
    if kind.sort in ("int", "float"):
        least, most = kind.limit("ge"), kind.limit("le")
        above = kind.limit("gt")
        return f"{kind.sort} {least if least is not None else f'above {above}'}..{most if most is not None else ''}"
    return kind.sort


@cache
def functions() -> dict[str, None]:
    """Every function that refuses settings, as `module:Class.function`."""
    found: dict[str, None] = {}
    files = [path for path in (REPOSITORY / "components").rglob("*.py") if path.name not in _NO_CHECKS]
    files += [path for files_of in _OF_INFRA for path in (REPOSITORY / "infra" / "plan").glob(files_of)]
    for path in sorted(files):
        module = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        if not {"proofs", "classes"} & set(path.parts):
            for name in _refusing(ast.parse(path.read_text(encoding="utf-8")), ()):
                found[f"{module}:{name}"] = None
    return found


def _refusing(node: ast.AST, names: tuple[str, ...]) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            yield from _refusing(child, (*names, child.name))
            continue
        if isinstance(child, ast.Call):
            called = child.func
            word = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            if word in _RAISED or (word == "add" and isinstance(called, ast.Attribute) and _is_found(called.value)):
                yield ".".join(names)
        yield from _refusing(child, names)


def _is_found(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("found", "problems")


def all_checks() -> list[str]:
    """Every check there is."""
    return [*limits(), *functions(), *RULES]


def without(name: str) -> AbstractContextManager[None]:
    """`check` without a limit or a function."""
    return without_limit(*limits()[name]) if name in limits() else without_function(name)


def _changed(section: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = deepcopy(BASE)
    for name, settings in entry.items():
        values.setdefault(section, {}).setdefault(name, {}).update(settings)
    return values


def _model(**settings: Any) -> dict[str, Any]:
    return _changed("models", {"chat": settings})


_CUSTOM = {"kind": "custom", "image": "example.com/server:1.2.3"}
BASE: dict[str, Any] = {
    "cluster": {"kind": "kubeconfig"},
    "addons": {"istio": "present"},
    "models": {"chat": {"model": "Qwen/Qwen3-8B", "engine": _CUSTOM}},
    "traffic": {"chat": {"model": "chat", "hosts": ["a.io"], "rules": [{"to": {"chat": 100}}]}},
}
"""An environment that both accept, for faults between fields."""
_HEADERS = [{"headers": {"x": {"exact": "a", "prefix": "b"}}, "to": {"chat": 100}}]
# As 32 bits it is negative; Kubernetes takes what is so large that it is not again.
_PROBES = {"startup": {"period_seconds": 604800, "failure_threshold": 5000}}
_KEY = {"name": "a", "key": "a"}
FAULTS: Mapping[str, tuple[dict[str, Any], ...]] = {
    "components.scaling.hpa:HpaConfig._can_scale": (
        _model(autoscaling={"min": 0, "max": 2, "cpu_percent": 50}),
        _model(autoscaling={"min": 3, "max": 2, "cpu_percent": 50}),
    ),
    "components.serving.config:ResourcesConfig._limit_covers_request": (_model(resources={"cpu": 4, "cpu_limit": 2}),),
    "components.serving.config:UpdateConfig._can_move": (_model(update={"max_surge": 0, "max_unavailable": 0}),),
    "components.serving.config:ModelServerConfig._fields_fit": (_model(labels={"app": "other"}),),
    "components.engines.custom.config:ProbeConfig._acts_in_time": (_model(engine=_CUSTOM | {"probes": _PROBES}),),
    "components.engines.custom.config:CustomEngine._fields_fit": (_model(engine=_CUSTOM | {"scratch": ["/a", "/a"]}),),
    "components.serving.pod:_refuse_twice": (_model(secret_env={"HF_TOKEN": _KEY}, hf_token={"kind": "secret"}),),
    "components.tenancy.priority_class:priority_class": (_changed("priority_classes", {"system-a": {"value": 1}}),),
    "components.traffic.route:HeaderMatch._one_way": (_changed("traffic", {"chat": {"rules": _HEADERS}}),),
    "infra.plan.sections.models:_model_problems": (_model(priority_class="system-other"),),
    "infra.plan.validate:_unprintable": (_model(annotations={"a": "b\x7f"}),),
}
"""Stacks that one function alone refuses, and that the API server refuses too."""
SWITCHES: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {
    "components.tenancy.priority_class:priority_class": partial(
        patch, "components.tenancy.priority_class._RESERVED", "never-"
    ),
    "infra.plan.sections.models:_model_problems": partial(patch, "infra.plan.sections.models.GIVEN", ("system-other",)),
}
"""How functions are switched off that do more than refuse."""
