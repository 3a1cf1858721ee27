"""Texts that match a pattern, the same ones in every run."""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterable, Iterator
from typing import Any

codes: Any = importlib.import_module("re._constants")
parser: Any = importlib.import_module("re._parser")
"""How Python itself reads a pattern; without types."""
_ANYTHING = (*map(chr, range(32, 127)), "é", "\U0001f600")
"""What brackets that begin with ^ choose from."""
_MOST = 8
"""Repetitions beyond what a pattern asks for."""


def some_texts(pattern: str, count: int) -> list[str]:
    """Some texts that match a pattern, most of them short."""
    chance = random.Random(pattern)  # noqa: S311 - no secret
    return ["".join(_written(parser.parse(pattern), chance)) for _ in range(count)]


def _written(steps: Iterable[tuple[Any, Any]], chance: random.Random) -> Iterator[str]:
    for code, given in steps:
        if code is codes.LITERAL:
            yield chr(given)
        elif code is codes.IN:
            yield chance.choice(_choices(given))
        elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            least, most, inner = given
            for _ in range(chance.randint(least, min(most, least + chance.choice((0, 1, _MOST))))):
                yield from _written(inner, chance)
        elif code is codes.SUBPATTERN:
            yield from _written(given[-1], chance)
        elif code is codes.BRANCH:
            yield from _written(chance.choice(given[1]), chance)
        elif code is not codes.AT:
            raise NotImplementedError(f"no text is made for {code} of a pattern; teach `patterns` of it")


def _choices(given: Iterable[tuple[Any, Any]]) -> list[str]:
    steps = list(given)
    if steps[0][0] is codes.NEGATE:
        unwanted = {text for step in steps[1:] for text in _choices([step])}
        return [text for text in _ANYTHING if text not in unwanted]
    found: list[str] = []
    for code, value in steps:
        if code is codes.LITERAL:
            found.append(chr(value))
        elif code is codes.RANGE:
            found += map(chr, range(value[0], value[1] + 1))
        elif value is codes.CATEGORY_SPACE:
            found += " \t\n\r\f\v\x85\xa0\u2028"
        else:
            raise NotImplementedError(f"no text is made for {code} in a pattern's brackets; teach `patterns` of it")
    return found
