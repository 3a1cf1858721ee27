"""What is told of a broken stack: every problem once, and nothing that is only the echo of another."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from components.core.errors import ConfigError, dotted
from infra.plan.collector import Collector
from infra.plan.environment import Environment
from infra.plan.planning import planned
from infra.plan.sections.section import Assembly, Section

STACK: dict[str, Any] = {
    "cluster": {"kind": "gke", "name": "a", "project": "example-project", "location": "us-central1"},
    "node_pools": {"l4": {"accelerator": "nvidia-l4", "machine_type": "g2-standard-8", "nodes": {"max": 1}}},
    "priority_classes": {"serving": {"value": 10}},
    "addons": {"istio": "present"},
    "models": {
        "chat": {
            "model": "Qwen/Qwen3-8B",
            "engine": {"kind": "custom", "image": "example.com/server:1.2.3"},
            "gpus": 1,
            "runs_on": ["l4"],
            "priority_class": "serving",
            "rollout": {"kind": "canary", "canary": {"env": {"NEW": "1"}}},
        }
    },
    "traffic": {
        "chat": {
            "model": "chat",
            "hosts": ["chat.example.com"],
            "subsets": {"new": "canary", "old": "stable"},
            "rules": [{"to": {"new": 50, "old": 50}}],
        }
    },
}


def told(stack: dict[str, Any]) -> list[str]:
    """Where something is said to be wrong."""
    try:
        planned(stack, "test", ())
    except ConfigError as error:
        return [dotted(problem.path) for problem in error.problems]
    return []


def changed(path: str, value: Any) -> dict[str, Any]:
    stack: Any = deepcopy(STACK)
    *above, last = path.split(".")
    at = stack
    for step in above:
        at = at[step]
    at[last] = value
    return dict(stack)


def test_the_stack_is_right_as_it_stands() -> None:
    assert told(STACK) == []


@pytest.mark.parametrize(
    "path",
    [
        "node_pools",
        "node_pools.l4",
        "priority_classes",
        "priority_classes.serving",
        "addons",
        "addons.istio",
        "models",
        "models.chat",
        "models.chat.rollout",
        "traffic.chat.subsets",
    ],
)
def test_what_refers_to_something_that_is_written_wrongly_is_not_wrong_itself(path: str) -> None:
    assert told(changed(path, 7)) == [path]


def test_what_is_wrong_beside_it_is_told_too() -> None:
    stack = changed("node_pools.l4", 7)
    stack["models"]["chat"]["priority_class"] = "srving"
    assert told(stack) == ["node_pools.l4", "models.chat.priority_class"]


def test_a_section_that_waits_for_itself_is_a_bug_that_says_so() -> None:
    def plan(assembly: Assembly) -> list[Any]:
        return assembly.parts("other")

    sections = (Section("one", plan=plan), Section("other", plan=lambda assembly: assembly.parts("one")))
    environment = Environment.model_validate({"cluster": {"kind": "kubeconfig"}})
    with pytest.raises(RecursionError, match="the section one is asked for its parts while it is planned"):
        Assembly(environment, sections, Collector()).parts("one")
