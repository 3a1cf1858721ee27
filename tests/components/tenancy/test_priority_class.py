from __future__ import annotations

import pytest

from components.core.errors import ConfigError
from components.tenancy.priority_class import PriorityClassConfig, priority_class


def test_a_class_states_its_value_and_whether_it_preempts() -> None:
    config = PriorityClassConfig(value=1000, preemption_policy="Never", description="Batch jobs.")
    (item,) = priority_class("batch", config).items
    assert item.type == "kubernetes:scheduling.k8s.io/v1:PriorityClass"
    assert item.namespace == ""
    assert (item.properties["value"], item.properties["preemptionPolicy"]) == (1000, "Never")
    assert item.properties["description"] == "Batch jobs."


def test_a_class_preempts_unless_told_otherwise() -> None:
    (item,) = priority_class("production", PriorityClassConfig(value=1000)).items
    assert item.properties["preemptionPolicy"] == "PreemptLowerPriority"
    assert "description" not in item.properties


@pytest.mark.parametrize("value", [1_000_000_001, -(2**31) - 1])
def test_a_value_outside_of_what_users_may_set_is_refused(value: int) -> None:
    with pytest.raises(ConfigError, match="value: got"):
        PriorityClassConfig(value=value)


def test_a_name_that_only_kubernetes_may_use_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'priority_classes.system-x: "system-x": .* drop the prefix'):
        priority_class("system-x", PriorityClassConfig(value=1), path=("priority_classes", "system-x"))
