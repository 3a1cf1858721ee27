"""Plain data from a YAML text, by Pulumi's rules, with every problem and its line.

One pass over the parser's events; marks are read only for problems. Keys come out sorted, because Pulumi hands
objects over as JSON that Go wrote, which sorts them: a plan must not depend on who read the file.

Refused, although Pulumi takes them: what it drops or changes without a word (a second document, tags, keys that
are not text, `"<<"` in quotes, which it merges), and nesting that no reader after this one survives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from components.core.errors import Path, Problem, shown

from . import goyaml
from .yamlfile import Located, StackError, events_of, lines_of, one_problem, syntax_error

MAX_DEPTH = 100
"""Nesting no settings have, and that recursive readers of the data still survive."""
MAX_PROBLEMS = 100
"""A file with more has one cause, and a longer list does not help to find it."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Stands where the file has `{secure: …}`; the ciphertext is dropped at once."""

    def __str__(self) -> str:
        return "an encrypted value"


SEALED = Sealed()

# Pulumi writes each file back with go-yaml before it reads it, and go-yaml's literal blocks lose these beginnings.
_LOST = frozenset("\n\r\t\x85\u2028\u2029")
_KEY_NEXT = object()
_MERGE = object()
_ITEMS = object()


def parse(path: FilePath, text: str) -> tuple[Any, list[Located]]:
    """The file's data, and what is wrong with it.

    Args:
        path: the file, for errors.
        text: what `read_text` returned.

    Returns:
        dict, list, str, int, float, bool, None and `SEALED`; and the problems. When there are some, the data is
        only good for finding more.

    Raises:
        StackError: when nothing can be read after a problem; it holds the ones before it too.
    """
    tree = _Tree()
    try:
        data = tree.read(text)
    except _StopError:
        raise StackError(path, tree.located(text)) from None
    except yaml.YAMLError as error:
        raise syntax_error(path, text, error, tree.located(text)) from None
    except (ValueError, OverflowError, RecursionError) as error:
        # PyYAML's own parser lets these out for escapes beyond Unicode, where libyaml reports them.
        raise one_problem(path, f"is not YAML: {str(error) or type(error).__name__}") from None
    return data, tree.located(text)


def sealed_in(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where encrypted values stand in some data, below `path`."""
    if value is SEALED:
        yield path
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from sealed_in(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from sealed_in(child, (*path, index))


class _StopError(Exception):
    """Raised after a problem that leaves nothing to read on for."""


class _Frame:
    """A container that is open: its value so far, and what its next child is."""

    __slots__ = ("aliased", "anchor", "container", "flow", "key", "merges", "start")

    def __init__(self, event: Any, start: int, aliased: int) -> None:
        is_mapping = event.__class__ is MappingStartEvent
        self.container: Any = {} if is_mapping else []
        self.key: Any = _KEY_NEXT if is_mapping else _ITEMS
        self.anchor: str | None = event.anchor
        self.flow: bool = event.flow_style
        self.start = start
        self.aliased = aliased
        self.merges: list[dict[str, Any]] = []


class _Tree:
    def __init__(self) -> None:
        self.problems: list[tuple[int, Path, str | None]] = []
        self.frames: list[_Frame] = []
        self.known: dict[str, Any] = {}  # plain scalars already read; a fleet repeats most of them
        self.anchors: dict[str, tuple[Any, int] | None] = {}
        self.aliased = 0
        self.documents = 0

    def read(self, text: str) -> Any:
        """Build the data in one pass."""
        frames, known, root = self.frames, self.known, None
        frame: _Frame | None = None
        value: Any
        for number, event in enumerate(events_of(text)):
            kind = event.__class__
            if kind is ScalarEvent:
                value = event.value
                if event.tag is not None or (not event.style and value not in known):
                    value = self._scalar(event)
                elif not event.style:
                    value = known[value]
                elif "\n" in value and value.lstrip(" ")[:1] in _LOST:
                    self._problem(
                        event,
                        self._path(),
                        "is text of several lines that begins with a line break or a tab, which Pulumi loses; begin "
                        "with its first line",
                    )
                if event.anchor is not None:
                    self.anchors[event.anchor] = (value, 1)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._check_start(event)
                frame = _Frame(event, number, self.aliased)
                frames.append(frame)
                continue
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                closed = frames.pop()
                value = closed.container if closed.key is _ITEMS else _mapping(closed)
                if closed.anchor is not None:
                    size = number - closed.start + self.aliased - closed.aliased
                    self.anchors[closed.anchor] = (value, size)
                frame = frames[-1] if frames else None
            elif kind is AliasEvent:
                value = self._alias(event, number)
            else:
                if kind is DocumentStartEvent:
                    self._check_document(event)
                continue

            if frame is None:
                root = value
                continue
            key = frame.key
            if key is _ITEMS:
                frame.container.append(value)
            elif key is _KEY_NEXT:
                frame.key = value
                if value.__class__ is not str or value == "<<" or value in frame.container:
                    frame.key = self._odd_key(event, value, frame)
            elif key is _MERGE:
                frame.key = _KEY_NEXT
                self._merge(event, value, frame)
            else:
                frame.container[key] = value
                frame.key = _KEY_NEXT
        return root

    def located(self, text: str) -> list[Located]:
        """The problems as errors carry them; a key that is set twice learns here where it was set first."""
        lines = lines_of(text) if any(message is None for _, _, message in self.problems) else {}
        located: list[Located] = []
        for line, path, message in self.problems:
            first = lines.get(path, line)
            twice = "is set twice" + (f", on lines {first} and {line}" if first != line else "") + "; keep one of them"
            located.append((line, Problem(path, message or twice)))
        return located

    def _scalar(self, event: Any) -> Any:
        try:
            if event.tag is not None:
                return goyaml.tagged(event.tag, event.value)
            value = goyaml.plain(event.value)
        except goyaml.ScalarError as error:
            path = self._path()
            # A top-level scalar is a secret more often than not.
            given = shown(event.value, path).strip('"') if len(path) > 2 else "the value"  # noqa: PLR2004
            self._problem(event, path, f"{given} {error}")
            return event.value
        if "?" not in event.value:
            self.known[event.value] = value
        elif self.frames and self.frames[-1].flow:
            # go-yaml ends unquoted text there (scannerc.go:2729), libyaml no longer does.
            self._problem(event, self._path(), "has a ? in unquoted text inside [ ] or { }; put the text in quotes")
        return value

    def _alias(self, event: Any, number: int) -> Any:
        name = event.anchor
        if name not in self.anchors:
            self._problem(event, self._path(), f"*{name} has no anchor &{name} above it; quote text that begins with *")
            return None
        found = self.anchors[name]
        if found is None:
            self._stop(event, f"*{name} stands inside its own anchor &{name}; write the value out")
            return None
        value, size = found
        self.aliased += size
        nodes = number + self.aliased
        # go-yaml's own guard and numbers, decode.go:481 (allowedAliasRatio).
        share = min(0.99, max(0.10, 0.99 - 0.89 * (nodes - 400_000) / 3_600_000))
        if self.aliased > 100 and nodes > 1000 and self.aliased / nodes > share:  # noqa: PLR2004
            self._stop(event, "aliases make the file grow out of bounds, and Pulumi refuses it; write the values out")
        return value

    def _odd_key(self, event: Any, value: Any, frame: _Frame) -> Any:
        """A key that is a merge, set twice, or not text."""
        text = getattr(event, "value", "")
        path = self._path()[:-1]
        if value == "<<":
            if event.style or frame.merges:
                message = "is merged by Pulumi even in quotes; choose another key" if event.style else None
                self._problem(event, (*path, "<<"), message)
            return _MERGE
        if isinstance(value, str):
            self._problem(event, (*path, value), None)
        elif isinstance(event, ScalarEvent):
            self._problem(event, (*path, text), f'is a key that is not text; put it in quotes: "{text}"')
        else:
            self._problem(event, path, "a key must be text; put text that begins with {, [ or * in quotes")
        return text or "?"

    def _merge(self, event: Any, value: Any, frame: _Frame) -> None:
        listed = isinstance(value, list) and not isinstance(event, AliasEvent)
        sources = value if listed else [value]
        if not all(isinstance(source, dict) for source in sources):
            self._problem(event, (*self._path()[:-1], "<<"), "merges mappings only; name one with *, or list several")
            return
        frame.merges.extend([{}, *sources])  # never empty, so that a second merge is noticed

    def _check_start(self, event: Any) -> None:
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        if event.tag not in (None, "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            self._problem(event, self._path(), "has a tag that Pulumi drops; remove the tag")
        if len(self.frames) >= MAX_DEPTH:
            self._stop(event, f"is nested more than {MAX_DEPTH} deep; check for brackets that are not closed")

    def _check_document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._stop(
                event, "begins a second document, which Pulumi does not read; delete the `---` or split the file"
            )
        if event.version not in (None, (1, 1)):
            self._stop(event, "asks for a YAML version that Pulumi refuses; delete the %YAML line")

    def _path(self) -> Path:
        return tuple(
            len(frame.container)
            if frame.key is _ITEMS
            else "<<"
            if frame.key is _MERGE
            else ""
            if frame.key is _KEY_NEXT
            else frame.key
            for frame in self.frames
        )

    def _problem(self, event: Any, path: Path, message: str | None) -> None:
        self.problems.append((event.start_mark.line + 1, path, message))
        if len(self.problems) >= MAX_PROBLEMS:
            self._stop(event, f"has more than {MAX_PROBLEMS} problems; the rest is not shown")

    def _stop(self, event: Any, message: str) -> None:
        self.problems.append((event.start_mark.line + 1, (), message))
        raise _StopError


def _mapping(frame: _Frame) -> Any:
    """The finished mapping: merged, sealed when it is an encrypted value, sorted."""
    mapping: dict[str, Any] = frame.container
    for source in frame.merges:
        for key, value in source.items():
            mapping.setdefault(key, value)
    if len(mapping) == 1:
        # object.go:490 (isSecureValue): one key, and text below it.
        return SEALED if isinstance(mapping.get("secure"), str) else mapping
    keys = list(mapping)
    ordered = sorted(keys)
    return mapping if keys == ordered else {key: mapping[key] for key in ordered}
