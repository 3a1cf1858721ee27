"""What to say of a flag that an engine's config has no field for, and of arguments given past the fields.

For an engine with a table of flags (`flags.tsv` in its folder), its config model says:

    unknown_field_hints: ClassVar[Mapping[str, str]] = FlagHints("vllm")

and its validator adds `extra_arguments_misfits("vllm", self.extra_args)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from ..core.errors import Problem, nearest
from ..core.secrets import PLAINTEXT_ADVICE, hands_over_secret, looks_secret
from .flag_tables import EngineFlag, flags_of, mistakes_of, setting, settings_of, variables_of, words_of

if TYPE_CHECKING:
    from .kind import EngineKind


@cache
def _engines() -> Mapping[str, EngineKind]:
    from .typed import TYPED  # noqa: PLC0415 - it imports the engines, whose configs ask here what others have

    return {engine.kind: engine for engine in TYPED}


def _others(engine: str) -> Iterator[str]:
    return (other for other in _engines() if other != engine)


def name_of(engine: str) -> str:
    """What people call an engine."""
    return _engines()[engine].title if engine in _engines() else engine


class FlagHints(Mapping[str, str]):
    """Unknown field to what to do about it, derived from the tables of all engines when it is asked."""

    def __init__(self, engine: str) -> None:
        self.engine = engine

    def __getitem__(self, field: str) -> str:
        hint = _hint(self.engine, field)
        if not hint:
            raise KeyError(field)
        return hint

    def __iter__(self) -> Iterator[str]:
        own = [word for word, flag in flags_of(self.engine).items() if flag.field != word]
        others = [word for other in _others(self.engine) for word in flags_of(other)]
        others += [each.field for other in _others(self.engine) for each in settings_of(other).values()]
        return iter(dict.fromkeys([*mistakes_of(self.engine), *own, *others]))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _hint(engine: str, field: str) -> str:
    """What to do about a field that the engine's config lacks; empty when no table knows it."""
    word = words_of(field)
    if advice := mistakes_of(engine).get(word):
        return advice
    if flag := flags_of(engine).get(word):
        return _instead(engine, flag)
    return _of_others(engine, word)


def _instead(engine: str, flag: EngineFlag) -> str:
    """What to write instead of the engine's own flag."""
    if flag.absent:
        return flag.absent
    return f"write {flag.field}, {name_of(engine)}'s {flag.flag or flag.variable}"


def _of_others(engine: str, word: str) -> str:
    """Whose flag it is, and what the engine has in its place."""
    owners = {other: flag for other in _others(engine) if (flag := _known(other, word))}
    if not owners:
        return ""
    told = " and ".join(f"{name_of(other)}'s{_releases(flag)}" for other, flag in owners.items())
    return f"that is {told}; {_in_its_place(engine, owners)}"


def _in_its_place(engine: str, owners: Mapping[str, EngineFlag]) -> str:
    """What the engine has in place of others' flag, as far as the tables tell."""
    concepts = (each.concept for other, flag in owners.items() if (each := setting(other, flag.field)))
    ours = next((settings_of(engine)[concept].field for concept in concepts if concept in settings_of(engine)), "")
    if ours:
        return f"{name_of(engine)}'s is {ours}"
    if _engines()[engine].lists_every_flag or _compared(owners):
        return f"{name_of(engine)} has no such setting; leave it out"
    return f"there is no field for it here; if {name_of(engine)} has it, write it in extra_args"


def _compared(owners: Mapping[str, EngineFlag]) -> bool:
    """Whether somebody looked for what other engines have in place of a flag."""
    return any(setting(other, flag.field) for other, flag in owners.items())


def _known(engine: str, word: str) -> EngineFlag | None:
    """A setting of an engine, by its table of flags or by that of settings others have too."""
    return flags_of(engine).get(word) or (EngineFlag("", "", word, "", "", "") if setting(engine, word) else None)


def _releases(flag: EngineFlag) -> str:
    said = [f"since {flag.since}"] if flag.since else []
    said += [f"until {flag.until}"] if flag.until else []
    return f" ({', '.join(said)})" if said else ""


def extra_arguments_misfits(engine: str, arguments: Sequence[str], *, complete: bool = False) -> Iterator[Problem]:
    """What is wrong with arguments that are handed to the engine as they are.

    Args:
        engine: the engine's `kind`.
        arguments: its `extra_args`.
        complete: whether the engine's table lists every flag of the release, so that any other flag is a mistake.
    """
    for number, (word, following) in enumerate(zip(arguments, (*arguments[1:], ""), strict=False)):
        at = ("extra_args", number)
        if looks_secret(word) or (hands_over_secret(word, following) and not looks_secret(following)):
            yield Problem(at, PLAINTEXT_ADVICE)
            continue
        name = word.partition("=")[0]
        if not name.startswith("-") or _is_number(name):
            continue
        if not name.startswith("--"):
            yield Problem(at, f'got "{name}"; write the long form of the flag')
        elif (flag := _own(engine, name)) is not None:
            yield Problem(at, f'got "{name}"; {_field_of(flag)}')
        elif hint := mistakes_of(engine).get(words_of(name)) or _certainly_of_others(engine, words_of(name)):
            yield Problem(at, f'got "{name}"; {hint}')
        elif complete:
            known = [flag.flag for flag in flags_of(engine).values() if flag.flag]
            match = nearest(name, known)
            guess = f"did you mean {match}?" if match else "leave it out"
            yield Problem(at, f'got "{name}"; {name_of(engine)} has no such flag; {guess}')


def _certainly_of_others(engine: str, word: str) -> str:
    """Whose flag it is, where the tables tell that the engine has none of that name."""
    owners = {other: flag for other in _others(engine) if (flag := _known(other, word))}
    return _of_others(engine, word) if _engines()[engine].lists_every_flag or _compared(owners) else ""


def _own(engine: str, name: str) -> EngineFlag | None:
    """The engine's flag that an argument sets, turns off (`--no-…`), or sets a part of (`--…-config.mode`)."""
    word, flags = words_of(name.partition(".")[0]), flags_of(engine)
    return flags.get(word) or flags.get(word.removeprefix("no_"))


def variables_misfits(engine: str, variables: Iterable[str], at: str = "env") -> Iterator[Problem]:
    """Environment variables that set what a field of the engine sets."""
    for variable in variables:
        if flag := variables_of(engine).get(variable):
            yield Problem((at, variable), f"sets {name_of(engine)}'s {flag.flag or flag.variable}; {_field_of(flag)}")


def _field_of(flag: EngineFlag) -> str:
    """Where a flag of the engine is written, or why it is not."""
    return f"write engine.{flag.field}" if flag.field and not flag.absent else flag.absent


def release_misfits(engine: str, version: str, given: Iterable[str]) -> Iterator[Problem]:
    """Fields that the release has no setting for.

    Args:
        engine: the engine's `kind`.
        version: its release, `3.3.6`; nothing is said about one that is no number, such as a build's name.
        given: the fields that were written.
    """
    release = _numbers(version)
    if not release:
        return
    fields = {flag.field: flag for flag in flags_of(engine).values() if flag.field and not flag.absent}
    for field in given:
        flag = fields.get(field)
        if flag and flag.since and release < _numbers(flag.since):
            fix = f"use version {flag.since} or newer, or leave it out"
            yield Problem((field,), f"{name_of(engine)} {version} has no {flag.flag or flag.variable}; {fix}")
        elif flag and flag.until and release > _numbers(flag.until):
            fix = f"{flag.until} was the last release with it; leave it out"
            yield Problem((field,), f"{name_of(engine)} {version} has no {flag.flag or flag.variable}; {fix}")


def _numbers(version: str) -> tuple[int, ...]:
    """A release as numbers that compare; empty for a name that is none."""
    text = version.removeprefix("v")
    return tuple(map(int, text.split("."))) if re.fullmatch(r"\d+(\.\d+)+", text) else ()


def _is_number(word: str) -> bool:
    return re.fullmatch(r"-\d+(\.\d+)?", word) is not None
