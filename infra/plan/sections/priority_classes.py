"""The section `priority_classes`."""

from __future__ import annotations

from components.core.errors import Path
from components.core.plan import Part
from components.tenancy.priority_class import PriorityClassConfig, priority_class

from .section import Assembly, Section


def plan(assembly: Assembly) -> list[Part]:
    """The priority classes."""
    base = assembly.keys("cluster")

    def build(name: str, config: PriorityClassConfig, path: Path) -> Part:
        return priority_class(name, config, after=base, path=path)

    return assembly.each("priority_classes", assembly.environment.priority_classes, build)


PRIORITY_CLASSES = Section(
    "priority_classes",
    plan=plan,
    at={"PriorityClass": lambda name: ("priority_classes", name)},
    noun="priority class",
)
