"""How large engines make a step where nobody says: by version, GPU and shards, as data."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from .engine_memory import Version, version_of
from .table import engine_rows


class LargestStep(NamedTuple):
    """The largest step: tokens of a prefill, and rows (sequences) of a decode."""

    tokens: int
    rows: int


def default_step(engine: str, version: Version, *, gpu: str, gib: float, shards: int = 1) -> LargestStep:
    """The step that a version of an engine chooses by its GPUs.

    Args:
        engine: the engine's `kind`.
        version: its version.
        gpu: the GPU's name.
        gib: its memory, as that engine asks for it.
        shards: GPUs that a layer is split over.

    Raises:
        KeyError: for a version older than the table.
    """
    eras = _eras(engine)
    since = max((era for era in eras if era <= version), default=None)
    if since is None:
        raise KeyError(f"{engine} {version}")
    for row in eras[since]:
        below = float(row["below_gib"] or "inf")
        if row["gpu"] in gpu and gib < below and shards >= int(row["shards"]):
            return LargestStep(int(row["tokens"]), int(row["rows"]))
    raise KeyError(f"{engine} {gpu}")


@cache
def _eras(engine: str) -> dict[Version, list[dict[str, str]]]:
    """The rows of an engine by the version they begin with; the first that applies decides."""
    found: dict[Version, list[dict[str, str]]] = {}
    for row in engine_rows(engine, "step_defaults"):
        found.setdefault(version_of(row["since"]) if "." in row["since"] else (), []).append(row)
    return found
