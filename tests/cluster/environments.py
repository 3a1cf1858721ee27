"""The environments that are judged, and what each of their objects is for the API server."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from components.core.plan import Item, ItemOutput, Late, Plan, SecretRef
from components.gpu.compute_class import class_pools
from infra.plan.assemble import assemble
from infra.plan.environment import Environment
from infra.plan.validate import environment_of
from infra.stack.project import load_project
from infra.stack.stackfile import load_stack

from .place import HERE, REPOSITORY


@dataclass(frozen=True, slots=True)
class Loaded:
    """A stack file, its environment and its plan."""

    path: Path
    environment: Environment
    plan: Plan
    secrets: frozenset[str]

    def with_values(self, **sections: Any) -> Loaded:
        """The environment with other sections: `models={"chat": …}` replaces that model only."""
        values = self.environment.model_dump(mode="json", exclude_unset=True)
        for section, entries in sections.items():
            values[section] = {**values.get(section, {}), **entries}
        return self._with(values)

    def _with(self, values: Mapping[str, Any]) -> Loaded:
        environment = environment_of(values)
        return replace(self, environment=environment, plan=assemble(environment, self.plan.environment, self.secrets))

    def only(self, model: str) -> Loaded:
        """The environment with one model and what leads to it."""
        values = self.environment.model_dump(mode="json", exclude_unset=True)
        values["models"] = {model: values["models"][model]}
        values["traffic"] = {
            name: route for name, route in values.get("traffic", {}).items() if route["model"] == model
        }
        return self._with(values)

    def with_active(self, model: str, color: str, **variant: Any) -> Loaded:
        """The environment with a blue-green model switched to a colour, whose variant may change with it."""
        entry = self.environment.model_dump(mode="json", exclude_unset=True)["models"][model]
        rollout = entry["rollout"]
        changed = {**rollout, "active": color, color: {**rollout.get(color, {}), **variant}}
        return self.with_values(models={model: {**entry, "rollout": changed}})

    def pools_of(self, model: str) -> set[str]:
        """The pools the stack file says a model runs on; none for a model that needs none."""
        environment = self.environment
        names = environment.models[model].runs_on
        if names and names[0] in environment.compute_classes:
            chosen = environment.compute_classes[names[0]]
            return set(class_pools(names[0], chosen, environment.node_pools))
        return set(names)


def stack_files() -> list[Path]:
    """Every shipped environment, and those of tests/stacks/ok; `INFERENCE_STACKS` names others, divided by `:`."""
    if given := os.environ.get("INFERENCE_STACKS"):
        return [Path(name).resolve() for name in given.split(":")]
    shipped = sorted((REPOSITORY / "stacks").glob("Pulumi.*.yaml"))
    return [*shipped, *sorted((REPOSITORY / "tests" / "stacks" / "ok").glob("*.yaml"))]


def label(path: Path) -> str:
    """How test ids call a stack file: `prod` for Pulumi.prod.yaml."""
    return path.stem.removeprefix("Pulumi.")


@cache
def loaded(path: Path) -> Loaded:
    """A stack file's environment, read as `infra check` and `pulumi up` read it."""
    stack = load_stack(path, load_project(REPOSITORY))
    secrets = frozenset(stack.secrets)
    environment = environment_of(stack.values)
    return Loaded(path, environment, assemble(environment, stack.environment, secrets), secrets)


def shipped(name: str) -> Loaded:
    """One of the environments in stacks/."""
    return loaded(REPOSITORY / "stacks" / f"Pulumi.{name}.yaml")


def reference(model: str) -> Loaded:
    """One model of the tests' own environment."""
    return loaded(HERE / "reference.yaml").only(model)


def manifest(item: Item) -> dict[str, Any]:
    """An object as the API server gets it; what only a deployment knows has a value that stands for it."""
    filled = _filled(item.properties)
    assert isinstance(filled, dict)
    return filled


def manifests(plan: Plan) -> Iterator[tuple[Item, dict[str, Any]]]:
    """Every object of a plan, in its order."""
    for _, item in plan.objects():
        yield item, manifest(item)


def _filled(value: Any) -> Any:
    if isinstance(value, SecretRef | Late | ItemOutput):
        return "only-a-deployment-knows"
    if isinstance(value, Mapping):
        return {key: _filled(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(entry) for entry in value]
    return value
