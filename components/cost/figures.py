"""Estimates, and what differs between two, as the JSON that travels: older code may have written it, and less of it.

So no key is certain: read each with `get`, and take what is missing as not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict


class BandFigures(TypedDict, total=False):
    """US dollars a month at the fewest replicas, as expected and at the most; `None` where it is not known.

    A total has `known_max_usd` too, the most of what has a price.
    """

    min_usd: float | None
    expected_usd: float | None
    max_usd: float | None
    known_max_usd: float | None


class LineFigures(BandFigures, total=False):
    """What is paid for one thing, as `Line.as_json` has it."""

    at: str
    what: str
    provisioning: str
    kind: str
    quantity: Mapping[str, float | None]
    unit: str
    usd_per_unit: float | None
    unknown: str | None
    as_of: str | None
    source: str | None


class TokenFigures(TypedDict, total=False):
    """Dollars for a million tokens on the cheapest and on the dearest node."""

    min: float | None
    max: float | None


class ModelFigures(BandFigures, total=False):
    """What one model takes of it, as `ModelCost.as_json` has it."""

    at: str
    usd_per_million_tokens: TokenFigures | None


class EstimateFigures(TypedDict, total=False):
    """One environment's estimate, as `Estimate.as_json` has it."""

    environment: str
    region: str
    as_of: str | None
    lines: Sequence[LineFigures]
    models: Sequence[ModelFigures]
    total: BandFigures
    unknown: Sequence[str]
    ceiling_usd: float | None


class LineChange(BandFigures, total=False):
    """A line that differs; the band is the difference."""

    at: str
    what: str
    before: LineFigures | None
    after: LineFigures | None


class ModelChange(BandFigures, total=False):
    """A model that differs; the band is the difference."""

    at: str
    before: ModelFigures | None
    after: ModelFigures | None


class CostChange(BandFigures, total=False):
    """What a change costs, as `delta` gives it; the band is the difference.

    `base` and `head` are the totals, `None` where there is no environment; `unknown` is what of the lines that differ
    has no price, `unpriced` what else has none.
    """

    base: BandFigures | None
    head: BandFigures | None
    as_of: str | None
    lines: Sequence[LineChange]
    models: Sequence[ModelChange]
    unknown: Sequence[str]
    unpriced: Sequence[str]
    ceiling_usd: float | None
