"""The one place where a part of the plan becomes Pulumi resources.

`Component` registers a part child by child with `parent=self` and adds what only exists at deploy time: secret
and late values, and dependencies. Every public component class is a few lines on top of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import pulumi

from ..core.errors import ConfigError, Problem
from ..core.plan import TYPE_PREFIX, Item, ItemOutput, Late, Part, SecretRef


class Component(pulumi.ComponentResource):
    """A part of the plan as a Pulumi component.

    Args:
        part: what a pure builder returned.
        values: deploy-time values by name, for the `SecretRef` and `Late` placeholders in the part. A value for a
            `SecretRef` becomes a Pulumi secret, if it is none already.
        opts: the caller's options; children inherit providers and `protect` through `parent`.

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
        needed = {name for data in (part.outputs, *(item.properties for item in part.items)) for name in _names(data)}
        if missing := sorted(needed - given.keys()):
            raise ConfigError(Problem((*part.path, name), f"{part.key} needs a value for it") for name in missing)
        aliases = [pulumi.Alias(type_=TYPE_PREFIX + kind) for kind in part.siblings]
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(aliases=aliases)) if aliases else opts
        super().__init__(part.token, part.name, None, opts)
        self.part = part
        self.children: dict[str, pulumi.CustomResource] = {}
        for item in part.items:
            self.children[item.role] = self._child(item, given)
        self.outputs: dict[str, Any] = {name: self._output(value, given) for name, value in part.outputs.items()}
        self.register_outputs(self.outputs)

    def output(self, name: str) -> pulumi.Output[Any]:
        """A registered output by name, for programs that wire components together."""
        return pulumi.Output.from_input(self.outputs[name])

    def _child(self, item: Item, values: Mapping[str, pulumi.Input[Any]]) -> pulumi.CustomResource:
        """Register one resource by its token, with the properties exactly as planned."""
        timeouts = None
        if item.timeout_seconds is not None:
            duration = f"{item.timeout_seconds}s"
            timeouts = pulumi.CustomTimeouts(create=duration, update=duration)
        opts = pulumi.ResourceOptions(
            parent=self,
            depends_on=[self.children[role] for role in item.after],
            protect=item.protect or None,
            ignore_changes=list(item.ignore_changes) or None,
            custom_timeouts=timeouts,
            version=_plugin_version(item.provider.plugin),
        )
        # The SDK resolves only the properties it is given, so those the provider computes are named too.
        computed = dict.fromkeys(item.outputs)
        return pulumi.CustomResource(item.type, item.name, {**computed, **_joined(item.properties, values)}, opts)

    def _output(self, value: Any, values: Mapping[str, pulumi.Input[Any]]) -> Any:
        if not isinstance(value, ItemOutput):
            return _joined(value, values)
        first, *rest = value.property.split(".")
        found = pulumi.get(self.children[value.role], first)
        for step in rest:
            found = found[int(step) if step.isdigit() else step]
        return found


@cache
def _plugin_version(package: str) -> str:
    """The provider plugin that belongs to the installed SDK; a resource without it takes whatever is newest."""
    return version(package)


def _names(value: Any) -> Iterator[str]:
    """The names of the placeholders in planned data, however deep."""
    if isinstance(value, SecretRef):
        yield value.key
    elif isinstance(value, Late):
        yield value.name
    elif isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _names(inner)


def _joined(value: Any, values: Mapping[str, pulumi.Input[Any]]) -> Any:
    """Planned data with its placeholders replaced by their values."""
    if isinstance(value, SecretRef):
        return pulumi.Output.secret(values[value.key])
    if isinstance(value, Late):
        return values[value.name]
    if isinstance(value, Mapping):
        return {key: _joined(inner, values) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_joined(inner, values) for inner in value]
    return value


def after_all(
    resources: Sequence[pulumi.Resource], opts: pulumi.ResourceOptions | None
) -> pulumi.ResourceOptions | None:
    """The caller's options with more to wait for; what a component depends on, its children wait for too."""
    if not resources:
        return opts
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=list(resources)))
