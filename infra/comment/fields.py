"""Fields that differ, as the lines of a diff."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from typing import Any

from ..diff.changes.report import ABSENT, Change, FieldChange

_PLAIN = re.compile(r"[A-Za-z/.$][\w ./:=,@+()%$-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "."})
"""What YAML reads as something else than text."""
_SIGNS = {"create": "+", "delete": "-", "update": "~", "replace": "!", "rename": "~"}
_LONGEST_DIFF = 20_000
"""Characters from which on two texts are not compared line by line: that takes their product."""
_BEFORE = 24
"""How much of what two long values have in common is shown before they differ."""


def heading(change: Change) -> str:
    """`@@ Deployment production/llama @@ update: the pod template changed`."""
    why = f": {change.reason}" if change.reason else ""
    return f"@@ {change.resource} @@ {_SIGNS[change.action]} {change.action}, {change.effect}{why}"


def field_lines(change: Change, most: int) -> Iterator[str]:
    """A change's fields as `-` and `+` lines.

    Args:
        change: the resource that differs.
        most: how many characters of a value are shown.
    """
    for one in change.fields:
        if isinstance(one.before, str) and isinstance(one.after, str) and "\n" in one.before + one.after:
            yield f"  {one.path}:"
            yield from _text_lines(one.before, one.after, most)
        else:
            yield from _value_lines(one, most)


def _value_lines(one: FieldChange, most: int) -> Iterator[str]:
    before, after = as_text(one.before), as_text(one.after)
    start = 0
    if max(len(before), len(after)) > most:
        start = max(0, _common(before, after) - _BEFORE)
    for sign, value, text in (("-", one.before, before), ("+", one.after, after)):
        if value is not ABSENT:
            yield f"{sign} {one.path}: {_window(text, start, most)}"


def _common(before: str, after: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = enumerate(zip(before, after, strict=False))
    return next((number for number, (one, other) in pairs if one != other), min(len(before), len(after)))


def _window(text: str, start: int, most: int) -> str:
    """A long text from where it differs on, with what is left out."""
    shown = text[start : start + most]
    left = len(text) - start - len(shown)
    return f"{'…' if start else ''}{shown}{f'… (+{left:,} characters)' if left else ''}"


def _text_lines(before: str, after: str, most: int) -> Iterator[str]:
    """What differs of two texts of several lines, at most about so many characters."""
    old, new = before.splitlines(), after.splitlines()
    if len(before) + len(after) > _LONGEST_DIFF:
        yield f"- {len(old):,} lines"
        yield f"+ {len(new):,} lines"
        return
    found = list(difflib.unified_diff(old, new, n=1, lineterm=""))[2:]
    used = 0
    for number, line in enumerate(found):
        used += len(line)
        if used > most:
            yield f"  … {len(found) - number:,} more lines"
            return
        yield f"{line[:1]}   {line[1:]}" if line[:1] in "+- " else f"    {line}"


def as_text(value: Any) -> str:
    """A value as YAML in one line."""
    if value is ABSENT:
        return ""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS and value == value.strip():
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
