"""Parts of manifests that many objects have."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from components.core.manifest import Shared


@pytest.mark.parametrize(
    "change",
    [
        lambda shared: shared.__setitem__("a", 2),
        lambda shared: shared.__delitem__("a"),
        lambda shared: shared.update(a=2),
        lambda shared: shared.__ior__({"a": 2}),
        lambda shared: shared.pop("a"),
        lambda shared: shared.popitem(),
        lambda shared: shared.setdefault("b", 2),
        lambda shared: shared.clear(),
    ],
)
def test_a_shared_part_cannot_be_changed(change: Callable[[Shared], Any]) -> None:
    shared = Shared(a=1)
    with pytest.raises(TypeError, match="change a copy"):
        change(shared)
    assert shared == {"a": 1}


def test_a_copy_of_a_shared_part_is_an_ordinary_mapping() -> None:
    shared = Shared(a={"b": [1]})
    for made in (dict(shared), copy.deepcopy(shared), {**shared}):
        assert type(made) is dict
        made["a"] = 2
    copied = copy.deepcopy(shared)
    copied["a"]["b"].append(2)
    assert shared == {"a": {"b": [1]}}


def test_a_shared_part_travels_to_another_process_as_one() -> None:
    shared = Shared(a={"b": [1]})
    one, other = pickle.loads(pickle.dumps([shared, shared]))  # noqa: S301 - our own
    assert one == shared
    assert type(one) is Shared
    assert one is other
