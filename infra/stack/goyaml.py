"""Plain scalars as Pulumi reads them: go-yaml v3's rules, then JSON, which is how a value reaches the program.

PyYAML follows YAML 1.1 and differs: `yes` and `1:30` are text here, `1e3` and `0o10` are numbers. Followed:
go-yaml/yaml@v3.0.1 resolve.go:129 and pulumi/pulumi@1b594989 sdk/go/common/resource/config/object.go:432;
tests/infra/stack/data/scalars.json holds what that Go code answered.

Refused, because Pulumi changes them without a word or fails without a place: dates, infinities, whole numbers
that no longer fit a double.
"""

from __future__ import annotations

import calendar
import decimal
import math
import re

from components.core.errors import InferenceError

Scalar = str | int | float | bool | None

MAX_WHOLE = 2**53
"""Every property crosses to the engine as a double, so larger whole numbers are rounded on their way."""

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_ENDLESS = frozenset(sign + word for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")) | {
    ".nan",
    ".NaN",
    ".NAN",
}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DOTTED_FLOAT = re.compile(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?")
_DATE = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?P<time>(?:[Tt]|(?P<space> +))([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?"
    r"(?P<zone>Z|[-+]([0-9]{2}):([0-9]{2}))?| *)"
)
_DIGITS = {
    2: re.compile(r"[01]+"),
    8: re.compile(r"[0-7]+"),
    10: re.compile(r"[0-9]+"),
    16: re.compile(r"[0-9a-fA-F]+"),
}
_PREFIXED = {"0x": 16, "0o": 8, "0b": 2}
_NUMBER_STARTS = frozenset("0123456789+-.")
_SHORT = 15
"""Digits that are always below 2^53."""


class ScalarError(InferenceError):
    """A plain scalar that Pulumi would change or cannot carry; the message says why and how to write it."""


def plain(text: str) -> Scalar:
    """The value of a plain (unquoted, untagged) scalar.

    Raises:
        ScalarError: for dates, infinities and whole numbers beyond 2^53.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if len(text) <= _SHORT and text.isascii() and text.isdecimal() and text[0] != "0":
        return int(text)
    if _is_date(text):
        raise ScalarError(
            "is a date to YAML, and Pulumi rewrites dates with a time and a zone (2026-11-21 becomes "
            '"2026-11-21 00:00:00 +0000 UTC"); put it in quotes'
        )
    return _number(text)


def tagged(tag: str, text: str) -> Scalar:
    """The value of a scalar with an explicit tag, `!!int "3"`.

    Raises:
        ScalarError: when the text is not of that type, or Pulumi would drop or change the tag.
    """
    kind = tag.removeprefix("tag:yaml.org,2002:")
    value: Scalar
    match kind:
        case "str":
            return text
        case "int" | "float":
            value = _number(text) if text else None
            fits = isinstance(value, int if kind == "int" else int | float)
        case "bool":
            value = _WORDS.get(text)
            fits = isinstance(value, bool)
        case "null":
            value, fits = None, text in _WORDS and _WORDS[text] is None
        case _:
            raise ScalarError("has a tag that Pulumi drops or rewrites; remove the tag, or put the value in quotes")
    if not fits or (kind == "int" and _reads_as_float(text)):
        raise ScalarError(f"does not fit its tag !!{kind}; remove the tag, or correct the value")
    return value


def as_text(value: Scalar) -> str:
    """A top-level scalar as it reaches the program: always text, numbers as Go's JSON writes them."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # encoding/json: decimal between 1e-6 and 1e21, exponent without padding elsewhere.
        shortest = decimal.Decimal(repr(value))
        return f"{shortest:f}" if abs(value) >= 1e-6 else re.sub(r"e([-+])0", r"e\1", repr(value))  # noqa: PLR2004
    return str(value)


def _number(text: str) -> Scalar:
    """go-yaml's cascade: integers of any base, then decimals, then two spellings it keeps for YAML 1.2."""
    if text in _ENDLESS:
        raise ScalarError("is not a number that JSON can carry, and Pulumi fails on it; give a finite number")
    if text[0] == ".":
        return _double(text.replace("_", ""), text) if _DOTTED_FLOAT.fullmatch(text) else text
    bare = text.replace("_", "")
    whole = _whole(bare)
    if whole is not None:
        return _exact(whole)
    if _FLOAT.fullmatch(bare):
        return _double(bare, text)
    whole = _odd_spelling(bare)
    return text if whole is None else _exact(whole)


def _whole(text: str) -> int | None:
    """strconv.ParseInt and then ParseUint, both with base 0; `None` when neither accepts the text."""
    sign = text[:1] if text[:1] in ("+", "-") else ""
    digits = text[len(sign) :]
    base = _PREFIXED.get(digits[:2].lower())
    if base is not None:
        return _in_range(sign, digits[2:], base)
    if digits.startswith("0"):
        return _in_range(sign, digits, 8)
    return _in_range(sign, digits, 10)


def _odd_spelling(text: str) -> int | None:
    """`0b+1`, which go-yaml's own code for 0b and 0o lets through after strconv has refused it."""
    if not text.startswith(("0b", "0o")):
        return None
    sign = text[2:3] if text[2:3] in ("+", "-") else ""
    return _in_range(sign, text[2 + len(sign) :], _PREFIXED[text[:2]])


def _in_range(sign: str, digits: str, base: int) -> int | None:
    if not _DIGITS[base].fullmatch(digits):
        return None
    digits = digits.lstrip("0") or "0"
    if len(digits) > 64:  # noqa: PLR2004 - more digits than 64 bits have in any base
        return None
    value = int(sign + digits, base)
    largest = 2**64 - 1 if not sign else 2**63 - 1
    return value if -(2**63) <= value <= largest else None


def _double(text: str, given: str) -> Scalar:
    value = float(text)
    if math.isinf(value):
        return given
    # go-yaml writes 1.0 back as 1 before Pulumi reads it again, so a whole number arrives as one.
    return _exact(value) if value.is_integer() else value


def _exact(value: float) -> int:
    if abs(value) > MAX_WHOLE:
        raise ScalarError(
            "is a whole number beyond 2^53 (9007199254740992), and Pulumi rounds those; put it in quotes if it is "
            "text (a commit such as 1234e56 reads as a number), or give a smaller number"
        )
    return int(value)


def _reads_as_float(text: str) -> bool:
    return _whole(text.replace("_", "")) is None and _odd_spelling(text.replace("_", "")) is None


def _is_date(text: str) -> bool:
    """time.Parse with go-yaml's four layouts."""
    if text[4:5] != "-":
        return False
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    year, month, day = (int(found.group(part)) for part in (1, 2, 3))
    # 2000 stands for year 0, which Go has and Python lacks; both are leap years.
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(year or 2000, month)[1]:  # noqa: PLR2004
        return False
    if not found["time"].strip():
        return True
    # A zone goes with T, and only with T.
    if (found["space"] is None) != (found["zone"] is not None):
        return False
    hour, minute, second = (int(found.group(part)) for part in (6, 7, 8))
    ahead, minutes = (int(found.group(part) or 0) for part in (10, 11))
    return hour < 24 and minute < 60 and second < 60 and ahead <= 24 and minutes <= 60  # noqa: PLR2004
