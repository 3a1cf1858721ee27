"""YAML as a Kubernetes operator writes it, and as every YAML reader understands it alike.

kubectl, Helm and Argo CD read YAML 1.1, yaml.v3 and most editors something between 1.1 and 1.2. A scalar is left plain
only where all of them can see nothing but text; anything else is double-quoted, or a `|` block when it has lines.
docs/adr/0002-own-yaml-emitter.md says why this is our own code; tests/infra/render/test_yaml_text.py
holds it to PyYAML's two loaders and to Go's two.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cached_property
from json.encoder import encode_basestring
from typing import Any

from components.core.manifest import Shared
from components.core.plan import ItemOutput, Late, SecretRef

_CHARACTER = r"[A-Za-z0-9_./@%+=,-]"
_PLAIN = re.compile(
    # Words that YAML 1.1 reads as booleans and null. Everything else it resolves starts with a digit, a sign before a
    # digit or a dot, a dot, `~`, `=` or `<`, and those are not plain below.
    r"(?!(?i:y|n|yes|no|on|off|true|false|null)\Z)"
    rf"(?:(?:[A-Za-z/_]|--?[A-Za-z])(?:{_CHARACTER}|:(?={_CHARACTER})| (?=[A-Za-z0-9/_]))*"
    # Kubernetes quantities and durations; `5E` and `1e3` are left out, being near to floats.
    r"|[1-9][0-9]*(?:ms?|[shd]|k|[MGTP]i?|[KE]i))"
)
# Not printable, or not visible for what it is: controls, the line breaks of YAML 1.1, unusual spaces, text direction,
# joiners, byte order marks and non-characters. Our own list: Python's `isprintable` changes from version to version.
_HIDDEN = (
    r"\x7f-\xa0\xad\u061c\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000"
    r"\ufdd0-\ufdef\ufeff\ufff0-\uffff\U000e0000-\U000e0fff"
)
_ESCAPED = re.compile(f"[{_HIDDEN}]")
# What a `|` block would not give back exactly in every reader, or what an editor strips or hides.
_NO_BLOCK = re.compile(rf"\A\s|[ \t](?:\n|\Z)|\n\n\Z|[\x00-\x08\x0b-\x1f{_HIDDEN}]")
_SURROGATE = re.compile("[\ud800-\udfff]")

_LONGEST_KEY = 1000
"""Characters. YAML readers look no further than 1,024 for the colon after a key."""
_CACHED_TEXT = 256
_CACHED_TEXTS = 10_000
"""Texts remembered a level of indentation, a few megabytes at most: a fleet repeats its keys, labels and images."""


def to_yaml(value: Any) -> str:
    """Write plain data as one YAML document that ends in a line break.

    Two spaces a level; a list stands below its key without further indentation, as kubectl and Helm write it.
    The placeholders of a plan are written as their text.

    Args:
        value: mappings with text keys, lists, tuples, text, whole numbers of 64 bits, finite floats, booleans.

    Raises:
        TypeError: for `None`, for a key that is not text, and for any other type.
        ValueError: for what no reader gives back: NaN and infinities, integers beyond 64 bits, text with lone
            surrogates, keys over 1,000 characters.
    """
    out: list[str] = []
    if type(value) not in _KNOWN:
        value = _known(value)
    if isinstance(value, dict) and value:
        _mapping(value, _ROOT, out)
    elif type(value) is list and value:
        _sequence(value, _ROOT, out)
    else:
        out.append(_leaf(value, _ROOT))
    out[0] = out[0][1:]  # the line break, or a leaf's space, that everything starts with
    out.append("\n")
    return "".join(out)


class _Texts(dict[str, str]):
    """Text to what is written after `key:` or `-`, with the space before it."""

    def __init__(self, pad: str) -> None:
        super().__init__()
        self.pad = pad

    def __missing__(self, text: str) -> str:
        written = f" {_block(text, self.pad) or _scalar(text)}"
        return _remember(self, text, written)


class _Keys(dict[str, str]):
    """Key to the beginning of its line: line break, indentation, key and colon."""

    def __init__(self, pad: str) -> None:
        super().__init__()
        self.pad = pad

    def __missing__(self, key: str) -> str:
        if not isinstance(key, str):
            raise TypeError(f"the key {key!r} is not text; put it in quotes")
        scalar = _scalar(str.__str__(key))
        if len(scalar) > _LONGEST_KEY:
            raise ValueError(f"the key {key[:40]!r}… is over {_LONGEST_KEY} characters; YAML readers refuse it")
        return _remember(self, str.__str__(key), f"{self.pad}{scalar}:")


class _SharedTexts(dict[Shared, str]):
    """Mapping that many objects have to what is written below its key, as it stands at one depth."""

    def __init__(self, level: _Level) -> None:
        super().__init__()
        self.level = level

    def __missing__(self, mapping: Shared) -> str:
        out: list[str] = []
        _mapping(mapping, self.level, out)
        if len(self) >= _CACHED_TEXTS:
            self.clear()
        self[mapping] = "".join(out)
        return self[mapping]


class _Level:
    """One depth of indentation, and what was written at it before."""

    def __init__(self, pad: str) -> None:
        self.pad = pad
        self.dash = f"{pad}-"
        self.keys = _Keys(pad)
        self.texts = _Texts(pad)
        self.shared = _SharedTexts(self)

    @cached_property
    def deeper(self) -> _Level:
        return _Level(f"{self.pad}  ")


_ROOT = _Level("\n")


def _mapping(mapping: dict[str, Any], level: _Level, out: list[str]) -> None:
    keys, texts, append = level.keys, level.texts, out.append
    for key, value in mapping.items():
        kind = type(value)
        if kind is str:
            append(keys[key] + texts[value])
            continue
        if kind not in _KNOWN:
            value = _known(value)  # noqa: PLW2901  the loop is the hot path, and the given value is of no more use
            kind = type(value)
        if kind is dict and value:
            append(keys[key])
            _mapping(value, level.deeper, out)
        elif kind is Shared and value:
            append(keys[key] + level.deeper.shared[value])
        elif kind is list and value:
            append(keys[key])
            _sequence(value, level, out)
        else:
            append(keys[key] + _leaf(value, level))


def _sequence(sequence: list[Any], level: _Level, out: list[str]) -> None:
    dash, texts, append = level.dash, level.texts, out.append
    for value in sequence:
        kind = type(value)
        if kind is str:
            append(dash + texts[value])
            continue
        if kind not in _KNOWN:
            value = _known(value)  # noqa: PLW2901  as above
            kind = type(value)
        if kind is Shared and value:
            deeper = level.deeper
            append(f"{dash} {deeper.shared[value][len(deeper.pad) :]}")
        elif value and (kind is dict or kind is list):
            start, deeper = len(out), level.deeper
            (_mapping if kind is dict else _sequence)(value, deeper, out)
            out[start] = f"{dash} {out[start][len(deeper.pad) :]}"  # the first line joins its dash
        else:
            append(dash + _leaf(value, level))


_KNOWN = frozenset({dict, list, str, bool, int, float, Shared})


def _known(value: Any) -> Any:
    """The same value as one of the types we write."""
    if isinstance(value, SecretRef | Late | ItemOutput):
        return str(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int | float):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    if value is None:
        raise TypeError("nothing (None) is not written: the cluster would get a null; leave the field out")
    raise TypeError(f"a {type(value).__name__} is not plain data: write text, a number, a list or a mapping")


def _leaf(value: Any, level: _Level) -> str:
    """What is written after `key:` or `-` for anything on one line, with the space before it."""
    match value:
        case str():
            return level.texts[value]
        case bool():
            return " true" if value else " false"
        case int():
            if not -(2**63) <= value < 2**63:
                raise ValueError(f"{value} is beyond 64 bits, Kubernetes' largest integer")
            return f" {value}"
        case float():
            return f" {_float(value)}"
        case dict():
            return " {}"
        case _:
            return " []"


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a number that JSON, and so Kubernetes, can hold")
    text = repr(value)
    # YAML 1.1 takes `1e+22` for text: a float has a dot.
    return text if "." in text else text.replace("e", ".0e")


def _scalar(text: str) -> str:
    """Text on one line: plain where that is safe, else double-quoted."""
    if _PLAIN.fullmatch(text):
        return text
    if text.isascii() and "\x7f" not in text:
        return encode_basestring(text)
    if _SURROGATE.search(text):
        raise ValueError(f"{text[:40]!r} has a lone surrogate, which is not a character and has no place in a file")
    return _ESCAPED.sub(_escape, encode_basestring(text))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004  what four digits can say


def _block(text: str, pad: str) -> str | None:
    """Text of several lines as a `|` block below the indentation `pad`, where every reader gives it back exactly."""
    if "\n" not in text or _NO_BLOCK.search(text) or _SURROGATE.search(text):
        return None
    lines = text.split("\n")
    mark = "|-" if lines[-1] else "|"
    return mark + "".join(f"{pad}  {line}" if line else "\n" for line in (lines if lines[-1] else lines[:-1]))


def _remember(cache: dict[str, str], text: str, written: str) -> str:
    if len(text) <= _CACHED_TEXT:
        if len(cache) >= _CACHED_TEXTS:
            cache.clear()
        cache[text] = written
    return written
