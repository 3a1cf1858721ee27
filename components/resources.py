"""The one place where a part of the plan becomes Pulumi resources.

`Component` registers a part child by child with `parent=self` and adds what only exists at deploy time: secret
and late values, and dependencies. Every public component class is a few lines on top of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import pulumi

from .errors import ConfigError, Problem
from .plan import Item, ItemOutput, Late, Part, SecretRef

_PLUGIN_VERSIONS = {"kubernetes": version("pulumi-kubernetes"), "gcp": version("pulumi-gcp")}


class Component(pulumi.ComponentResource):
    """A part of the plan as a Pulumi component.

    Args:
        part: what a pure builder returned.
        values: deploy-time values by name, for the `SecretRef` and `Late` placeholders in the part. Secrets must
            be Pulumi secrets already.
        opts: the caller's options; children inherit providers through `parent`.

    Raises:
        ConfigError: when the part has a placeholder without a value. Nothing is registered then.
    """

    def __init__(
        self,
        part: Part,
        *,
        values: Mapping[str, pulumi.Input[Any]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        given = dict(values or {})
        missing = sorted(name for item in part.items for name in _placeholders(item.properties) - given.keys())
        if missing:
            raise ConfigError(Problem(part.path, f"{part.key} needs a value for {name}") for name in missing)
        super().__init__(part.token, part.name, None, opts)
        self.part = part
        self.children: dict[str, pulumi.Resource] = {}
        for item in part.items:
            self.children[item.role] = _Child(
                item,
                _join(item.properties, given),
                pulumi.ResourceOptions(
                    parent=self,
                    depends_on=[self.children[role] for role in item.after],
                    protect=item.protect or None,
                    ignore_changes=list(item.ignore_changes) or None,
                    custom_timeouts=_timeouts(item),
                    version=_PLUGIN_VERSIONS[item.provider],
                ),
            )
        self.outputs: dict[str, Any] = {name: self._output(value, given) for name, value in part.outputs.items()}
        self.register_outputs(self.outputs)

    def output(self, name: str) -> pulumi.Output[Any]:
        """A registered output by name, for programs that wire components together."""
        return pulumi.Output.from_input(self.outputs[name])

    def _output(self, value: Any, values: Mapping[str, pulumi.Input[Any]]) -> Any:
        if isinstance(value, ItemOutput):
            first, *rest = value.property.split(".")
            found = pulumi.get(self.children[value.role], first)
            for step in rest:
                found = found[int(step) if step.isdigit() else step]
            return found
        return _join(value, values)


class _Child(pulumi.CustomResource):
    """One resource of a part, registered by its token with the properties exactly as planned."""

    def __init__(self, item: Item, properties: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        computed = {name: None for name in item.outputs if name not in properties}
        super().__init__(item.type, item.name, {**properties, **computed}, opts)


def _timeouts(item: Item) -> pulumi.CustomTimeouts | None:
    if item.timeout_seconds is None:
        return None
    duration = f"{item.timeout_seconds}s"
    return pulumi.CustomTimeouts(create=duration, update=duration)


def _placeholders(value: Any) -> set[str]:
    if isinstance(value, SecretRef):
        return {value.key}
    if isinstance(value, Late):
        return {value.name}
    if isinstance(value, Mapping):
        return set().union(*(_placeholders(inner) for inner in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(_placeholders(inner) for inner in value))
    return set()


def _join(value: Any, values: Mapping[str, pulumi.Input[Any]]) -> Any:
    if isinstance(value, SecretRef):
        return values[value.key]
    if isinstance(value, Late):
        return values[value.name]
    if isinstance(value, Mapping):
        return {key: _join(inner, values) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_join(inner, values) for inner in value]
    return value


def after_all(
    resources: Sequence[pulumi.Resource], opts: pulumi.ResourceOptions | None
) -> pulumi.ResourceOptions | None:
    """The caller's options with more to wait for; what a component depends on, its children wait for too."""
    if not resources:
        return opts
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=list(resources)))
