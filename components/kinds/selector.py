"""Which objects a `LabelSelector` selects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .lenient import entries, inside, pairs, text, words


class Requirement(NamedTuple):
    """What one expression asks of a label.

    Attributes:
        key: the label.
        operator: `In`, `NotIn`, `Exists` or `DoesNotExist`; of nodes `Gt` and `Lt` too.
        values: what the operator compares with.
    """

    key: str
    operator: str
    values: tuple[str, ...]


class Selector(NamedTuple):
    """A `LabelSelector`; an empty one selects everything.

    Attributes:
        labels: labels with their values, all of which must hold.
        expressions: what must hold besides.
    """

    labels: Mapping[str, Any]
    expressions: tuple[Requirement, ...]

    def selects(self, labels: Mapping[str, Any]) -> bool:
        """Whether it selects what has these labels."""
        return has_labels(labels, self.labels) and all(_meets(labels, wanted) for wanted in self.expressions)


def selector_of(value: Any) -> Selector:
    """A `LabelSelector`."""
    return Selector(pairs(inside(value, "matchLabels")), requirements(inside(value).get("matchExpressions")))


def requirements(value: Any) -> tuple[Requirement, ...]:
    """A list of expressions about labels."""
    return tuple(
        Requirement(text(entry.get("key")), text(entry.get("operator")), words(entry.get("values")))
        for entry in entries(value)
    )


def has_labels(labels: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether all of `wanted` are among `labels`."""
    return all(labels.get(key) == value for key, value in wanted.items())


def _meets(labels: Mapping[str, Any], wanted: Requirement) -> bool:
    value = labels.get(wanted.key)
    match wanted.operator:
        case "In":
            return value in wanted.values
        case "NotIn":
            return value not in wanted.values
        case "Exists":
            return value is not None
        case _:
            return value is None
