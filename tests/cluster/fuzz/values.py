"""Values for every kind of field: legal ones up to their edges, and illegal ones by the limit they break."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from ipaddress import IPv4Network
from typing import Any

from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from .fields import Kind
from .patterns import some_texts

_TEXTS = (
    "x", "", "team-a", "Some words.", "/some/path", "0", "yes", "1e3", "~", "a\nb\n", " a ", "é", "\U0001f600",
    "$(HOME)", "--flag=1", "{}", "#", ": ", "%", "\t", '"', "\\", "'", "a" * 300, "\ufeff", "\x7f", "\x85", "\x01",
    "\u2028",
)  # fmt: skip
_JSON: tuple[Any, ...] = (
    "x",
    0,
    -1.5,
    True,
    [],
    {},
    [1, {"a": "$(HOME)"}],
    {"a": {"b": [2**62]}},
    "\U0001f600",
    'a"b',
    "%s",
)
_MOST = 2**31 - 1
"""The largest number Kubernetes keeps in most of its fields."""
_ENDS = ("-", ".", "_", "/", " ", "é", "\u0663", ":", "@", "A", "%", "\n")
"""What a name or an amount may not begin or end with, or not hold at all; \u0663 is a digit, to Unicode."""
_ODD = (
    "http://a.io:0", "http://a.io:65536", "a.io:0", "a.io:65536",
    "/a:b", "-1", "A_B", "a=b", "", "a..b", "a.b", "a/b", "a/b/c", "-", "_", "1Zi", "1 Gi", "1e400", "0", "0.0",
    "+1", "1.", "01", "\u0663", "1\u0663", "1\u0663m", "1\u0663Gi", "\u0663Gi", "1.\u0663", "256.1.1.0/24",
    "10.0.0.0", "10.0.0.0/33", "10.0.0.0/\u0663", "fe80::/10", "mesh/", "/mesh", "a/B", "A/b", "health", "a b",
    "/a b", "a:b", "a@b", "a:latest:x", "Registry/x", "é/x", "a.io/\u0663", "a/-", "a b/c", "1a", "9-", "*", "a.*",
    "*.*.a", "=", "1mi", "m",
)  # fmt: skip
_ERRORS = {
    "pattern": "string_pattern_mismatch",
    "max_length": "string_too_long",
    "min_length": ("string_too_short", "too_short"),
    "ge": "greater_than_equal",
    "gt": "greater_than",
    "le": "less_than_equal",
    "lt": "less_than",
    "function": "value_error",
}


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def errors(kind: Kind, value: Any) -> set[str]:
    """Which limits of its kind a value breaks; a value of another sort breaks `type`."""
    try:
        _adapter(kind.annotation).validate_python(value)
    except ValidationError as error:
        found = {entry["type"] for entry in error.errors(include_url=False)}
        return {next((name for name, types in _ERRORS.items() if one in types), "type") for one in found}
    return set()


@cache
def legal(kind: Kind) -> st.SearchStrategy[Any]:
    """Values of a kind that is no model, mapping or list; its edges as likely as all the others together."""
    match kind.sort:
        case "bool":
            return st.booleans()
        case "literal":
            return st.sampled_from(kind.words)
        case "int":
            return _whole(kind)
        case "float":
            least, most = kind.limit("ge") or kind.limit("gt") or 0.0, kind.limit("le") or kind.limit("lt")
            edges = [one for one in (least, least + 0.001, 0.5, 1, 7.5, most or 1e6) if not errors(kind, one)]
            return st.sampled_from(edges) | st.floats(least, most or 1e6, allow_nan=False).filter(partial(_fits, kind))
        case "str":
            return _text(kind)
        case "json":
            return st.sampled_from(_JSON)
    raise NotImplementedError(kind.sort)


def _fits(kind: Kind, value: Any) -> bool:
    return not errors(kind, value)


def _whole(kind: Kind) -> st.SearchStrategy[int]:
    least, most = kind.limit("ge"), kind.limit("le")
    if least is None:
        return st.sampled_from((0, 1, -1, -(2**62), 2**62))
    edges = [least, least + 1, min(least + 10, most or _MOST), most or _MOST, *([] if most else [1000, 2 * _MOST])]
    return st.sampled_from([edge for edge in edges if not errors(kind, edge)]) | st.integers(least, most or 100)


def _text(kind: Kind) -> st.SearchStrategy[str]:
    names = [value for limit, value in kind.limits if limit == "function"]
    if "_address_range" in names:
        return st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
            lambda pair: str(IPv4Network(pair, strict=False))
        )
    pattern = kind.limit("pattern")
    if pattern is None:
        return st.sampled_from([text for text in (*_TEXTS, "words" * 5, "w" * 253) if not errors(kind, text)])
    edges = [edge for edge in (*_SHORT, _longest(kind)) if edge is not None and not errors(kind, edge)]
    # Drawing each character from Hypothesis takes a tenth of a second an environment; these are as odd.
    made = [text for text in some_texts(pattern, _SAMPLES) if not errors(kind, text)]
    return st.sampled_from([*edges, *made])


_SAMPLES = 40
_SHORT = ("a", "0", "x-1", "a.b", "1Gi", "64Mi", "2", "500m", "/a", "/health", "A", "a/b")


@cache
def _longest(kind: Kind) -> str | None:
    """The longest value of a kind whose length is limited."""
    most = kind.limit("max_length")
    return next(_of_length(kind, most, set()), None) if most else None


def _of_length(kind: Kind, length: int, broken: set[str]) -> Iterator[str]:
    for text in ("a" * length, ("a" * 60 + ".") * (length // 61) + "a" * (length % 61), "a/" + "a" * (length - 2)):
        if len(text) == length and errors(kind, text) == broken:
            yield text


@cache
def illegal(kind: Kind, limit: str) -> tuple[Any, ...]:
    """Values that break one limit of a kind and no other."""
    if limit not in _ERRORS:
        return ()
    return tuple(value for value in dict.fromkeys(_wrong(kind, limit)) if errors(kind, value) == {limit})


def _wrong(kind: Kind, limit: str) -> Iterator[Any]:
    match limit, kind.sort:
        case "ge", _:
            yield from (kind.limit("ge") - 1, -(2**40))
        case "gt", _:
            yield from (kind.limit("gt"), kind.limit("gt") - 1)
        case "le", _:
            yield from (kind.limit("le") + 1, 2**40)
        case "max_length", "str":
            yield from _of_length(kind, kind.limit("max_length") + 1, {"max_length"})
            yield from _of_length(kind, 1000, {"max_length"})
        case "min_length", "str":
            yield ""
        case (("pattern" | "function"), "str"):
            yield from _ODD
            for text in _SHORT:
                yield from (f"{text}{end}" for end in _ENDS)
                yield from (f"{end}{text}" for end in _ENDS)
            yield from ("10.0.0.1/8", "10.0.0.0/33", "999.0.0.0/8")
