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
from math import nan
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from components.catalog.prices import KINDS, UNITS, WAYS
from components.core.config import Config, Number, patterned
from components.core.errors import ConfigError, InferenceError, MisfitError, did_you_mean, shown
from components.core.price import Kind, PriceRow

COLUMNS = tuple(field.name for field in fields(PriceRow))
"""The columns of a price table, in any order in a file that is read."""
_OPTIONAL = ("provisioning", "region")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
_ENDPOINT = re.compile(r"[a-z]+/[a-z0-9-]+/x\d+")
_WAYS_OF = {
    kind: WAYS[:-1] if kind in ("machine", "gpu", "autopilot") else WAYS if kind == "disk" else ("",) for kind in KINDS
}
_MOST = 16 * 1024 * 1024
DEAREST = 1_000_000
"""US dollars that nothing of a table costs an hour, a month or a GiB: a number above is a slip."""

Entry = tuple[int, Mapping[str, Any]]
"""A row with the line it stands on."""


def _text(value: str) -> str:
    if not value:
        raise MisfitError("is empty; write what it is")
    return _plain(value)


def _plain(value: str) -> str:
    if value != value.strip() or not value.isprintable():
        raise MisfitError(f"got {shown(value)}; must be without spaces around it and control characters in it")
    return value


def _dollars(value: Any) -> float:
    """A number, or the text of one as a table's cell has it."""
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        number = float(value)
    try:
        usd = nan if number is None else float(number)
    except OverflowError:
        usd = nan
    if not 0 <= usd <= DEAREST:
        raise MisfitError(f"got {shown(value)}; must be a number of US dollars, 0 to {DEAREST:,}, such as 1.06")
    return usd


def _day(value: str) -> str:
    try:
        good = date.fromisoformat(value).isoformat() == value
    except ValueError:
        good = False
    if not good:
        raise MisfitError(f"got {shown(value)}; must be a day as YYYY-MM-DD")
    return value


Word = Annotated[str, AfterValidator(_text)]


class PriceEntry(Config):
    """A row as somebody wrote it; `PriceRow` has the meanings of the fields."""

    kind: Kind
    name: Word
    """What it is called: a machine type, GKE's name of a GPU, a disk type, `gcp/nvidia-l4/x1`."""
    provisioning: Annotated[str, AfterValidator(_plain), Field(validate_default=True)] = ""
    region: Annotated[
        str, patterned(r"^([a-z]+-[a-z]+\d+)?$", "a region such as us-central1, or empty for one price everywhere")
    ] = ""
    unit: Word
    """What the price buys one of: hour, GiB-month or MiB/s-month."""
    usd: Annotated[Number, BeforeValidator(_dollars)]
    """What it costs in US dollars, such as 1.06."""
    as_of: Annotated[str, AfterValidator(_day)]
    """The day the price was true, as YYYY-MM-DD."""
    source: Word
    """Where it can be looked up."""

    @field_validator("name")
    @classmethod
    def _is_endpoint(cls, name: str, info: ValidationInfo) -> str:
        if info.data.get("kind") == "managed-endpoint" and not _ENDPOINT.fullmatch(name):
            raise MisfitError(f"got {shown(name)}; must be vendor/instance/size, such as gcp/nvidia-l4/x1")
        return name

    @field_validator("provisioning")
    @classmethod
    def _is_way_of_kind(cls, way: str, info: ValidationInfo) -> str:
        kind = info.data.get("kind")
        if kind is not None and way not in _WAYS_OF[kind]:
            allowed = ", ".join(way or "nothing" for way in _WAYS_OF[kind])
            raise MisfitError(f"got {shown(way) if way else 'nothing'}; for a {kind} write {allowed}")
        return way

    @field_validator("unit")
    @classmethod
    def _is_unit_of_kind(cls, unit: str, info: ValidationInfo) -> str:
        kind = info.data.get("kind")
        if kind is not None and unit != UNITS[kind]:
            raise MisfitError(f"got {shown(unit)}; a {kind} is sold by the {UNITS[kind]}")
        return unit


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
        try:
            row = PriceRow(**dict(PriceEntry(**entry)))
        except ConfigError as error:
            problems += [f"{path}:{line}: {problem}" for problem in error.problems]
            continue
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
