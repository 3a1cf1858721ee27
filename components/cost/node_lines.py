"""The lines of the nodes: machines, GPUs and disks of every pool and compute class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..catalog.prices import HOURS
from .fleet import Fleet
from .line import Band, Line, LineKind, Quantity
from .machine_price import Case, PricedComponent
from .stocked_group import Nodes, StockedGroup
from .volumes import line_of


def node_lines(fleet: Fleet) -> Iterator[Line]:
    """The lines of every group that can have a node, in the plan's order."""
    for number, group in enumerate(fleet.groups):
        fewest, most, expected = fleet.fewest[number], fleet.most[number], fleet.expected[number]
        if not sum(most):
            continue
        if len(group.choices) == 1:
            for component in group.stock[0].components:
                units = component.units
                quantity = Quantity(
                    fewest[0] * units, most[0] * units, None if expected is None else expected[0] * units
                )
                bought = group.choices[0].provisioning if component.kind != "disk" else ""
                yield line_of(component, group.at, quantity, bought)
        else:
            yield from _of_class(group, fewest, most, expected)


def _of_class(group: StockedGroup, fewest: Nodes, highest: Nodes, average: Nodes | None) -> Iterator[Line]:
    """Two lines for a compute class: its machines and their disks, from the cheapest choice to the dearest."""
    ways = _listed(dict.fromkeys(choice.provisioning for choice in group.choices), "or")
    for disks in (False, True):
        parts = [[one for one in stock.components if (one.kind == "disk") is disks] for stock in group.stock]
        every = [one for components in parts for one in components]
        if not every:
            continue
        kind: LineKind = "disk" if disks else "gpu" if any(one.kind == "gpu" for one in every) else "node"
        least, most, expected = (None if nodes is None else sum(nodes) for nodes in (fewest, highest, average))
        if len(parts[0]) == 1 and all(components == parts[0] for components in parts):
            units = every[0].units
            quantity = Quantity(*(None if count is None else count * units for count in (least, most, expected)))  # type: ignore[arg-type]
            yield line_of(every[0], group.at, quantity, "" if disks else ways)
            continue
        hours = [[_hourly(components, case) for components in parts] for case in Case]
        unknown = "; ".join(dict.fromkeys(one.unknown for one in every if one.unknown))
        priced = [one for one in every if one.price]
        yield Line(
            at=group.at,
            what=_listed(dict.fromkeys(one.what.partition(",")[0] if not disks else one.what for one in every), "or"),
            kind=kind,
            quantity=Quantity(least or 0.0, most, expected),
            unit="hour",
            provisioning=ways,
            usd_per_unit=None if unknown else max(hours[Case.MOST]),
            usd_per_unit_least=None if unknown else min(hours[Case.LEAST]),
            usd_per_unit_expected=None if unknown else hours[Case.EXPECTED][0],
            as_of=min((one.as_of for one in priced), default=""),
            source="; ".join(dict.fromkeys(one.source for one in priced)),
            unknown=unknown,
            stated=None
            if unknown
            else Band(
                _usd(fewest, hours[Case.LEAST]),
                _usd(average, hours[Case.EXPECTED]),
                _usd(highest, hours[Case.MOST]),
            ),
        )


def _hourly(components: Sequence[PricedComponent], case: Case) -> float:
    return sum(one.hourly[case] for one in components if one.hourly)


def _usd(nodes: Nodes | None, hourly: Sequence[float]) -> float | None:
    if nodes is None:
        return None
    return sum(count * usd * HOURS for count, usd in zip(nodes, hourly, strict=True))


def _listed(words: dict[str, None], joint: str) -> str:
    *before, last = words
    return f"{', '.join(before)} {joint} {last}" if before else last
