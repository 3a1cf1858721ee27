"""One resource on both sides of a diff."""

from __future__ import annotations

from dataclasses import dataclass

from components.core.errors import Path

from ..snapshots.snapshot import Resource
from .classify import Ruling
from .compare import Difference


@dataclass(frozen=True, slots=True)
class Pair:
    """One resource that differs.

    Attributes:
        before: as the base has it; `None` for a new one.
        after: as the head has it; `None` for one that goes.
        differences: what differs; empty for one that is new or goes.
        ruling: what that does.
    """

    before: Resource | None
    after: Resource | None
    differences: tuple[Difference, ...]
    ruling: Ruling

    @property
    def resource(self) -> Resource:
        """The resource as the head has it, or as it was."""
        found = self.after or self.before
        assert found is not None  # noqa: S101 - a pair has one of them
        return found


def component_of(resource: Resource) -> Path | str:
    """What a resource belongs to: the place in the stack file, which a change of a model's rollout leaves as it is."""
    return resource.at or resource.component or resource.key
