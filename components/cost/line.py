"""One line of an estimate, and bands of dollars that never take what is unknown for nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ..catalog.prices import HOURS
from ..core.price import Unit
from .figures import BandFigures, LineFigures

LineKind = Literal["gpu", "host", "node", "disk", "load-balancer", "control-plane", "storage"]
"""What is paid for: machines with their GPUs, machines GPUs are attached to, machines without, and the rest."""
_CENTS = 6
"""Digits behind the point in JSON: a millionth of a dollar."""


class Quantity(NamedTuple):
    """How many units are paid for at the fewest and at the most replicas, and as expected.

    `None` as the most: nothing bounds it. `None` as expected: nothing states it.
    """

    min: float
    max: float | None
    expected: float | None


class Band(NamedTuple):
    """US dollars a month at the fewest and at the most replicas, and as expected; `None` where it is not known."""

    min: float | None
    expected: float | None
    max: float | None

    def as_json(self) -> BandFigures:
        """The band for machines."""
        return {"min_usd": rounded(self.min), "expected_usd": rounded(self.expected), "max_usd": rounded(self.max)}


@dataclass(frozen=True, slots=True)
class Line:
    """What is paid for one thing.

    Attributes:
        at: where it stands in the stack file, `node_pools.l4`.
        what: what is bought, with the region of the price where that is another one.
        kind: what sort of thing it is.
        provisioning: how it is bought; empty where there is one way only.
        quantity: how many units.
        unit: what `usd_per_unit` buys.
        usd_per_unit: its price, the highest of several; `None` when unknown.
        usd_per_unit_least: the lowest of several prices; the same where there is one.
        usd_per_unit_expected: the price of the first choice.
        as_of: the day of the oldest price in it; empty when unknown.
        source: where the price can be looked up; empty when unknown.
        unknown: why it cannot be told what this costs; empty when it can.
        stated: dollars a month where they are not quantity times price, as for machines of several prices.
    """

    at: str
    what: str
    kind: LineKind
    quantity: Quantity
    unit: Unit
    provisioning: str = ""
    usd_per_unit: float | None = None
    usd_per_unit_least: float | None = None
    usd_per_unit_expected: float | None = None
    as_of: str = ""
    source: str = ""
    unknown: str = ""
    stated: Band | None = None

    @property
    def band(self) -> Band:
        """Dollars a month; all unknown as soon as anything of it is."""
        price = self.usd_per_unit
        if self.unknown or price is None:
            return Band(None, None, None)
        if self.stated is not None:
            return self.stated
        times = HOURS if self.unit == "hour" else 1
        least = price if self.usd_per_unit_least is None else self.usd_per_unit_least
        expected = price if self.usd_per_unit_expected is None else self.usd_per_unit_expected
        count = self.quantity
        return Band(
            count.min * least * times,
            None if count.expected is None else count.expected * expected * times,
            None if count.max is None else count.max * price * times,
        )

    def as_json(self) -> LineFigures:
        """The line for machines."""
        return {
            "at": self.at,
            "what": self.what,
            "provisioning": self.provisioning,
            "kind": self.kind,
            "quantity": {name: rounded(value) for name, value in self.quantity._asdict().items()},
            "unit": self.unit,
            "usd_per_unit": rounded(self.usd_per_unit),
            **self.band.as_json(),
            "unknown": self.unknown or None,
            "as_of": self.as_of or None,
            "source": self.source or None,
        }


def known_sum(values: Iterable[float | None]) -> float:
    """The sum of what is known: a lower bound of the whole."""
    return sum(value for value in values if value is not None)


def whole_sum(values: Iterable[float | None]) -> float | None:
    """The sum, unless any of it is unknown."""
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def rounded(value: float | None) -> float | None:
    """A number for JSON, without the noise of floating point."""
    return None if value is None else round(value, _CENTS)
