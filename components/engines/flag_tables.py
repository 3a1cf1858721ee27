"""The flags of each engine's launcher, as data: `flags.tsv` in the engine's folder, one row a flag.

What a table lists is what the engine's own reference lists; a test compares them. From it come the words for a flag
that another engine has, the refusal of `extra_args` that repeat a field, and the mapping from engine to engine: an
engine's `settings.tsv` says which field is about which concept of `concepts.tsv`, its `words.tsv` what it calls what
others call otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from ..catalog.table import engine_rows, rows

_HERE = Path(__file__).resolve().parent


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


@cache
def flags_of(engine: str) -> Mapping[str, EngineFlag]:
    """Every setting of an engine by its name in the form of a field; empty for an engine without a table."""
    flags = [
        EngineFlag(row["flag"], row["variable"], row["field"], row["absent"], row["since"], row["until"])
        for row in engine_rows(engine, "flags")
    ]
    return MappingProxyType({flag.word: flag for flag in flags})


@cache
def variables_of(engine: str) -> Mapping[str, EngineFlag]:
    """The settings of an engine that a variable sets, by that variable."""
    return MappingProxyType({flag.variable: flag for flag in flags_of(engine).values() if flag.variable})


@cache
def mistakes_of(engine: str) -> Mapping[str, str]:
    """What people write that no release of the engine ever had, and what to do instead."""
    return MappingProxyType({row["word"]: row["advice"] for row in engine_rows(engine, "mistakes")})


@dataclass(frozen=True, slots=True)
class Concept:
    """One idea that engines have a setting for.

    Attributes:
        name: what it is about, in words.
        way: how a value is taken over: `same` as it is, `words` by the tables of words, `form` in the other engine's
            form, `list` as a list, `hand` by a person.
        note: in what engines differ, and what to do on one that has no such setting; empty when a value can be taken
            over as it is.
    """

    name: str
    way: str
    note: str


@cache
def concepts() -> Mapping[str, Concept]:
    """Every idea by name, in the table's order."""
    return MappingProxyType(
        {row["concept"]: Concept(row["concept"], row["way"], row["note"]) for row in rows("concepts", _HERE)}
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """The field by which an engine sets what an idea is about.

    Attributes:
        concept: the idea.
        field: the engine's field.
        form: how a value is written where engines differ: `url` or `host:port`; `mapping` of names to sources, or a
            `list` of them.
        also: what the engine wants to be true besides.
    """

    concept: str
    field: str
    form: str
    also: tuple[str, ...]


@cache
def settings_of(engine: str) -> Mapping[str, Setting]:
    """The settings an engine has, by idea, in its table's order; empty for one that nobody compared with others."""
    return MappingProxyType(
        {
            row["concept"]: Setting(row["concept"], row["field"], row["form"], tuple(row["also"].split()))
            for row in engine_rows(engine, "settings")
            if row["field"]
        }
    )


@cache
def lacks_of(engine: str) -> Mapping[str, str]:
    """What to do about an idea that an engine has no setting for, where its own table says it."""
    return MappingProxyType({row["concept"]: row["absent"] for row in engine_rows(engine, "settings") if row["absent"]})


@cache
def setting(engine: str, field: str) -> Setting | None:
    """What a field of an engine is about; `None` for a field that nobody compared with others."""
    return next((each for each in settings_of(engine).values() if each.field == field), None)


def word_on(concept: str, of: str, word: str, on: str) -> str | None:
    """What engine `on` calls what `of` calls `word`; `None` where it has none."""
    meanings = (row["means"] for row in _words(of, concept) if row["word"] == word)
    theirs = {row["means"]: row["word"] for row in _words(on, concept)}
    return next((theirs[means] for means in meanings if means in theirs), None)


def _words(engine: str, concept: str) -> list[dict[str, str]]:
    return [row for row in engine_rows(engine, "words") if row["concept"] == concept]
