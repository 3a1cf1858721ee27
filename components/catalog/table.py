"""Read the catalog's tables: tab-separated text, one fact a row, each with its date and its source.

Tables load when first asked for and stay in memory: importing the catalog reads nothing.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

ENGINES = Path(__file__).resolve().parents[1] / "engines"
"""Where each engine's folder is, with the tables of what is true of that engine alone. They are found by its kind:
nothing of an engine is imported here."""
PROVENANCE = ("as_of", "source")
"""Columns every table has: the day the fact was true (YYYY-MM-DD) and where it can be looked up again."""


@cache
def rows(name: str, folder: Path | None = None) -> tuple[dict[str, str], ...]:
    """The rows of a table, by column name; an empty cell is an empty string.

    Args:
        name: the file's name, without `.tsv`.
        folder: where it is. Omitted: here, in the catalog.

    Raises:
        ValueError: when the table has no date or source column, or a row has too few or too many cells.
    """
    lines = ((folder or Path(__file__).parent) / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    columns = lines[0].split("\t")
    missing = [column for column in PROVENANCE if column not in columns]
    if missing:
        raise ValueError(f"{name}.tsv has no column {missing[0]}")
    result = []
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        if len(cells) != len(columns):
            raise ValueError(f"{name}.tsv:{number} has {len(cells)} cells; the header has {len(columns)} columns")
        result.append(dict(zip(columns, cells, strict=True)))
    return tuple(result)


@cache
def engine_rows(engine: str, name: str) -> tuple[dict[str, str], ...]:
    """The rows of a table in an engine's folder; none where the engine has no such table, or is none we know.

    Args:
        engine: the engine's `kind`, which is its folder's name.
        name: the file's name, without `.tsv`.
    """
    folder = ENGINES / engine
    return rows(name, folder) if engine and (folder / f"{name}.tsv").is_file() else ()
