"""Pulumi components for namespaces and priority classes."""

from __future__ import annotations

import pulumi

from ..tenancy.namespace import NamespaceConfig, namespace
from ..tenancy.priority_class import PriorityClassConfig, priority_class
from .component import Component


class Namespace(Component):
    """A namespace with its Pod Security level, quota and default network policy.

    Args:
        name: physical name of the namespace.
        config: its settings. Omitted: the defaults.
        opts: Pulumi options.
    """

    def __init__(
        self, name: str, config: NamespaceConfig | None = None, *, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(namespace(name, config or NamespaceConfig()), opts=opts)

    @property
    def namespace(self) -> pulumi.Output[str]:
        """Its name, known once it exists: what is placed in it depends on it."""
        return self.output("namespace")


class PriorityClass(Component):
    """A priority class.

    Args:
        name: physical name of the class.
        config: its settings.
        opts: Pulumi options.
    """

    def __init__(self, name: str, config: PriorityClassConfig, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(priority_class(name, config), opts=opts)

    @property
    def priority_class(self) -> pulumi.Output[str]:
        """Its name, for `priorityClassName`."""
        return self.output("priority_class")
