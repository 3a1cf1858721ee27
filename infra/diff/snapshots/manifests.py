"""Manifests read from YAML as kubectl reads them, with what is wrong and on which line.

Times stay text, and so does `1:30`: the cluster gets JSON, which has neither (sigs.k8s.io/yaml, `Unmarshal`).
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from components.core.errors import InferenceError

from ...stack.yamlfile import MAX_BYTES

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 100


class ManifestError(InferenceError):
    """A text that is no manifest.

    Args:
        line: 1-based, where.
        message: what is wrong, and what to do.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Loader(_Base):  # type: ignore[misc]  # whichever of the two there is
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own name, filled below

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise ManifestError(line, "has a key that is not text; put it in quotes")
            if key.value in seen:
                raise ManifestError(line, f"sets a key twice, on lines {seen[key.value]} and {line}; keep one of them")
            seen[key.value] = line
        made: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return {str(key): value for key, value in made.items()}


_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
for _tag, _pattern, _first in (
    ("bool", r"(?i:true|false|yes|no|on|off)", "tTfFyYnNoO"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(0|[1-9][0-9]*|0x[0-9a-fA-F]+|0o?[0-7]+)", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def _bool(loader: Any, node: Any) -> bool:
    return _WORDS[loader.construct_scalar(node).lower()]


def _int(loader: Any, node: Any) -> int:
    text = loader.construct_scalar(node).replace("_", "")
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.lstrip("+"))
    if len(digits) > 1 and digits[0] == "0" and digits[1] not in "xXoO":
        return sign * int(digits, 8)
    return sign * int(digits, 0)


_Loader.add_constructor("tag:yaml.org,2002:bool", _bool)
_Loader.add_constructor("tag:yaml.org,2002:int", _int)


def read_manifest(text: str) -> dict[str, Any]:
    """The one mapping a file holds.

    Raises:
        ManifestError: when it holds something else.
    """
    if len(text) > MAX_BYTES:
        raise ManifestError(1, f"is larger than {MAX_BYTES:,} bytes, and no object of a cluster is")
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise ManifestError(1, "is empty; delete it, or write one object")
        if _depth(node) > _DEEPEST:
            raise ManifestError(1, f"is nested more than {_DEEPEST} deep; check for brackets that are not closed")
        data = loader.construct_document(node)
    except yaml.composer.ComposerError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        if "another document" in str(error):
            raise ManifestError(line, "begins a second document; a rendered file holds one: split it") from None
        raise ManifestError(line, f"is not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ManifestError(mark.line + 1 if mark else 1, f"is not YAML: {problem}") from None
    except (RecursionError, ValueError) as error:
        if isinstance(error, ManifestError):
            raise
        raise ManifestError(1, f"is not YAML: {type(error).__name__}") from None
    finally:
        loader.dispose()
    if not isinstance(data, dict):
        raise ManifestError(1, "is no mapping; a file holds one object")
    return data


def _depth(root: Any) -> int:
    deepest, level, seen = 0, [root], set[int]()
    while level and deepest <= _DEEPEST:
        deepest += 1
        below = []
        for node in level:
            if isinstance(node, yaml.MappingNode):
                below += [value for _, value in node.value]
            elif isinstance(node, yaml.SequenceNode):
                below += node.value
        level = [node for node in below if id(node) not in seen]
        seen.update(map(id, level))
    return deepest
