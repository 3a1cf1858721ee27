"""Estimates as a person reads them: one table an environment, within 100 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from components.catalog.prices import HOURS, Prices
from components.core.price import PriceRow
from components.cost.estimate import Estimate, ModelCost
from components.cost.line import Band, Line, Quantity
from components.cost.managed import break_even_hours, endpoints

from ..terminal.columns import aligned
from ..terminal.words import dollars

WIDTH = 100
_DASH = "–"  # noqa: RUF001 - a range is set with an en dash
_UNKNOWN = "unknown"
_INDENT = "  "
_LEAST = 20
"""Characters that the first column keeps, however wide the figures are."""
_BAND = ("least", "expected", "most")
_MEANING = (
    "  least: the fewest replicas, where they cost least; most: the most replicas, where they cost most;",
    "  expected: what `usage` of the models makes of it, empty where one that autoscales states none",
)


def short_band(made: Estimate) -> str:
    """The band as one cell, `$411` to `627` with a dash between; with `+ ?` where something has no price."""
    if not made.lines:
        return "$0"
    if all(line.unknown for line in made.lines):
        return _UNKNOWN
    return _dollars(made.known.min, made.known.max) + (" + ?" if made.unknown else "")


def cost_lines(made: Estimate, *, managed: Prices | None = None) -> Iterator[str]:
    """One environment: its lines, its models, its total, and what is not known.

    Args:
        made: the estimate.
        managed: the prices to compare each model with Inference Endpoints by. Omitted: they are not compared.
    """
    place = f", {made.region}" if made.region else ""
    yield f"  {made.environment}{place}: US dollars a month of {HOURS} hours"
    total = ("total", "", *_cells(made.known))
    if made.unknown:
        total = (*total[:-1], f"{total[-1]} + ?")
    yield from _table(("what is paid for", "units", *_BAND), [*_grouped(made.lines), total])
    if made.shared:
        yield from _wrapped("A pod that fits several pools is in each of their lines, and once in the total.")
    for reason in made.unknown:
        yield from _wrapped(f"? {reason}")
    if made.ceiling_usd is not None:
        yield f"    ceiling: {_usd(made.ceiling_usd)} (policy.budget)"
    if made.models:
        yield ""
        models = [_model_row(model) for model in made.models]
        yield from _table(("each model's part of the total", "a million tokens", *_BAND), models)
    if managed is not None and made.models:
        yield from _managed_lines(made.models, managed)


def footer_lines(found: Sequence[Estimate]) -> Iterator[str]:
    """What the numbers are, and where they come from."""
    sources: dict[str, str] = {}
    for made in found:
        for line in made.lines:
            for source in filter(None, line.source.split("; ")):
                name = source.partition(" (")[0]
                sources[name] = min(sources.get(name, line.as_of), line.as_of)
    if not sources:
        return
    first, last = min(sources.values()), max(sources.values())
    yield from _MEANING
    yield f"  list prices of {first if first == last else f'{first} to {last}'}, not a quote; from"
    for source, day in sorted(sources.items()):
        yield from (f"  {text}" for text in _wrapped(f"{day}  {source}"))
    yield "  not counted: traffic, logs and metrics, discounts, what others own; docs/how-to/know-the-cost.md"


def price_lines(found: Sequence[PriceRow]) -> Iterator[str]:
    """Prices as a table."""
    rows = [
        (row.kind, row.name, row.provisioning or "-", row.region or "everywhere", f"{row.usd:.9g}", row.unit, row.as_of)
        for row in found
    ]
    head = ("kind", "name", "bought", "region", "usd", "a", "as of")
    yield from aligned(head, rows, right=("usd",))
    for source in dict.fromkeys(row.source.partition(" (")[0] for row in found):
        yield from _wrapped(f"from {source}")


def _grouped(lines: Sequence[Line]) -> Iterator[tuple[str, ...]]:
    """The lines below the place in the stack file they are of."""
    places: dict[str, list[Line]] = {}
    for line in lines:
        places.setdefault(line.at, []).append(line)
    for at, found in places.items():
        yield (at, *[""] * (1 + len(_BAND)))
        yield from (_row(line) for line in found)


def _row(line: Line) -> tuple[str, ...]:
    spot = f", {line.provisioning}" if line.provisioning not in ("", "on-demand") else ""
    return (f"{_INDENT}{line.what}{spot}", _units(line.quantity, line.unit), *_cells(line.band))


def _model_row(model: ModelCost) -> tuple[str, ...]:
    tokens = model.million_tokens
    cost = "" if tokens is None else f"${tokens[0]:,.2f}" if tokens[0] == tokens[1] else (
        f"${tokens[0]:,.2f}{_DASH}{tokens[1]:,.2f}"
    )  # fmt: skip
    return (model.at, cost, *_cells(model.band))


def _cells(band: Band) -> tuple[str, str, str]:
    least = _UNKNOWN if band.min is None else _usd(band.min)
    most = _UNKNOWN if band.max is None else _usd(band.max)
    return least, "" if band.expected is None else _usd(band.expected), most


def _units(quantity: Quantity, unit: str) -> str:
    suffix = "" if unit == "hour" else f" {unit.removesuffix('-month')}"
    if quantity.max is None:
        return f"{quantity.min:,.0f} or more{suffix}"
    if quantity.min == quantity.max:
        return f"{quantity.min:,.4g}{suffix}" if quantity.min < HOURS else f"{quantity.min:,.0f}{suffix}"
    return f"{_count(quantity.min)}{_DASH}{_count(quantity.max)}{suffix}"


def _count(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _usd(value: float) -> str:
    return dollars(value, whole_from=10)


def _dollars(least: float | None, most: float | None) -> str:
    low = f"${least or 0:,.0f}"
    if most is None:
        return f"{low} or more"
    high = f"{most:,.0f}"
    return low if low == f"${high}" else f"{low}{_DASH}{high}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """A table whose first column is cut into lines where it would be too wide."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    widths[0] = min(widths[0], max(_LEAST, WIDTH - 4 - sum(width + 2 for width in widths[1:])))
    for row in (head, *rows):
        text = row[0].lstrip()
        indent = row[0][: len(row[0]) - len(text)]
        fits = len(row[0]) <= widths[0]
        for number, piece in enumerate([text] if fits else _pieces(text, widths[0] - len(indent) - len(_INDENT))):
            first = indent + (_INDENT if number else "") + piece
            cells = (("" if number else cell).rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
            yield ("    " + "  ".join((first.ljust(widths[0]), *cells))).rstrip()


def _pieces(text: str, width: int) -> list[str]:
    """A text in lines of so many characters: cut at spaces, in a long word after a slash or a dot if there is one."""
    lines: list[str] = []
    for word in text.split(" "):
        rest = word
        if lines and len(lines[-1]) + 1 + len(rest) <= width:
            lines[-1] += f" {rest}"
            continue
        while len(rest) > width:
            place = max(rest.rfind(joint, 1, width) for joint in "/.-_") + 1 or width
            lines.append(rest[:place])
            rest = rest[place:]
        lines.append(rest)
    return lines or [""]


def _wrapped(text: str) -> Iterator[str]:
    first, *rest = _pieces(text, WIDTH - 8)
    yield f"    {first}"
    yield from (f"      {line}" for line in rest)


def _managed_lines(models: Sequence[ModelCost], table: Prices) -> Iterator[str]:
    """From how many hours of use on nodes of one's own are cheaper than an Inference Endpoint."""
    yield ""
    yield "    against Inference Endpoints of Hugging Face, one replica that scales to zero:"
    for model in models:
        own = model.replica_usd_per_hour
        told = False
        for accelerator, gpus in (model.gpus or {}).items():
            found = next(endpoints(accelerator, gpus, table), None)
            if found is None or own is None:
                continue
            told = True
            sleeps = model.band.min == 0
            hours = break_even_hours(own, found.usd_per_hour, own_sleeps=sleeps)
            note = f" ({found.note})" if found.note else ""
            here = f"here ${own:,.2f}/h {'while it is used' if sleeps else 'around the clock'}"
            yield from _wrapped(
                f"{model.at}: {found.name}{note} at ${found.usd_per_hour:,.2f}/h, {here}: managed {_verdict(hours)}"
            )
        if not told:
            yield from _wrapped(f"{model.at}: no endpoint has its GPU, or what it costs here is not known")


def _verdict(hours: float) -> str:
    if hours >= HOURS:
        return "is cheaper at any use"
    return f"is cheaper below {hours:,.0f} of {HOURS} hours a month of use" if hours else "is never cheaper"
