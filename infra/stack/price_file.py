"""Price tables of a team's own: read with every mistake told at once, and written as a whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from datetime import date
from math import isfinite
from pathlib import Path
from typing import Any, cast

from components.catalog.prices import KINDS, UNITS, WAYS
from components.core.errors import InferenceError, did_you_mean, shown
from components.core.price import PriceRow

COLUMNS = tuple(field.name for field in fields(PriceRow))
"""The columns of a price table, in any order in a file that is read."""
_OPTIONAL = ("provisioning", "region")
_REGION = re.compile(r"[a-z]+-[a-z]+\d+")
_WAYS_OF = {
    kind: WAYS[:-1] if kind in ("machine", "gpu", "autopilot") else WAYS if kind == "disk" else ("",) for kind in KINDS
}
_MOST = 16 * 1024 * 1024

Entry = tuple[int, Mapping[str, Any]]
"""A row with the line it stands on."""


class PriceFileError(InferenceError):
    """What is wrong with a price table, each with its line."""


def read_prices(path: Path) -> tuple[PriceRow, ...]:
    """The rows of a table: tab-separated, comma-separated or JSON, by how the name ends.

    Raises:
        PriceFileError: everything that is wrong with it, a line each.
        OSError: when it cannot be read.
    """
    if path.stat().st_size > _MOST:
        raise PriceFileError(f"{path}: is larger than 16 MB, which no table of prices is")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PriceFileError(f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    problems: list[str] = []
    found: list[PriceRow] = []
    seen: dict[tuple[str, str, str, str], int] = {}
    for line, entry in _entries(path, text, problems):
        wrong = list(_problems(entry))
        problems += [f"{path}:{line}: {problem}" for problem in wrong]
        if not wrong:
            row = _row(entry)
            if row.key in seen:
                named = " ".join(filter(None, row.key))
                problems.append(f"{path}:{line}: {named} stands in line {seen[row.key]} already; keep one of them")
            seen.setdefault(row.key, line)
            found.append(row)
    if not problems and not found:
        problems.append(f"{path}: has no price in it")
    if problems:
        raise PriceFileError("\n".join(problems))
    return tuple(found)


def write_prices(path: Path, found: Iterable[PriceRow]) -> None:
    """Write a table, tab-separated and sorted; never half of one."""
    rows = ("\t".join(_cell(value) for value in asdict(row).values()) for row in sorted(found, key=lambda one: one.key))
    lines = ["\t".join(COLUMNS), *rows]
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write("\n".join(lines) + "\n")
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _cell(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _entries(path: Path, text: str, problems: list[str]) -> Iterator[Entry]:
    if path.suffix == ".json":
        yield from _json_entries(path, text, problems)
        return
    # Quotes mean themselves where tabs separate, as in the catalog's own tables.
    form: dict[str, Any] = {} if path.suffix == ".csv" else {"delimiter": "\t", "quoting": csv.QUOTE_NONE}
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, **form)
    try:
        head = next(reader, [])
        missing = [column for column in COLUMNS if column not in head and column not in _OPTIONAL]
        unknown = [column for column in head if column not in COLUMNS]
        if missing or unknown:
            problems += [f"{path}:1: there is no column {column}" for column in missing]
            advice = {column: did_you_mean(column, COLUMNS, "a column") for column in unknown}
            problems += [f"{path}:1: unknown column {shown(column)}; {text}" for column, text in advice.items()]
            return
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(head):
                problems.append(f"{path}:{reader.line_num}: has {len(cells)} cells; the header has {len(head)} columns")
                continue
            yield reader.line_num, dict(zip(head, cells, strict=True))
    except csv.Error as error:
        problems.append(f"{path}:{reader.line_num}: {error}")


def _json_entries(path: Path, text: str, problems: list[str]) -> Iterator[Entry]:
    """The entries of a list of objects, each with the line it begins on."""
    decoder = json.JSONDecoder(parse_constant=str)
    try:
        whole = decoder.decode(text)
    except json.JSONDecodeError as error:
        problems.append(f"{path}:{error.lineno}: is not JSON: {error.msg}")
        return
    if not isinstance(whole, list):
        problems.append(f"{path}:1: must be a list of prices, as `infra prices --format json` writes it")
        return
    place = text.index("[") + 1
    for _ in whole:
        start = re.compile(r"[\s,]*").match(text, place)
        place = start.end() if start else place
        line = text.count("\n", 0, place) + 1
        entry, place = decoder.raw_decode(text, place)
        if isinstance(entry, dict):
            yield line, entry
        else:
            problems.append(f"{path}:{line}: got {shown(entry)}; must be an object with {', '.join(COLUMNS)}")


def _problems(entry: Mapping[str, Any]) -> Iterator[str]:
    for column in COLUMNS:
        if column not in entry and column not in _OPTIONAL:
            yield f"{column} is missing"
    for column in entry:
        if column not in COLUMNS:
            yield f"unknown field {shown(column)}; {did_you_mean(str(column), COLUMNS, 'a field')}"
    for column in COLUMNS:
        value = entry.get(column, "")
        if column == "usd":
            yield from _usd_problems(entry)
        elif not isinstance(value, str):
            yield f"{column}: got {shown(value)}; must be text"
        elif value != value.strip() or not value.isprintable():
            yield f"{column}: got {shown(value)}; must be without spaces around it and control characters in it"
        elif not value and column in entry and column not in _OPTIONAL:
            yield f"{column} is empty"
    kind = entry.get("kind")
    if isinstance(kind, str) and kind:
        yield from _kind_problems(kind, entry)
    region = entry.get("region", "")
    if isinstance(region, str) and region and not _REGION.fullmatch(region):
        yield f"region: got {shown(region)}; must be a region such as us-central1, or empty for one price everywhere"
    day = entry.get("as_of")
    if isinstance(day, str) and day and not _is_day(day):
        yield f"as_of: got {shown(day)}; must be a day as YYYY-MM-DD"


def _usd_problems(entry: Mapping[str, Any]) -> Iterator[str]:
    if "usd" not in entry:
        return
    value = _number(entry["usd"])
    if value is None or not isfinite(value) or value < 0:
        yield f"usd: got {shown(entry['usd'])}; must be a number of US dollars, 0 or more, such as 1.06"


def _kind_problems(kind: str, entry: Mapping[str, Any]) -> Iterator[str]:
    if kind not in KINDS:
        yield f"kind: got {shown(kind)}; {did_you_mean(kind, KINDS)}"
        return
    if entry.get("unit") and entry["unit"] != UNITS[kind]:
        yield f"unit: got {shown(entry['unit'])}; a {kind} is sold by the {UNITS[kind]}"
    way = entry.get("provisioning", "")
    if way not in _WAYS_OF[kind]:
        allowed = ", ".join(way or "nothing" for way in _WAYS_OF[kind])
        yield f"provisioning: got {shown(way) if way else 'nothing'}; for a {kind} write {allowed}"
    if kind == "managed-endpoint" and not re.fullmatch(r"[a-z]+/[a-z0-9-]+/x\d+", str(entry.get("name", ""))):
        yield f"name: got {shown(entry.get('name'))}; must be vendor/instance/size, such as gcp/nvidia-l4/x1"


def _row(entry: Mapping[str, Any]) -> PriceRow:
    given = {column: str(entry.get(column, "")) for column in COLUMNS if column != "usd"}
    return PriceRow(**cast("Any", given), usd=cast("float", _number(entry["usd"])))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d{1,3})?", value, re.ASCII):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
