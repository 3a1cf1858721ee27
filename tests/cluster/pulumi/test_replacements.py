"""The rules about Kubernetes objects against the real provider's own answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from components.catalog.replacements import ReplacementRule, replacement_rules
from tests.infra.diff.samples import API_VERSIONS, changed

from .provider import Provider, running

RULES = sorted(
    rule for rule in replacement_rules().values() if rule.kind in API_VERSIONS and rule.field not in ("+", "-")
)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running() as found:
        yield found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.kind} {rule.field}")
def test_the_provider_replaces_what_the_table_says_and_nothing_else(provider: Provider, rule: ReplacementRule) -> None:
    before, after = changed(rule)
    answer = provider.diff(after.type, before.properties, after.properties)
    replaces = rule.how == "delete-first"
    assert answer.changes
    assert (bool(answer.replaces), answer.delete_first) == (replaces, replaces)


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_the_provider_replaces_what_is_immutable_when_its_data_changes(provider: Provider, kind: str) -> None:
    before, after = changed(replacement_rules()[kind, "data"])
    fixed = {"immutable": True}
    answer = provider.diff(after.type, {**before.properties, **fixed}, {**after.properties, **fixed})
    assert answer.delete_first
