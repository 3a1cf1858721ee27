"""Errors that teach: where, what was given, what is allowed, how to fix it; all problems at once.

InferenceError          what a person has to put right, with how; any other exception is a bug of ours
  ConfigError           wrong settings: `problems` holds all of them
    MisfitError         fields that do not fit together; of validators and builders
  NoFitError            memory that cannot be worked out (components.fit)
  UsageError            a command that cannot be meant (infra)
    GitError            no git, no repository, no such revision
  StackError            a stack or project file that cannot be used
  PriceFileError        prices that cannot be used
  RenderError           a plan that cannot be written where it is asked for
  ManifestError         a manifest that cannot be read, and FolderError, a folder of them
  SerialError           JSON that is no snapshot
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .secrets import looks_secret, names_secret

Path = tuple[str | int, ...]

_SHOWN = 60
_LISTED = 40
_LISTED_BESIDE_A_GUESS = 8


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and what to do about it.

    Attributes:
        path: where in the configuration, `("models", "llama", "engine")`.
        message: what was given, what is allowed, and the fix, in one line.
    """

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.message}" if self.path else self.message


class InferenceError(Exception):
    """What a person has to put right: settings, a file, a command, a machine. The text says what is wrong and the fix.

    Programs that catch one thing catch this. What is raised besides it, a ValueError included, is a bug.
    """


class ConfigError(InferenceError):
    """Wrong settings. `problems` holds every one of them; the text lists them, a line each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class MisfitError(ConfigError, ValueError):
    """Fields that do not fit together, raised inside a model's validator or by a builder.

    It is a ValueError as well, because pydantic gathers only those from validators, each with its place.

    Args:
        message: what was given, what is allowed, and the fix.
        at: path of the field to blame, below the model that raises.
    """

    def __init__(self, message: str, at: Path = ()) -> None:
        super().__init__([Problem(at, message)])

    @classmethod
    def raise_all(cls, problems: Sequence[Problem]) -> None:
        """Raise one error that carries all `problems`; do nothing when there are none."""
        if problems:
            error = cls("")
            ConfigError.__init__(error, problems)
            raise error


def moved(error: ConfigError, path: Path, names: Collection[str]) -> ConfigError:
    """The same problems, with those of some settings below another path.

    Args:
        error: the problems.
        path: where these settings stand.
        names: the settings, by the first step of a problem's path.
    """
    return ConfigError(
        Problem((*path, *found.path), found.message) if found.path and found.path[0] in names else found
        for found in error.problems
    )


def dotted(path: Path) -> str:
    """A path as people write it: `models.llama.rules[0].to`."""
    text = ""
    for step in path:
        word = "(not shown)" if isinstance(step, str) and looks_secret(step) else step
        text += f"[{word}]" if isinstance(step, int) else f".{word}" if text else str(word)
    return text


def shown(value: Any, path: Path = ()) -> str:
    """A value for an error message: short, and never a secret."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if looks_secret(text) or any(names_secret(step) for step in path if isinstance(step, str)):
        return "a value that is not shown here"
    text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f'"{text}"' if isinstance(value, str) else text


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` most likely means, if any is close."""
    matches = difflib.get_close_matches(str(word), list(candidates), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(word: str, candidates: Iterable[str], noun: str = "one") -> str:
    """`did you mean X?` when something is close, and what is allowed: all of it when nothing is."""
    names = sorted(candidates)
    match = nearest(word, names)
    if not names:
        return "there is none yet; define it first"
    listing = f"{noun} of: {', '.join(names[:_LISTED])}"
    if len(names) > _LISTED:
        listing += f", … ({len(names):,} in all)"
    if match is None:
        return f"use {listing}"
    return f"did you mean {match}?" + (f" ({listing})" if 1 < len(names) <= _LISTED_BESIDE_A_GUESS else "")


_FORMS: dict[str, str] = {}


def describe_pattern(pattern: str, words: str) -> None:
    """Give a pattern its description in words, for errors about it."""
    _FORMS[pattern] = words


def pattern_words(pattern: str) -> str | None:
    """The description that a pattern was given."""
    return _FORMS.get(pattern)
