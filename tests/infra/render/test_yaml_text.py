"""What `to_yaml` writes reads back identically, by value and type, in Python and in Go.

The Go tests build tests/infra/render/goyaml_check, which reads as kubectl, Helm and Argo CD do; without `go` they say
so.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from components.core.manifest import Shared
from components.core.plan import ItemOutput, Late, SecretRef
from infra.render.yaml_text import _ROOT, to_yaml

words = str.split
LOADERS: list[Any] = [yaml.CSafeLoader, yaml.SafeLoader]

WORDS = words("y n yes no on off true false null nan inf none ~ = << ! !!str")
NUMBERS = [
    *words("0 -0 +1 007 0o7 0x1f 0x 0b11 1_000 1__ _1 -_1 1_0Gi 1e3 1E 5E 1e22 1e+22 1. .5 -.5 +.5 0.1 1.2.3"),
    *words(".inf -.inf +.INF .nan .NaN 500m 8Gi 1k 30s 1:30 190:20:30 -1:30.5 2001-12-14"),
    "2001-12-14t21:59:43.10-05:00",
    "2001-12-14 21:59:43.10 -5",
]
SIGNS = [
    *words("- -- --- ... -a --a ?a :a a: a:b :: a#b #a &a *a * %a @a `a | |- > >- {a} { } [a] [ ] , a,b ,a"),
    *words("' '' \" \"\" it's \\ \\n a\\ ${secret:x}"),
    *["", " ", "  ", "\t", "\n", "\n\n", "- a", "? a", ": a", "a: b", "a #b", 'say "x"', "{{ .Values.x }}"],
]
SPACES = [
    *[" a", "a ", "a  b", "a\tb", "\ta", "a\t", "\u00a0a", "a\u3000", "a\u2009b", "a\r\nb", "a\rb", "\r"],
    *["a\u0085b", "a\u2028b", "a\u2029b", "\ufeffa", "a\ufeffb", "a\u200bb", "\u202ea"],
]
CHARACTERS = [
    *map(chr, range(160)),
    *["\ud7ff", "\ue000", "\ufdd0", "\ufffd", "\ufffe", "\uffff", "\U0001fffe", "\U000e0041", "\U0010ffff"],
    *["é", "漢字", "😀", "👩\u200d🚀", "e\u0301"],
]
LINES = [
    *["a\nb", "a\nb\n", "a\nb\n\n", "\na\nb", " a\nb", "a\n b", "a\n\nb", "a\n  \nb", "a \nb", "a\nb ", "a\n "],
    *["a\n\tb", "\ta\nb", "a\n\n\tb\n", "#a\n#b", "---\na", "a\n---\nb\n...\n", "a: b\n- c\n", "%a\nb", "a\n\n "],
    *["a\n\u0085b", "a\n\u2028b", "a\r\nb\r\n", "é\n😀\n", "a\n" * 50, "a\n\x00b", '"a\nb"', "a\n\ufeffb"],
]
CASES = {form for word in WORDS for form in (word, word.upper(), word.title())}
NASTY = sorted(CASES.union(NUMBERS, SIGNS, SPACES, CHARACTERS, LINES))

# Random text rarely hits syntax, so a good part of it is put together from the pieces that YAML cares about.
pieces = st.lists(st.sampled_from([*NASTY, "a", "b", "1", " ", "\n", "\n  ", ":", "-", "#"]), max_size=6).map("".join)
texts = st.one_of(
    st.text(),
    st.text(st.characters(min_codepoint=32, max_codepoint=126)),
    st.text(st.sampled_from("abzAZ019_./-+:=,@%eExo ")),
    st.text(st.sampled_from("ab \t\n#-:é")),
    pieces,
)
keys = texts.filter(lambda text: len(text) < 150)
integers = st.integers(-(2**63), 2**63 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
leaves = st.one_of(texts, integers, floats, st.booleans())
documents = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(keys, inner, max_size=5)),
    max_leaves=25,
)


def in_every_place(text: str) -> dict[str, Any]:
    """A text as a key, as a value and in lists."""
    return {text: text, "list": [text, [text], {"deep": text}]}


def same(left: Any, right: Any) -> bool:
    """Equality that tells 1 from 1.0 and True, and 0.0 from -0.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return bool(left == right)


def assert_python_reads(value: Any) -> None:
    text = to_yaml(value)
    for loader in LOADERS:
        found = yaml.load(text, Loader=loader)  # noqa: S506  both are safe loaders
        assert same(found, value), f"{loader.__name__} reads {found!r} in:\n{text}"


class GoReader:
    """The running goyaml_check: a document in, what Go's readers make of it out."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def read(self, document: str) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(document) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def assert_reads(self, value: Any) -> None:
        text = to_yaml(value)
        answer = self.read(text)
        assert "error" not in answer, f"{answer['error']} in:\n{text}"
        assert same_in_json(answer["kubernetes"], value), f"kubectl reads {answer['kubernetes']!r} in:\n{text}"
        assert same(untyped(answer["v3"]), in_go_order(value)), f"yaml.v3 reads {answer['v3']!r} in:\n{text}"


def same_in_json(found: Any, value: Any) -> bool:
    """Equality where a number is a number: JSON, and so the API server, has no other kind."""
    match value:
        case bool() | str():
            return type(found) is type(value) and bool(found == value)
        case int():
            return type(found) is int and found == value
        case float():
            return type(found) in (int, float) and float(found) == value
        case list():
            return isinstance(found, list) and len(found) == len(value) and all(map(same_in_json, found, value))
        case dict():
            same_keys = isinstance(found, dict) and found.keys() == value.keys()
            return same_keys and all(same_in_json(found[key], value[key]) for key in value)
    raise AssertionError(value)


def untyped(value: Any) -> Any:
    """goyaml_check's typed answer as Python values."""
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    match kind:
        case "int":
            return int(inner)
        case "float":
            return float(inner)
        case "list":
            return [untyped(item) for item in inner]
        case "mapping":
            return {key: untyped(item) for key, item in inner.items()}
    return value


def in_go_order(value: Any) -> Any:
    """Go's encoder sorts mapping keys by their UTF-8 bytes."""
    if isinstance(value, dict):
        return {key: in_go_order(value[key]) for key in sorted(value, key=str.encode)}
    return [in_go_order(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="session")
def go_reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoReader]:
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not on PATH: `make system` installs it, to compare with how kubectl reads YAML")
    program = tmp_path_factory.mktemp("goyaml") / "goyaml_check"
    # Not the repository's commit: Go would ask git, which may refuse in a checkout that somebody else owns.
    build = [go, "build", "-buildvcs=false", "-o", str(program), "."]
    source = Path(__file__).with_name("goyaml_check")
    built = subprocess.run(
        build, cwd=source, env={**os.environ, "GOWORK": "off"}, capture_output=True, text=True, check=False, timeout=600
    )
    assert built.returncode == 0, built.stderr
    pipe = subprocess.PIPE
    with subprocess.Popen([program], stdin=pipe, stdout=pipe, text=True, encoding="utf-8") as process:
        yield GoReader(process)
        assert process.stdin
        process.stdin.close()
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_text_that_looks_like_something_else_reads_back_in_python(text: str) -> None:
    assert_python_reads(in_every_place(text))
    assert_python_reads(text)


def test_text_that_looks_like_something_else_reads_back_in_go(go_reader: GoReader) -> None:
    for text in NASTY:
        go_reader.assert_reads(in_every_place(text))
        go_reader.assert_reads(text)


def test_every_character_reads_back_everywhere(go_reader: GoReader) -> None:
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    for start in range(0, len(characters), 2000):
        some = characters[start : start + 2000]
        value = ["".join(some), "a\n" + "".join(some), *(some if start < 0x3100 else some[::97])]
        assert yaml.load(to_yaml(value), Loader=yaml.CSafeLoader) == value
        go_reader.assert_reads(value)


@settings(max_examples=500, deadline=None)
@given(documents)
def test_any_plain_data_reads_back_in_python(value: Any) -> None:
    assert_python_reads(value)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=documents)
def test_any_plain_data_reads_back_in_go(go_reader: GoReader, value: Any) -> None:
    go_reader.assert_reads(value)


@settings(max_examples=1000, deadline=None)
@given(texts)
def test_any_text_reads_back_in_every_place_in_python(text: str) -> None:
    assume(len(text) < 150)
    assert_python_reads(in_every_place(text))


@settings(max_examples=1000, deadline=None)
@given(text=texts)
def test_any_text_reads_back_in_every_place_in_go(go_reader: GoReader, text: str) -> None:
    assume(len(text) < 150)
    go_reader.assert_reads(in_every_place(text))


@pytest.mark.parametrize(
    "value", [1e22, -0.0, 0.1, 5e-324, 1e-7, 1e16, 90.0, 1.7976931348623157e308, -(2**63), 2**63 - 1]
)
def test_the_edges_of_numbers_read_back_everywhere(value: float, go_reader: GoReader) -> None:
    assert_python_reads([value, {"n": value}])
    go_reader.assert_reads([value, {"n": value}])


def test_the_longest_key_reads_back_everywhere(go_reader: GoReader) -> None:
    value = {"a" * 1000: 1, "nested": [{"\x00" * 166: "b"}]}
    assert_python_reads(value)
    go_reader.assert_reads(value)


def test_an_object_is_written_the_way_kubectl_writes_it() -> None:
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "llama",
            "labels": {"app.kubernetes.io/version": "3.3.4", "canary": "yes"},
            "annotations": {},
        },
        "spec": {
            "replicas": 2,
            "containers": [
                {
                    "image": "ghcr.io/huggingface/text-generation-inference:3.3.4@sha256:0a1b",
                    "args": ["--model-id=meta-llama/Llama-3.1-8B", "--port", "8080", "*"],
                    "command": ["sh", "-c", "set -e\nexec server\n"],
                    "resources": {"limits": {"memory": "32Gi", "cpu": "500m", "nvidia.com/gpu": 1}},
                    "securityContext": {"readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [],
                }
            ],
        },
    }
    expected = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: llama
  labels:
    app.kubernetes.io/version: "3.3.4"
    canary: "yes"
  annotations: {}
spec:
  replicas: 2
  containers:
  - image: ghcr.io/huggingface/text-generation-inference:3.3.4@sha256:0a1b
    args:
    - --model-id=meta-llama/Llama-3.1-8B
    - --port
    - "8080"
    - "*"
    command:
    - sh
    - -c
    - |
      set -e
      exec server
    resources:
      limits:
        memory: 32Gi
        cpu: 500m
        nvidia.com/gpu: 1
    securityContext:
      readOnlyRootFilesystem: true
      capabilities:
        drop:
        - ALL
    volumeMounts: []
"""
    assert to_yaml(manifest) == expected


def test_lines_become_a_block_where_nothing_is_lost_from_sight() -> None:
    assert to_yaml({"a": "x\n\ny\n"}) == "a: |\n  x\n\n  y\n"
    assert to_yaml({"a": "x\ny"}) == "a: |-\n  x\n  y\n"
    assert to_yaml({"a": "x\ny\n\n"}) == 'a: "x\\ny\\n\\n"\n'
    assert to_yaml({"a": "x \ny"}) == 'a: "x \\ny"\n'


def test_a_block_is_indented_for_where_it_stands_whatever_was_written_before() -> None:
    deep = to_yaml({"a": [{"b": "one\ntwo"}]})
    assert deep == "a:\n- b: |-\n    one\n    two\n"
    assert to_yaml({"a": "one\ntwo"}) == "a: |-\n  one\n  two\n"
    assert to_yaml({"a": [{"b": "one\ntwo"}]}) == deep


def test_what_is_remembered_of_earlier_documents_is_bounded() -> None:
    many = [f"text {number}" for number in range(25_000)]
    assert yaml.load(to_yaml(many), Loader=yaml.CSafeLoader) == many
    assert len(_ROOT.texts) <= 10_000


def test_invisible_characters_are_written_as_escapes() -> None:
    assert to_yaml("a\u202eb\u200b") == '"a\\u202eb\\u200b"\n'
    assert to_yaml("\U000e0041") == '"\\U000e0041"\n'
    assert to_yaml("naïve 😀") == '"naïve 😀"\n'


def test_placeholders_are_written_as_their_text() -> None:
    value = {"a": SecretRef("hf_token"), "b": [Late("endpoint")], "c": ItemOutput("cluster", "endpoint")}
    expected = {"a": "${secret:hf_token}", "b": ["${endpoint}"], "c": "${cluster.endpoint}"}
    assert yaml.safe_load(to_yaml(value)) == expected


def test_other_spellings_of_plain_data_are_written_like_the_plain_ones() -> None:
    class Colour(StrEnum):
        BLUE = "blue"

    value = MappingProxyType({Colour.BLUE: Colour.BLUE, "pair": (1, ("no",)), "inner": MappingProxyType({})})
    assert to_yaml(value) == to_yaml({"blue": "blue", "pair": [1, ["no"]], "inner": {}})


def _sharing(value: Any) -> Any:
    """The same data with every mapping one that objects share."""
    if isinstance(value, dict):
        return Shared({key: _sharing(inner) for key, inner in value.items()})
    return [_sharing(inner) for inner in value] if isinstance(value, list) else value


@given(documents)
def test_what_objects_share_is_written_like_anything_else_wherever_it_stands(value: Any) -> None:
    once = _sharing(value)
    assert to_yaml(once) == to_yaml(value)
    assert to_yaml({"a": once, "b": {"c": [once, {"d": once}]}}) == to_yaml(
        {"a": value, "b": {"c": [value, {"d": value}]}}
    )


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "leave the field out"),
        ({"a": [None]}, "leave the field out"),
        ({1: "a"}, "the key 1 is not text"),
        ({True: "a"}, "the key True is not text"),
        ({"a": {1, 2}}, "a set is not plain data"),
        ({"a": b"x"}, "a bytes is not plain data"),
        ([object()], "a object is not plain data"),
    ],
)
def test_what_is_not_plain_data_is_refused(value: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        to_yaml(value)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (math.inf, "not a number that JSON"),
        ([-math.inf], "not a number that JSON"),
        ({"a": math.nan}, "not a number that JSON"),
        (2**63, "beyond 64 bits"),
        ([-(2**63) - 1], "beyond 64 bits"),
        ("\ud800", "lone surrogate"),
        ("a\n\udfff\n", "lone surrogate"),
        ({"\ud83d": 1}, "lone surrogate"),
        ({"k" * 1001: 1}, "over 1000 characters"),
    ],
)
def test_what_no_reader_gives_back_is_refused(value: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        to_yaml(value)


@settings(deadline=None)
@given(st.lists(texts, min_size=1, max_size=30))
def test_what_was_written_before_changes_nothing(earlier: list[str]) -> None:
    value = [in_every_place(text) for text in earlier]
    first = to_yaml(value)
    to_yaml([f"{number} {text}" for number, text in enumerate(earlier)])
    assert to_yaml(value) == first
