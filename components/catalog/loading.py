"""How long the steps of a cold start take: rates of storage, what nodes and engines need.

Every figure is a band of what was published, for machines and disks of every size; what nobody published is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from .table import engine_rows, rows


class SpeedRange(NamedTuple):
    """The least and the most that was seen; `None` where that is unknown."""

    low: float | None
    high: float | None


UNKNOWN = SpeedRange(None, None)


@cache
def rates() -> Mapping[str, SpeedRange]:
    """MiB/s by what is read: `hub`, `disk`, `filestore`, `gcs-fuse`, `hyperdisk-ml`, `image-pull`, `gpu-load`."""
    return {row["what"]: SpeedRange(_number(row["low_mib"]), _number(row["high_mib"])) for row in rows("loading_rates")}


@cache
def step_seconds(step: str, engine: str = "") -> SpeedRange:
    """Seconds of a step: `node`, or the `warm-up` of an engine."""
    table = engine_rows(engine, "start_steps") if engine else rows("start_steps")
    found = (row for row in table if row["step"] == step)
    return next((SpeedRange(_number(row["low_seconds"]), _number(row["high_seconds"])) for row in found), UNKNOWN)


@cache
def attaches_hyperdisk_ml(family: str) -> bool | None:
    """Whether machines of a family, `g2`, can attach Hyperdisk ML; `None` when nobody has said."""
    found = (row["attaches"] == "yes" for row in rows("hyperdisk_ml_machines") if row["family"] == family)
    return next(found, None)


def hyperdisk_ml_families() -> tuple[str, ...]:
    """The machine families that can attach Hyperdisk ML."""
    return tuple(row["family"] for row in rows("hyperdisk_ml_machines") if row["attaches"] == "yes")


def _number(cell: str) -> float | None:
    return float(cell) if cell else None
