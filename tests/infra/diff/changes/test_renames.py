"""A resource under another name is told as renamed, and only when nothing else differs."""

from __future__ import annotations

from typing import Any

from infra.diff.changes.renames import renames
from infra.diff.snapshots.snapshot import Resource


def config(name: str, data: dict[str, Any], namespace: str = "n") -> Resource:
    properties = {"metadata": {"name": name, "namespace": namespace}, "data": data}
    token = "kubernetes:core/v1:ConfigMap"
    return Resource(f"ConfigMap {namespace}/{name}", token, "ConfigMap", namespace, name, "", (), "", properties)


def test_the_same_content_under_another_name_is_the_same_object() -> None:
    old, new = (
        config("qwen", {"app": "qwen", "url": "qwen.n.svc"}),
        config("chat", {"app": "chat", "url": "chat.n.svc"}),
    )
    assert renames([old], [new]) == {new.key: old}


def test_a_name_inside_another_word_is_no_name() -> None:
    old, new = config("qwen", {"model": "qwen25"}), config("chat", {"model": "chat25"})
    assert renames([old], [new]) == {}


def test_another_content_is_another_object_and_each_is_taken_once() -> None:
    old, new, second = config("a", {"x": "1"}), config("b", {"x": "1"}), config("c", {"x": "1"})
    assert renames([old], [config("b", {"x": "2"})]) == {}
    assert list(renames([old], [new, second])) == [new.key]


def test_the_same_content_in_another_namespace_is_the_same_object() -> None:
    old, new = config("a", {"url": "a.n.svc"}, "n"), config("a", {"url": "a.m.svc"}, "m")
    assert renames([old], [new]) == {new.key: old}
