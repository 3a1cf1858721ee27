"""The flags of each engine's launcher, as data: one table an engine, `<kind>_flags.tsv`, one row a flag.

What a table lists is what the engine's own reference lists; a test compares them. From it come the words for a flag
that another engine has, the refusal of `extra_args` that repeat a field, and the mapping from engine to engine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from . import table
from .table import rows

NAMES = MappingProxyType({"tgi": "TGI", "vllm": "vLLM", "sglang": "SGLang", "tei": "TEI", "custom": "custom"})
"""Each engine's `kind`, and what people call it."""


WHOLE = frozenset({"tgi", "tei"})
"""Engines whose table lists every flag they have; of the others it lists what most people set."""


@dataclass(frozen=True, slots=True)
class EngineFlag:
    """One setting of an engine.

    Attributes:
        flag: as it stands on a command line, `--num-shard`; empty for one that only a variable sets.
        variable: the environment variable that sets it too; empty when there is none.
        field: where it is written below `engine:`, `num_shard`; empty when nowhere.
        absent: why there is no field of that name, and what to do instead; empty when there is one.
        since: the first release that has it; empty when each release here has it.
        until: the last release that has it; empty when each later release here has it.
    """

    flag: str
    variable: str
    field: str
    absent: str
    since: str
    until: str

    @property
    def word(self) -> str:
        """Its name as a field would be called: `num_shard`."""
        return words_of(self.flag or self.variable)


def words_of(name: str) -> str:
    """A flag, variable or field in the form of a field: `--Num-Shard`, `NUM_SHARD` and `num_shard` are one."""
    return re.sub(r"[-\s]+", "_", name.strip().lstrip("-")).lower()


def name_of(engine: str) -> str:
    """What people call an engine."""
    return NAMES.get(engine, engine)


@cache
def flags_of(engine: str) -> Mapping[str, EngineFlag]:
    """Every setting of an engine by its name in the form of a field; empty for an engine without a table."""
    if not Path(table.__file__).with_name(f"{engine}_flags.tsv").is_file():
        return {}
    found = [
        EngineFlag(row["flag"], row["variable"], row["field"], row["absent"], row["since"], row["until"])
        for row in rows(f"{engine}_flags")
    ]
    return MappingProxyType({flag.word: flag for flag in found})


@cache
def variables_of(engine: str) -> Mapping[str, EngineFlag]:
    """The settings of an engine that a variable sets, by that variable."""
    return MappingProxyType({flag.variable: flag for flag in flags_of(engine).values() if flag.variable})


@cache
def mistakes_of(engine: str) -> Mapping[str, str]:
    """What people write that no release of the engine ever had, and what to do instead."""
    return MappingProxyType({row["word"]: row["advice"] for row in rows("flag_mistakes") if engine == row["engine"]})


@dataclass(frozen=True, slots=True)
class Equivalent:
    """One idea, and the field by which each engine sets it.

    Attributes:
        concept: what it is about, in words.
        fields: engine to field; engines that lack it are left out.
        note: in what they differ; empty when a value can be taken over as it is.
    """

    concept: str
    fields: Mapping[str, str]
    note: str


@cache
def equivalents() -> tuple[Equivalent, ...]:
    """Every idea that more than one engine has a setting for, in the table's order."""
    return tuple(
        Equivalent(
            row["concept"],
            MappingProxyType({engine: row[engine] for engine in NAMES if row.get(engine)}),
            row["note"],
        )
        for row in rows("flag_equivalents")
    )


def counterpart(field: str, of: str, on: str) -> str:
    """The field by which engine `on` sets what `field` sets on engine `of`; empty when it has none."""
    return next((each.fields.get(on, "") for each in equivalents() if each.fields.get(of) == field), "")


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a value of one idea is taken over from one engine to another.

    Attributes:
        way: `same` as it is; `words` by the table of words; `list`, `endpoint` and `adapters` in another form; `hand`
            by a person.
        also: what the engine wants to be true besides, by engine.
    """

    way: str
    also: Mapping[str, tuple[str, ...]]


@cache
def _conversions() -> Mapping[str, Conversion]:
    return {row["concept"]: Conversion(row["way"], _also(row["also"])) for row in rows("flag_conversions")}


def _also(text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for entry in text.split():
        engine, _, field = entry.partition(".")
        found[engine] = (*found.get(engine, ()), field)
    return found


def conversion_of(concept: str) -> Conversion:
    """How values of an idea are taken over; by hand where nobody said."""
    return _conversions().get(concept, Conversion("hand", {}))


def word_on(concept: str, of: str, word: str, on: str) -> str | None:
    """What engine `on` calls what `of` calls `word`; `None` where it has none."""
    found = (row[on] for row in rows("flag_values") if row["concept"] == concept and row[of] == word and row[on])
    return next(found, None)
