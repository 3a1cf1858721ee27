"""What the names rules hold names to."""

from __future__ import annotations

import pytest

from components.core.manifest import object_item
from components.core.plan import Part, Plan
from components.proofs.names import _file
from components.reading.index import Index
from infra.render.render import path_of

from .cases import CASES
from .plans import added, findings, serving, sound


def test_the_layout_of_rendered_files_is_the_renderers_own() -> None:
    assert [_file(entry) for entry in Index(sound()).entries] == [path_of(item) for _, item in sound().items()]


@pytest.mark.parametrize(
    ("kind", "name", "fits"),
    [
        ("Service", "a" * 63, True),
        ("Service", "a" * 64, False),
        ("Service", "3a", False),
        ("ConfigMap", "a" * 253, True),
        ("ConfigMap", "a.b", True),
        ("ConfigMap", "A", False),
        ("CronJob", "a" * 53, False),
        ("StatefulSet", "a" * 53, False),
        ("ClusterRole", "system:reader", True),
        ("Deployment", "3llama", True),
    ],
)
def test_names_are_held_to_what_the_api_server_takes(kind: str, name: str, fits: bool) -> None:
    manifest = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}
    plan = Plan("test", (Part("Other", "other", (object_item("object", "other", manifest),)),))
    assert (findings(plan, "invalid-name") == []) is fits


def test_children_of_kinds_that_can_become_each_other_share_their_identity() -> None:
    pair = serving("a", namespace="inference", rollout={"kind": "blue-green", "active": "blue"})
    found = findings(added(Plan("test", (pair,)), serving("a-blue", namespace="beta")), "duplicate-resource")
    wanted = "Deployment a-blue-deployment of ModelServer/a-blue has the identity that BlueGreen/a gives"
    assert [one for one in found if one.message.startswith(wanted)]
    assert findings(added(Plan("test", (pair,)), serving("b", namespace="beta")), "duplicate-resource") == []


def test_components_of_kinds_that_can_become_each_other_need_two_names() -> None:
    pair = serving("a", rollout={"kind": "blue-green", "active": "blue"})
    (found,) = findings(added(Plan("test", (pair,)), serving("a", namespace="beta")), "duplicate-component")
    assert found.message == "there are BlueGreen and ModelServer components named a; Pulumi refuses the second"


def test_an_object_of_another_group_with_one_name_is_not_the_same_object() -> None:
    case = next(case for case in CASES if case.rule == "one-file-twice")
    assert findings(case.bad(), "duplicate-object") == []
