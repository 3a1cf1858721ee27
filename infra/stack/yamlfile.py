"""A YAML file's text, where its paths stand, and what is wrong with it.

StackError (InferenceError)    a file that cannot be used; `problems` holds all of them, `lines()` prints them
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

import yaml
from yaml import events
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner, ScannerError

from components.core.errors import InferenceError, Path, Problem, dotted
from components.core.secrets import may_hold_secret

CParser: Any = getattr(yaml, "CLoader", None)
"""libyaml's parser; None where PyYAML was built without it: same answers, about ten times slower."""

MAX_BYTES = 4_000_000
"""A thousand models take 1.6 MB; a larger file is most often not a stack file at all."""

Located = tuple[int | None, Problem]

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_GIST = 60


class StackError(InferenceError):
    """A file that cannot be used.

    Args:
        path: the file, as the user knows it.
        problems: 1-based line (when there is one) and problem.
    """

    def __init__(self, path: FilePath, problems: list[Located]) -> None:
        self.path = path
        self.problems = sorted(problems, key=lambda located: located[0] or 0)
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """The problems as `stacks/Pulumi.dev.yaml:9  models.llama.engine  message`."""
        places = ((f"{self.path}:{line}" if line else str(self.path), problem) for line, problem in self.problems)
        return ["  ".join(filter(None, (place, dotted(problem.path), problem.message))) for place, problem in places]


def one_problem(path: FilePath, message: str, line: int | None = None) -> StackError:
    """An error about the whole file."""
    return StackError(path, [(line, Problem((), message))])


def read_text(path: FilePath) -> str:
    """The file's text, without a byte order mark.

    Raises:
        StackError: when it cannot be read, is too large, or is not UTF-8 text that YAML allows.
    """
    try:
        if path.is_dir():
            raise one_problem(path, "is a directory; name the file itself, such as stacks/Pulumi.dev.yaml")
        if path.exists() and not path.is_file():
            raise one_problem(path, "is not a regular file; name a YAML file")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except StackError:
        raise
    except FileNotFoundError:
        raise one_problem(path, f"does not exist; {_neighbours(path)}") from None
    except PermissionError:
        raise one_problem(path, "may not be read by this user; change its permissions (chmod u+r)") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise one_problem(path, f"cannot be read: {reason}; check where the path and its links lead") from None
    if len(data) > MAX_BYTES:
        raise one_problem(
            path,
            f"is larger than {MAX_BYTES:,} bytes; a thousand models take 1,600,000, so check that this is the right "
            "file, or split the environment",
        )
    return _decoded(path, data.removeprefix(b"\xef\xbb\xbf"))


def events_of(text: str) -> Iterator[Any]:
    """The parser's events, from libyaml where PyYAML was built with it."""
    # libyaml takes bytes a sixth faster than text.
    parser = CParser(text.encode()) if CParser is not None else _PythonParser(text)
    return iter(parser.get_event, None)


class _PythonParser(Reader, Scanner, Parser):
    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def get_event(self) -> Any:
        event: Any = super().get_event()  # type: ignore[no-untyped-call]  # types-PyYAML leaves it out
        if isinstance(event, events.ScalarEvent) and _HALF_CHARACTER.search(event.value):
            mark: Any = event.start_mark
            raise ScannerError(None, None, "found invalid Unicode character escape code", mark)
        return event


def lines_of(text: str) -> dict[Path, int]:
    """The 1-based line of every path in the file: a mapping's keys and a list's items.

    A second pass, made only when somebody asks: most files have no error to locate. What an alias or a merge
    brings in has no line of its own; the nearest ancestor here is the line that used the alias.
    """
    found: dict[Path, int] = {}
    path: list[str | int] = []  # one step a container that is open: the key or index its current child has
    wants_key: list[bool] = []
    try:
        for event in events_of(text):
            if isinstance(event, events.CollectionEndEvent):
                path.pop()
                wants_key.pop()
            elif isinstance(event, events.NodeEvent):
                is_key = bool(path) and wants_key[-1]
                if is_key:
                    if isinstance(event, events.CollectionStartEvent):
                        return found  # a mapping as a key: such a file is refused, and has no paths
                    path[-1] = getattr(event, "value", "")
                elif path and isinstance(path[-1], int):
                    path[-1] += 1
                mark: Any = event.start_mark
                found.setdefault(tuple(path), mark.line + 1)
                if is_key:
                    wants_key[-1] = False
                    continue
                if isinstance(event, events.CollectionStartEvent):
                    path.append("" if isinstance(event, events.MappingStartEvent) else -1)
                    wants_key.append(False)
            # Here a value has ended, or a container has just opened: in a mapping, a key is next.
            if path and isinstance(path[-1], str):
                wants_key[-1] = True
    except yaml.YAMLError:
        pass  # what was read until then keeps its lines
    return found


def nearest_line(lines: Mapping[Path, int], path: Path) -> int | None:
    """The line of a path, or of its nearest ancestor that has one."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)


def syntax_error(path: FilePath, text: str, error: yaml.YAMLError, before: list[Located]) -> StackError:
    """What the parser could not read, with the line's gist and the usual cause, and the problems before it."""
    problem = str(getattr(error, "problem", None) or error).partition("\n")[0]
    mark = getattr(error, "problem_mark", None)
    begun = getattr(error, "context_mark", None)
    if mark is None:
        return StackError(path, [*before, (None, Problem((), f"is not YAML: {problem}"))])
    if "could not find expected ':'" in problem and begun is not None:
        mark = begun
    lines = text.splitlines()
    number = min(mark.line, len(lines) - 1) if lines else 0
    line = lines[number] if lines else ""
    if line.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        cause = "a merge conflict is not resolved; keep one side and delete the markers"
    else:
        cause = _cause(problem, line, mark.column)
    since = f" (what is still open began on line {begun.line + 1})" if begun and begun.line < number else ""
    gist = _gist(line, lines[number - 1] if number else "")
    message = f"is not YAML at column {mark.column + 1}{since}: {cause}{gist}"
    return StackError(path, [*before, (number + 1, Problem((), message))])


def _cause(problem: str, line: str, column: int) -> str:
    character = line[column : column + 1]
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation or character == "\t":
        return "YAML does not allow tabs here; indent with spaces"
    if "cannot start any token" in problem:
        return f"text cannot begin with {character or 'this character'}; put the value in quotes"
    if "mapping values are not allowed" in problem:
        return "a `: ` inside a value, or a line indented deeper than its neighbours; quote the value or align the line"
    if "could not find expected ':'" in problem:
        return "a key without `: `; write `key: value`, with a space after the colon"
    if "',' or" in problem:
        return "a [ or { is not closed, or a comma is missing between items"
    if "while scanning a quoted scalar" in problem or "unexpected end of stream" in problem:
        return "a quote is not closed"
    if "unknown escape character" in problem:
        return "a backslash in double quotes starts an escape; use single quotes to keep it as it is"
    if "<block end>" in problem or "did not find expected key" in problem or "expected '-'" in problem:
        return "this line does not line up with the ones above; align it, or quote a value that has quotes inside"
    if "tag" in problem or "anchor" in problem or "alias" in problem:
        return "a value that begins with &, * or ! has a meaning of its own in YAML; put it in quotes"
    if "document start" in problem:
        return "text after the end of the settings; indent it below `config:` or delete it"
    return problem


def _gist(line: str, before: str) -> str:
    """The line itself, unless it or the one before may hold a secret."""
    text = line.strip()
    if not text or may_hold_secret(line) or may_hold_secret(before):
        return ""
    return f"; the line is: {text if len(text) <= _GIST else text[:_GIST] + '…'}"


def _decoded(path: FilePath, data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise one_problem(path, "is UTF-16 text; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)", 1)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        if b"\x00" in data:
            raise one_problem(path, "is a binary file; a stack file is UTF-8 text", line) from None
        likely = data[error.start : error.start + 1].decode("latin-1")
        raise one_problem(
            path,
            f"is not UTF-8: byte {error.start} is 0x{data[error.start]:02x}"
            + (f", which is {likely} in Latin-1" if likely.isprintable() else "")
            + "; save it as UTF-8 (iconv -f LATIN1 -t UTF-8)",
            line,
        ) from None
    found = _FORBIDDEN.search(text)
    if found is None:
        return text
    line = text.count("\n", 0, found.start()) + 1
    if found.group() == "\0":
        raise one_problem(path, "is a binary file or UTF-16 without a mark; save it as UTF-8 text", line)
    raise one_problem(
        path,
        f"holds the character U+{ord(found.group()):04X}, which YAML does not allow; delete it, or write it as an "
        "escape in double quotes",
        line,
    )


def _neighbours(path: FilePath) -> str:
    names = sorted(found.name for found in path.parent.glob("Pulumi.*.yaml"))[:10] if path.parent.is_dir() else []
    return f"beside it are: {', '.join(names)}" if names else "check the path"
